import { signal } from "@preact/signals";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export const theme = signal<Theme>("system");
/** Counts up when the colours on the screen change, whoever changed them: canvases must be drawn again. */
export const themeVersion = signal(0);

const STORED_AS = "millrace.theme";
const systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");
systemIsDark.addEventListener("change", () => {
  themeVersion.value += 1;
});

/** `?theme=` first, then what was chosen here before, else the system's. */
export function readTheme(query: string): Theme {
  const asked = new URLSearchParams(query).get("theme") ?? storedTheme();
  return THEMES.find((known) => known === asked) ?? "system";
}

export function applyTheme(chosen: Theme): void {
  theme.value = chosen;
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  themeVersion.value += 1;
}

export function nextTheme(): void {
  const chosen = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  applyTheme(chosen);
  try {
    localStorage.setItem(STORED_AS, chosen);
  } catch {
    // A browser that stores nothing still shows the theme.
  }
}

function storedTheme(): string | null {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}
