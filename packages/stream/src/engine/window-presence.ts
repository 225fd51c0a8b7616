import type { EventTimeMs } from "../event-time.ts";
import type { PaneView } from "./pane-view.ts";
import { SessionTrack } from "./session-track.ts";
import { viewMetricName, withoutPaneSize } from "./state-key.ts";
import { decodeViewEntry, encodeViewEntry } from "./view-entry.ts";
import type { ReachedMs, ViewEntry } from "./view-entry.ts";
import type { WindowMemory } from "./window-memory.ts";
import type { WindowTrack } from "./window-track.ts";

const WINDOW = "n|";
const VIEW = "v|";
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Stored under `n|{window}`, JSON: a window that was there at the last start, or is away since. */
interface Presence {
  readonly view: string;
  /** Another one under its name is another window. */
  readonly definition: string;
  /** See `WindowTrack.keptBeforeMs`. */
  readonly keptToMs: EventTimeMs | null;
  readonly staleToMs: EventTimeMs | null;
  /** See `WindowTrack.missedFromMs`. */
  readonly missedFromMs?: EventTimeMs | null;
  readonly isGone?: true;
}

export interface Reach {
  /** What there is under `n|` and `v|`; nothing where there are panes or results: in the store of an earlier build nobody knows who was there. */
  readonly stored: ReadonlyMap<string, Uint8Array>;
  /** Of each window, as in keys, that the store knows. */
  readonly finalToMs: ReadonlyMap<string, EventTimeMs>;
  /** Of each window, as in keys, the start of the last stored result. */
  readonly shownToMs: ReadonlyMap<string, EventTimeMs>;
  /** By metric, as in keys: no stored pane, of whichever view, has a reading of this or later. */
  readonly panesToMs: ReadonlyMap<string, EventTimeMs>;
  readonly reachedMs: ReachedMs;
}

/**
 * Finds the views and windows that were not there at the last start: what came meanwhile was not looked at for them. To be called
 * once views and tracks know how far the store reaches.
 *
 *   a view      is whole behind all that its metric has had
 *   a session   begins behind that, and behind the panes that are there
 *   a window    begins behind that: it has what came meanwhile, its results of before are outdated, and there may be panes of
 *               windows that nobody has made
 */
export function notePresence(memory: WindowMemory, reach: Reach): void {
  const entries = new Map<string, ViewEntry>();
  for (const [key, bytes] of reach.stored)
    if (key.startsWith(VIEW)) entries.set(key.slice(VIEW.length), decodeViewEntry(bytes));
  const isKnown = entries.size > 0 || (reach.finalToMs.size === 0 && reach.panesToMs.size === 0);
  const names = new Set<string>();
  for (const view of memory.views.values()) {
    const name = withoutPaneSize(view.key);
    const wholeFromMs = isKnown ? wholeFromOf(view, entries, reach) : -Infinity;
    view.wholeFromMs = wholeFromMs;
    names.add(name);
    const entry = entries.get(name);
    // Also where its panes are gone by now.
    if (entry?.cameToMs !== undefined) view.cameToMs = entry.cameToMs;
    if (entry === undefined || entry.isGone === true || entry.stream !== view.stream)
      memory.wholeChanged(view);
  }
  const { stored, finalToMs, shownToMs } = reach;
  for (const track of memory.tracks.values())
    noteWindow(memory, track, {
      was: stored.get(WINDOW + track.key),
      isKnown,
      finalToMs: finalToMs.get(track.key) ?? -Infinity,
      shownToMs: shownToMs.get(track.key) ?? null,
      changedFromMs: entries.get(withoutPaneSize(track.view.key))?.changedFromMs,
    });
  // Of a stream that is not read nothing goes by.
  const rests = (name: string) => {
    const entry = entries.get(name);
    return !names.has(name) && entry !== undefined && reach.reachedMs(entry.stream) === null;
  };
  for (const [name, entry] of entries)
    if (!names.has(name) && entry.isGone !== true && !rests(name))
      memory.put(VIEW + name, encodeViewEntry({ ...entry, isGone: true }));
  const away = new Set<string>();
  for (const [key, bytes] of stored) {
    if (!key.startsWith(WINDOW) || memory.tracks.has(key.slice(WINDOW.length))) continue;
    const presence = decode(bytes);
    if (presence === null) memory.delete(key);
    else if (presence.isGone !== true && !rests(presence.view))
      memory.put(key, encoder.encode(JSON.stringify({ ...presence, isGone: true })));
    if (presence !== null) away.add(presence.view);
  }
  for (const view of memory.views.values()) {
    const name = withoutPaneSize(view.key);
    const changedFromMs = entries.get(name)?.changedFromMs;
    const isAway = away.has(name);
    view.changedFromMs = isAway ? (changedFromMs ?? Infinity) : -Infinity;
    if (isAway !== (changedFromMs !== undefined)) memory.wholeChanged(view);
  }
}

