import type { EventTimeMs } from "../event-time.ts";
import { SessionTrack } from "./session-track.ts";
import { viewMetricName, withoutPaneSize } from "./state-key.ts";
import type { WindowMemory } from "./window-memory.ts";
import type { WindowTrack } from "./window-track.ts";

const PREFIX = "n|";
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Stored under `n|{window}`, JSON: a window that was there at the last start that had any of its metric. */
interface Presence {
  readonly view: string;
  /** Another one under its name is another window. */
  readonly definition: string;
  readonly keptToMs: EventTimeMs | null;
  readonly staleToMs: EventTimeMs | null;
}

/**
 * Finds the windows that were not there at the last start: what came meanwhile was not looked at for them, and panes that no
 * window there needed are gone. To be called once views and tracks know how far the store reaches.
 *
 *   its labels were not grouped by   begins behind the metric's panes
 *   sessions                         begin behind the panes that are there
 *   else                             is whole from where the others needed their panes; its results of before are outdated
 *
 * @param stored what there is under `n|`; nothing: of the store of an earlier build nobody knows who was there.
 * @param finalToMs of each window, as in keys, that the store knows.
 */
export function notePresence(
  memory: WindowMemory,
  stored: ReadonlyMap<string, Uint8Array>,
  finalToMs: ReadonlyMap<string, EventTimeMs>,
): void {
  const known = new Map<string, Presence>();
  for (const [key, bytes] of stored) {
    const presence = decode(bytes);
    if (presence !== null) known.set(key.slice(PREFIX.length), presence);
  }
  const finalOf = (window: string) => finalToMs.get(window) ?? -Infinity;
  for (const track of memory.tracks.values()) {
    const own = { view: withoutPaneSize(track.view.key), definition: definitionOf(track) };
    const before = known.get(track.key);
    const isHere = before?.view === own.view && before.definition === own.definition;
    if (isHere) {
      track.keptBeforeMs = before.keptToMs ?? -Infinity;
      track.staleToMs = before.staleToMs ?? -Infinity;
    } else if (stored.size > 0) {
      track.keptBeforeMs = wholeFromMs(memory, track, known, finalOf);
      if (!(track instanceof SessionTrack) && before === undefined) track.staleToMs = track.evictedToMs;
    }
    const openMs = (toMs: EventTimeMs) => (toMs > finalOf(track.key) ? toMs : null);
    const bytes = encoder.encode(
      JSON.stringify({ ...own, keptToMs: openMs(track.keptBeforeMs), staleToMs: openMs(track.staleToMs) }),
    );
    const was = stored.get(PREFIX + track.key);
    if (was === undefined || decoder.decode(was) !== decoder.decode(bytes))
      memory.put(PREFIX + track.key, bytes);
  }
  // Of a metric that is all gone nothing is taken, and nothing dropped.
  const metrics = new Set(Array.from(memory.views.keys(), viewMetricName));
  for (const [window, { view }] of known)
    if (!memory.tracks.has(window) && metrics.has(viewMetricName(view))) memory.delete(PREFIX + window);
}

/** Windows that start at this or later have all their panes. */
function wholeFromMs(
  memory: WindowMemory,
  { view, spec }: WindowTrack,
  known: ReadonlyMap<string, Presence>,
  finalOf: (window: string) => EventTimeMs,
): EventTimeMs {
  const viewName = withoutPaneSize(view.key);
  const ofMetric = [...known].filter(([, each]) => viewMetricName(each.view) === viewMetricName(viewName));
  const ofView = ofMetric.filter(([, each]) => each.view === viewName);
  const isOfView = ofView.length > 0;
  // No pane of before is gone that one of them needed.
  const droppedToMs = Array.from(isOfView ? ofView : ofMetric, ([window, { keptToMs }]) =>
    Math.max(keptToMs ?? -Infinity, finalOf(window)),
  ).reduce((least, toMs) => Math.min(least, toMs), Infinity);
  const heldToMs = droppedToMs === Infinity ? -Infinity : droppedToMs;
  if (isOfView && spec.kind !== "session") return heldToMs;
  const views = [...memory.views.values()].filter(({ metric }) => metric === view.metric);
  return Math.max(heldToMs, ...views.map(({ residentFromMs }) => residentFromMs));
}

/** How long it waits for what is late makes it no other one. */
function definitionOf({ spec }: WindowTrack): string {
  const { latenessMs: _, ...rest } = spec;
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function decode(bytes: Uint8Array): Presence | null {
  try {
    const presence: Presence = JSON.parse(decoder.decode(bytes));
    const isTime = (time: unknown) => time === null || Number.isFinite(time);
    const isWhole =
      typeof presence.view === "string" &&
      typeof presence.definition === "string" &&
      isTime(presence.keptToMs) &&
      isTime(presence.staleToMs);
    return isWhole ? presence : null;
  } catch {
    return null;
  }
}
