import type { EventTimeMs } from "../event-time.ts";
import type { StateEntry } from "./due-ranges.ts";
import { GridTrack } from "./grid-track.ts";
import { decodeMarker } from "./open-marker.ts";
import type { OpenMarker } from "./open-marker.ts";
import { decodeSessions } from "./session-codec.ts";
import { reopenMoved } from "./session-records.ts";
import { SessionTrack } from "./session-track.ts";
import { parseStateKey, stateRange } from "./state-key.ts";
import type { StateKeyParts, StateRange } from "./state-key.ts";
import type { WindowMemory } from "./window-memory.ts";
import type { WindowTrack } from "./window-track.ts";

const decoder = new TextDecoder();

interface OpenWindow {
  readonly track: WindowTrack;
  readonly startMs: EventTimeMs;
  /** Null of a session that is merged into another. */
  readonly endMs: EventTimeMs | null;
  readonly group: string;
  readonly marker: OpenMarker;
}

/** Takes up the stored state, into a new engine. */
export class WindowRestore {
  readonly #memory: WindowMemory;
  #waiting: OpenWindow[] = [];

  constructor(memory: WindowMemory) {
    this.#memory = memory;
  }

  /** What `take` wants to see of the store. */
  ranges(): StateRange[] {
    const last = { limit: 1, isReverse: true };
    const lastPanes = Array.from(this.#memory.views.values(), (view) => ({
      ...stateRange("p", view.key, -Infinity, Infinity),
      ...last,
    }));
    const lastResults = Array.from(this.#memory.tracks.values(), (track) => ({
      ...stateRange("w", track.key, -Infinity, Infinity),
      ...last,
    }));
    const whole = ["f", "o", "s"].map((kind) => ({ from: `${kind}|`, to: `${kind}}` }));
    return [...whole, ...lastPanes, ...lastResults];
  }

  /** Keys to load next, before `settle`. */
  take(entries: readonly StateEntry[]): string[] {
    const parsed = entries.map(({ key, bytes }) => ({ key, bytes, parts: parseStateKey(key) }));
    for (const { key, bytes, parts } of parsed) {
      if (parts === null) this.#takeFinal(key, bytes);
      else if (parts.kind === "s") this.#takeSessions(key, parts, bytes);
      else if (parts.kind !== "o") this.#takeLast(parts);
    }
    const keys = new Set<string>();
    for (const { key, bytes, parts } of parsed)
      if (parts?.kind === "o") this.#takeMarker(keys, { key, parts, bytes });
    return [...keys];
  }

  /** Markers become open windows, once what they need has been loaded. */
  settle(): void {
    if (this.#waiting.length === 0) return;
    for (const { track, startMs, endMs, group, marker } of this.#waiting) {
      const record = this.#memory.record(track, { startMs, endMs }, group, marker.openedAtMs);
      record.openedAtMs = marker.openedAtMs;
      record.firstPassedAtMs = marker.firstPassedAtMs;
      // What was dirty is not stored: all that may be is looked at again, and nothing comes of it where nothing changed.
      record.isDirty = !marker.isAside;
      record.hasPanes = !marker.isAside;
      record.isMerged = endMs === null;
      if (track instanceof SessionTrack) reopenMoved(record);
      this.#memory.reopen(record, marker.isAside);
    }
    this.#waiting = [];
    this.#memory.forgetLoaded();
  }

  #takeFinal(key: string, bytes: Uint8Array): void {
    const track = key.startsWith("f|") ? this.#memory.tracks.get(key.slice(2)) : undefined;
    const finalToMs = Number(decoder.decode(bytes));
    if (track !== undefined && Number.isFinite(finalToMs)) track.finalToMs = finalToMs;
  }

  /** Everything of a view or window up to the last stored one may be in the store only. */
  #takeLast({ kind, name, startMs }: StateKeyParts): void {
    // A result without panes (they could not be read, or are of other labels) still goes on with its revisions.
    if (kind === "w") this.#memory.tracks.get(name)?.hasStoredTo(startMs + 1);
    const view = kind === "p" ? this.#memory.views.get(name) : undefined;
    if (view === undefined) return;
    view.residentFromMs = startMs + view.layout.paneMs;
    for (const track of view.tracks) track.hasStoredTo(view.residentFromMs);
  }

  #takeSessions(key: string, { name, startMs, group }: StateKeyParts, bytes: Uint8Array): void {
    const track = this.#memory.tracks.get(name);
    const sessions = decodeSessions(bytes);
    if (sessions === null) this.#memory.unreadableCount++;
    // Of another gap or length by now, or no sessions any more: what is still to come begins new ones.
    const isOurs =
      track instanceof SessionTrack &&
      sessions?.gapMs === track.spec.gapMs &&
      sessions.lengthMsMax === track.spec.lengthMsMax;
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
    this.#waiting.push({ track, startMs, endMs, group, marker });
    this.#memory.addRecordNeeds(keys, track, startMs, group);
    if (!marker.isAside && endMs !== null)
      this.#memory.addPaneNeeds(keys, track.view, track.panesOf(startMs, endMs), group);
  }
}

/** Null of a session that is merged into another, undefined where there is nothing any more. */
function endOf(track: WindowTrack, startMs: EventTimeMs, group: string): EventTimeMs | null | undefined {
  if (track instanceof GridTrack) return track.grid.endOf(startMs);
  if (!(track instanceof SessionTrack)) return undefined;
  const session = track.book.over(group, startMs, startMs + 1);
  if (session === null) return undefined;
  return session.firstMs === startMs ? track.endOf(session) : null;
}
