import { signal } from "@preact/signals";
import type { LivePage } from "../live-page.ts";
import { nextTheme } from "./theme.ts";

export const isHelpOpen = signal(false);
/** Metrics whose chart is shown as a table. */
export const tables = signal<ReadonlySet<string>>(new Set());

export function toggleTable(metric: string): void {
  const shown = new Set(tables.value);
  if (!shown.delete(metric)) shown.add(metric);
  tables.value = shown;
}

const PANEL_KEYS: ReadonlyMap<string, string> = new Map([
  ["a", "alarms"],
  ["s", "agents"],
  ["r", "streams"],
  ["c", "trends"],
  ["w", "windows"],
]);

/** Listens for the page's keys until the returned function is called. Keys with a modifier stay the browser's. */
export function onKeys(page: LivePage): () => void {
  const listen = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isHelpOpen.value) return;
    if (takeKey(event, page)) event.preventDefault();
  };
  document.addEventListener("keydown", listen);
  return () => document.removeEventListener("keydown", listen);
}

function takeKey(event: KeyboardEvent, page: LivePage): boolean {
  const target = event.target instanceof Element ? event.target : null;
  const panel = PANEL_KEYS.get(event.key);
  // Letters on a choice find what is chosen, in a field they are what is sought.
  if (target instanceof HTMLSelectElement || target instanceof HTMLInputElement) return false;
  if (event.key === " ") {
    // Space on a button presses that button.
    if (target?.closest("button, a, summary") !== null) return false;
    page.togglePause();
  } else if (event.key === "?") isHelpOpen.value = true;
  else if (event.key === "t") nextTheme();
  else if (event.key === "v") toggleTables(page, target);
  else if (panel !== undefined) focusPanel(panel);
  else return false;
  return true;
}

function toggleTables(page: LivePage, target: Element | null): void {
  const focused = target?.closest<HTMLElement>("[data-metric]")?.dataset["metric"];
  if (focused !== undefined) toggleTable(focused);
  else
    tables.value =
      tables.value.size > 0 ? new Set() : new Set(page.trends.value.map((trend) => trend.metric));
}

function focusPanel(id: string): void {
  const panel = document.getElementById(id);
  panel?.focus({ preventScroll: true });
  panel?.scrollIntoView({ block: "start" });
}
