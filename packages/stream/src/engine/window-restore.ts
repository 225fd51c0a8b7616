import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import { readingCountOfRow } from "../reading-count.ts";
import type { StateEntry } from "./due-ranges.ts";
import { coarsePanesOf, decodeCoarse, heldToMs } from "./coarse-codec.ts";
import type { CoarseMoves } from "./coarse-codec.ts";
import { GridTrack } from "./grid-track.ts";
import { decodeLongMark } from "./long-mark.ts";
import type { LongMark } from "./long-mark.ts";
import { MissedWindows } from "./missed-windows.ts";
import { decodeMarker } from "./open-marker.ts";
import type { OpenMarker } from "./open-marker.ts";
import { decodeSessions } from "./session-codec.ts";
import { reopenMoved } from "./session-records.ts";
import { SessionTrack } from "./session-track.ts";
import {
  coarseKey,
  longKey,
  parseStateKey,
  stateRange,
  viewMetricName,
  viewPaneMs,
  wholeKey,
} from "./state-key.ts";
import type { StateKeyParts, StateRange } from "./state-key.ts";
import { decodeViewEntry } from "./view-entry.ts";
import type { ReachedMs } from "./view-entry.ts";
import type { WindowMemory } from "./window-memory.ts";
import { notePresence } from "./window-presence.ts";
import type { WindowRecord, WindowTrack } from "./window-track.ts";

const decoder = new TextDecoder();

interface OpenWindow {
  readonly track: WindowTrack;
  readonly startMs: EventTimeMs;
  /** Null of a session that is merged into another. */
  readonly endMs: EventTimeMs | null;
  readonly group: string;
  readonly marker: OpenMarker;
  /** It has no marker in the store. */
  readonly isMissed: boolean;
}

/**
 * Takes up the stored state, into a new engine. Of windows that are open there may be very many, nearly all of which only wait for
 * an agent: the newest are taken up at once, the others some with each tick. Until then they are in the store only, as those are
 * that have left memory.
 */
export class WindowRestore {
  readonly #memory: WindowMemory;
  readonly #atOnce: number;
  #waiting: OpenWindow[] = [];
  /** Tracks with more markers, and the range to ask for next. */
  readonly #later = new Map<WindowTrack, StateRange>();
  readonly #missed: MissedWindows;
  readonly #keys = new Set<string>();
  /** By window, as in keys, be it there by now or not. */
  readonly #finalToMs = new Map<string, EventTimeMs>();
  /** The start of the last stored result. */
  readonly #shownToMs = new Map<string, EventTimeMs>();
  /** By metric, as in keys: no stored pane, of whichever view, has a reading of this or later. */
  readonly #panesToMs = new Map<string, EventTimeMs>();

  /** What lies under `n|` and `v|`. */
  readonly #stored = new Map<string, Uint8Array>();
  /** By their keys, those of before the panes. */
  readonly #movesOf = new Map<string, CoarseMoves>();

  /** @param atOnce markers of one window that are taken up before the first tick, and with each one then. */
  constructor(memory: WindowMemory, atOnce: number) {
    this.#memory = memory;
    this.#atOnce = atOnce;
    this.#missed = new MissedWindows(memory, atOnce);
  }