function wholeFromOf(
  view: PaneView,
  entries: ReadonlyMap<string, ViewEntry>,
  { panesToMs, reachedMs }: Reach,
): EventTimeMs {
  const before = entries.get(withoutPaneSize(view.key));
  if (before !== undefined && before.isGone !== true) return before.wholeFromMs ?? -Infinity;
  const metric = viewMetricName(view.key);
  const ofMetric = [...entries].filter(([name]) => viewMetricName(name) === metric).map(([, entry]) => entry);
  const there = ofMetric.filter(({ isGone }) => isGone !== true);
  const seenMs = there.map(({ wholeFromMs }) => wholeFromMs ?? -Infinity);
  // Of a metric of agents that was never in a window nothing has gone by, as far as anybody knows.
  if (there.length === 0 && (view.stream !== undefined || ofMetric.length > 0))
    seenMs.push(Math.ceil(reachedMs(view.stream) ?? -Infinity));
  return Math.max(panesToMs.get(metric) ?? -Infinity, ...seenMs);
}

function noteWindow(
  memory: WindowMemory,
  track: WindowTrack,
  {
    was,
    isKnown,
    finalToMs,
    shownToMs,
    changedFromMs,
  }: {
    was: Uint8Array | undefined;
    isKnown: boolean;
    finalToMs: EventTimeMs;
    shownToMs: EventTimeMs | null;
    /** As it was stored. */
    changedFromMs: EventTimeMs | null | undefined;
  },
): void {
  const { view } = track;
  const known = was === undefined ? null : decode(was);
  const isSame = known?.view === withoutPaneSize(view.key) && known.definition === definitionOf(track);
  const before = known?.isGone === true ? null : known;
  const isHere = isSame && before !== null;
  if (isHere) {
    track.keptBeforeMs = before.keptToMs ?? -Infinity;
    track.staleToMs = before.staleToMs ?? -Infinity;
    track.missedFromMs = before.missedFromMs ?? null;
  } else if (isKnown) {
    const isSession = track instanceof SessionTrack;
    track.keptBeforeMs = Math.max(view.wholeFromMs, isSession ? view.residentFromMs : -Infinity);
    if (!isSession && before === null) {
      track.staleToMs = track.evictedToMs;
      track.missedFromMs =
        isSame && changedFromMs !== undefined
          ? firstMissed(track, changedFromMs, known.missedFromMs ?? null)
          : shownToMs;
    }
  }
  const text = presenceOf(track, finalToMs);
  if (was === undefined || decoder.decode(was) !== text) memory.put(WINDOW + track.key, encoder.encode(text));
}

/** Of what has changed while it was away, and of what it had not made up for when it went; null: nothing. */
function firstMissed(
  track: WindowTrack,
  changedFromMs: EventTimeMs | null,
  missedFromMs: EventTimeMs | null,
): EventTimeMs | null {
  const starts = changedFromMs === null ? [] : track.startsOver(changedFromMs, "");
  const fromMs = Math.min(missedFromMs ?? Infinity, ...starts);
  return fromMs === Infinity ? null : fromMs;
}

/** What it missed has been made up for. */
export function missesNothing(memory: WindowMemory, track: WindowTrack): void {
  track.missedFromMs = null;
  memory.put(WINDOW + track.key, encoder.encode(presenceOf(track, track.finalToMs)));
}

function presenceOf(track: WindowTrack, finalToMs: EventTimeMs): string {
  const { keptBeforeMs, staleToMs, missedFromMs } = track;
  const openMs = (toMs: EventTimeMs) => (toMs > finalToMs ? toMs : null);
  const presence: Presence = {
    view: withoutPaneSize(track.view.key),
    definition: definitionOf(track),
    keptToMs: openMs(keptBeforeMs),
    staleToMs: openMs(staleToMs),
    ...(missedFromMs === null ? {} : { missedFromMs }),
  };
  return JSON.stringify(presence);
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
      isTime(presence.staleToMs) &&
      isTime(presence.missedFromMs ?? null);
    return isWhole ? presence : null;
  } catch {
    return null;
  }
}