  /** What `take` wants to see of the store. `otherViews`: that have panes there, and are none of these. */
  ranges(otherViews: readonly string[]): StateRange[] {
    const last = { limit: 1, isReverse: true };
    const lastPanes = [...this.#memory.views.keys(), ...otherViews].map((view) => ({
      ...stateRange("p", view, -Infinity, Infinity),
      ...last,
    }));
    const lastResults = Array.from(this.#memory.tracks.values(), (track) => ({
      ...stateRange("w", track.key, -Infinity, Infinity),
      ...last,
    }));
    const lastLong = [...this.#memory.views.values()].flatMap(({ long }) =>
      long === null ? [] : { ...stateRange("l", long.key, -Infinity, Infinity), ...last },
    );
    const whole = ["c", "f", "m", "n", "s", "v"].map((kind) => ({ from: `${kind}|`, to: `${kind}}` }));
    const markers = Array.from(this.#memory.tracks.values(), (track) => {
      const range = stateRange("o", track.key, -Infinity, Infinity);
      // Where sessions lie may change, and their markers with them.
      if (track instanceof SessionTrack) return range;
      const newest = { ...range, limit: this.#atOnce, isReverse: true };
      this.#later.set(track, newest);
      return newest;
    });
    return [...whole, ...markers, ...lastPanes, ...lastLong, ...lastResults];
  }

  /** Some of what is left of the markers, of one window after another, then of what windows have missed; for `takeLater`. */
  laterRanges(): StateRange[] {
    return [...this.#later.values(), ...this.#missed.ranges()].slice(0, 1);
  }

  /** True where the range is one of `laterRanges`: these are its entries. */
  takeLater(range: StateRange, entries: readonly StateEntry[]): boolean {
    const missing = this.#missed.trackOf(range);
    if (missing !== undefined) {
      for (const window of this.#missed.take(missing, entries, this.#keys))
        this.#waiting.push({ ...window, isMissed: true });
      missing.isBehind = this.#later.has(missing) || this.#missed.has(missing);
      return true;
    }
    const track = [...this.#later].find(([, asked]) => asked === range)?.[0];
    if (track === undefined) return false;
    this.#goOn(track, entries);
    for (const { key, bytes } of entries) {
      const parts = parseStateKey(key);
      if (parts !== null) this.#takeMarker(this.#keys, { key, parts, bytes });
    }
    return true;
  }

  /** Keys to load next, before `settle`. */
  takeKeys(): string[] {
    const keys = [...this.#keys];
    this.#keys.clear();
    return keys;
  }

  /** Keys to load next, before `settle`. */
  take(entries: readonly StateEntry[], reachedMs: ReachedMs): string[] {
    const parsed = entries.map(({ key, bytes }) => ({ key, bytes, parts: parseStateKey(key) }));
    const longMarks = new Map<string, LongMark>();
    for (const { key, bytes, parts } of parsed) {
      if (key.startsWith("m|")) longMarks.set(key, decodeLongMark(bytes));
      else if (key.startsWith("n|") || key.startsWith("v|")) this.#stored.set(key, bytes);
      else if (parts === null && key.startsWith("c|")) this.#takeCoarse(key, bytes);
      else if (parts === null) this.#takeFinal(key, bytes);
      else if (parts.kind === "s") this.#takeSessions(key, parts, bytes);
      else if (parts.kind !== "o") this.#takeLast(parts);
    }
    for (const { key, longMark, residentFromMs } of this.#memory.views.values())
      assert(
        residentFromMs === -Infinity || (longMarks.get(longKey(key)) ?? null) === longMark,
        `long panes of ${key} have not been made`,
      );
    notePresence(this.#memory, {
      stored: this.#stored,
      finalToMs: this.#finalToMs,
      shownToMs: this.#shownToMs,
      panesToMs: this.#panesToMs,
      reachedMs,
    });
    for (const track of this.#memory.tracks.values()) this.#missed.lookFor(track);
    const keys = new Set<string>();
    const markers = Map.groupBy(parsed, ({ parts }) =>
      parts?.kind === "o" ? this.#memory.tracks.get(parts.name) : undefined,
    );
    const tracks = [...this.#later.keys()];
    for (const track of tracks) this.#goOn(track, markers.get(track) ?? []);
    for (const { key, bytes, parts } of parsed)
      if (parts?.kind === "o") this.#takeMarker(keys, { key, parts, bytes });
    return [...keys];
  }

  /** Markers become open windows, once what they need has been loaded. */
  settle(): void {
    if (this.#waiting.length === 0) return;
    for (const { track, startMs, endMs, group, marker, isMissed } of this.#waiting) {
      const known = track.records.get(startMs, group);
      const record = this.#memory.record(track, { startMs, endMs }, group, marker.openedAtMs);
      if (track.isKept(record)) {
        this.#keep(record, marker, known !== undefined);
        continue;
      }
      if (known === undefined && isOfBefore(record, marker)) {
        this.#memory.leave(record);
        continue;
      }
      // What was dirty is not stored: all that may be is looked at again, and nothing comes of it where nothing changed.
      if (known !== undefined && this.#memory.open.has(known)) {
        // It came into memory after the start, with its marker.
        if (!marker.isAside) {
          this.#memory.touch(known, known.openedAtMs);
          known.hasPanes = true;
        }
        continue;
      }
      if (isMissed) {
        // Of the start that a tick had no room for some are final before the others.
        if (record.state === "final") this.#memory.leave(record);
        else this.#memory.touch(record, marker.openedAtMs);
        record.hasPanes = true;
        continue;
      }
      record.openedAtMs = marker.openedAtMs;
      record.firstPassedAtMs = marker.firstPassedAtMs;
      record.isDirty = !marker.isAside;
      record.hasPanes = !marker.isAside;
      record.isMerged = endMs === null;
      if (track instanceof SessionTrack) reopenMoved(record);
      this.#memory.reopen(record, marker.isAside);
    }
    this.#waiting = [];
  }

  /** What its panes have by now is not its own: it waits with what it has shown. `isDue`: it is in memory to become final. */
  #keep(record: WindowRecord, { openedAtMs, firstPassedAtMs }: OpenMarker, isDue: boolean): void {
    const { result } = record;
    if (result === null || record.state !== "provisional") {
      this.#memory.markerChanged(record);
      return isDue ? undefined : this.#memory.leave(record);
    }
    record.openedAtMs = openedAtMs;
    record.firstPassedAtMs = firstPassedAtMs;
    record.endMs = result.endMs;
    record.isMerged = result.mergedIntoMs !== undefined;
    this.#memory.reopen(record, true);
  }

  /** Behind these there are more where they are as many as were asked for. */
  #goOn(track: WindowTrack, entries: readonly { readonly key: string }[]): void {
    const range = this.#later.get(track);
    const last = entries.map(({ key }) => key).reduce((least, key) => (key < least ? key : least), "~");
    const hasMore = range !== undefined && entries.length >= (range.limit ?? Infinity);
    this.#later.delete(track);
    if (hasMore) this.#later.set(track, { ...range, to: last });
    track.isBehind = hasMore || this.#missed.has(track);
  }

  #takeFinal(key: string, bytes: Uint8Array): void {
    const track = key.startsWith("f|") ? this.#memory.tracks.get(key.slice(2)) : undefined;
    const finalToMs = Number(decoder.decode(bytes));
    if (key.startsWith("f|") && Number.isFinite(finalToMs)) this.#finalToMs.set(key.slice(2), finalToMs);
    if (track !== undefined && Number.isFinite(finalToMs)) track.finalToMs = finalToMs;
  }

  #takeCoarse(key: string, bytes: Uint8Array): void {
    const coarse = decodeCoarse(bytes);
    if (coarse.length === 0) this.#memory.unreadableCount++;
    for (const [, endMs] of coarse) this.#holdsTo(viewMetricName(key.slice(2)), endMs);
    this.#movesOf.set(key, coarse);
    for (const view of this.#memory.views.values())
      if (coarseKey(view.key) === key) view.coarse = coarsePanesOf(view.metric, coarse);
  }

  #holdsTo(metric: string, toMs: EventTimeMs): void {
    this.#panesToMs.set(metric, Math.max(this.#panesToMs.get(metric) ?? -Infinity, toMs));
  }

  /** Everything of a view or window up to the last stored one may be in the store only. */
  #takeLast({ kind, name, startMs }: StateKeyParts): void {
    // A result without panes (they could not be read, or are of another metric or other labels) still goes on with its revisions' numbers.
    if (kind === "w") {
      this.#memory.tracks.get(name)?.hasStoredTo(startMs + 1);
      this.#shownToMs.set(name, startMs);
    }
    if (kind === "l") {
      const long = this.#memory.paneSet({ kind, name });
      if (long !== undefined) long.residentFromMs = startMs + long.layout.paneMs;
      return;
    }
    if (kind !== "p") return;
    const paneMs = viewPaneMs(name);
    const endMs = startMs + paneMs;
    const moves = this.#movesOf.get(coarseKey(name)) ?? [];
    const whole = this.#stored.get(wholeKey(name));
    const { cameToMs = Math.max(endMs, heldToMs(moves, paneMs)) } =
      whole === undefined ? {} : decodeViewEntry(whole);
    this.#holdsTo(viewMetricName(name), cameToMs);
    const view = this.#memory.views.get(name);
    if (view === undefined) return;
    view.cameToMs = cameToMs;
    view.residentFromMs = endMs;
    for (const track of view.tracks) track.hasStoredTo(view.residentFromMs);
  }

  #takeSessions(key: string, { name, startMs, group }: StateKeyParts, bytes: Uint8Array): void {
    const track = this.#memory.tracks.get(name);
    const sessions = decodeSessions(bytes);
    if (sessions === null) this.#memory.unreadableCount++;
    // Of another gap, length or metric by now, or no sessions any more: what is still to come begins new ones.
    const isOurs =
      track instanceof SessionTrack &&
      sessions?.gapMs === track.measures.gapMs &&
      sessions.lengthMsMax === track.measures.lengthMsMax &&
      (sessions.of === null || sessions.of === track.measures.of);
    if (!isOurs) return this.#memory.delete(key);
    const { book } = track;
    const sliceMs = book.sliceOf(startMs);
    const areHere = sessions.parts.every(
      ({ firstMs, lastMs }) =>
        firstMs >= startMs && book.sliceOf(firstMs) === sliceMs && book.sliceOf(lastMs) === sliceMs,
    );
    if (!areHere || !book.takeUp(group, sliceMs, sessions.parts)) {
      this.#memory.unreadableCount++;
      this.#memory.delete(key);
      return;
    }
    // In an older store a slice was one page.
    const pages = new Set(sessions.parts.map(({ firstMs }) => book.pageOf(firstMs)));
    if (pages.size > 1)
      for (const pageMs of pages.add(startMs)) this.#memory.sessionsChanged(track, pageMs, group);
  }

  #takeMarker(
    keys: Set<string>,
    { key, parts, bytes }: { key: string; parts: StateKeyParts; bytes: Uint8Array },
  ): void {
    const track = this.#memory.tracks.get(parts.name);
    if (track === undefined) return;
    const { startMs, group } = parts;
    const marker = decodeMarker(bytes);
    if (marker === null) {
      this.#memory.unreadableCount++;
      return;
    }
    const endMs = endOf(track, startMs, group);
    if (endMs === undefined) {
      this.#memory.delete(key);
      return;
    }
    this.#memory.load(key, bytes);
    this.#memory.addRecordNeeds(keys, track, startMs, group);
    // What was set aside without what came while the window was away is looked at again.
    const isAside = marker.isAside && startMs >= track.staleToMs;
    if (!isAside && endMs !== null)
      this.#memory.addPaneNeeds(keys, track.panes, track.panesOf(startMs, endMs), group);
    this.#waiting.push({ track, startMs, endMs, group, marker: { ...marker, isAside }, isMissed: false });
  }
}

/** Whether a marker is of what the window was before it got another metric or other labels: of what it is now there is nothing. */
function isOfBefore(
  { track, result, revision, startMs, endMs, group }: WindowRecord,
  marker: OpenMarker,
): boolean {
  if (result !== null) return false;
  // Its panes are in memory only where it was not set aside, which nothing is that was not shown.
  if (marker.isAside) return revision > 0;
  const { panes } = track;
  const range = track.panesOf(startMs, endMs);
  return readingCountOfRow(panes.layout, panes.merged(group, range.startMs, range.endMs).fields, 0) === 0;
}

/** Null of a session that is merged into another, undefined where there is nothing any more. */
function endOf(track: WindowTrack, startMs: EventTimeMs, group: string): EventTimeMs | null | undefined {
  if (track instanceof GridTrack) return track.grid.endOf(startMs);
  if (!(track instanceof SessionTrack)) return undefined;
  const session = track.book.over(group, startMs, startMs + 1);
  if (session === null) return undefined;
  return session.firstMs === startMs ? track.endOf(session) : null;
}
