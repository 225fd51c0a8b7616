import type { EventTimeMs } from "../event-time.ts";
import type { StateEntry } from "./due-ranges.ts";
import { GridTrack } from "./grid-track.ts";
import type { OpenMarker } from "./open-marker.ts";
import { parseStateKey, stateRange } from "./state-key.ts";
import type { StateRange } from "./state-key.ts";
import type { WindowMemory } from "./window-memory.ts";
import { missesNothing } from "./window-presence.ts";
import type { WindowTrack } from "./window-track.ts";

/** One that nobody has made, though panes of it may be there; open, as if they had just come. */
export interface MissedWindow {
  readonly track: GridTrack;
  readonly startMs: EventTimeMs;
  readonly endMs: EventTimeMs;
  readonly group: string;
  readonly marker: OpenMarker;
}

interface MissedPanes {
  /** To ask for next. */
  readonly range: StateRange;
  /** By group, the start of the last pane that was looked at: windows that it is in have been made. */
  readonly lastOf: Map<string, EventTimeMs>;
}

/** Windows whose definition was away while their panes came: found by their stored panes, some with each tick. */
export class MissedWindows {
  readonly #memory: WindowMemory;
  readonly #atOnce: number;
  readonly #missed = new Map<WindowTrack, MissedPanes>();

  constructor(memory: WindowMemory, atOnce: number) {
    this.#memory = memory;
    this.#atOnce = atOnce;
  }

  /** Of sessions nobody knows what they would have been. */
  lookFor(track: WindowTrack): void {
    const { missedFromMs, panes } = track;
    if (missedFromMs === null || !(track instanceof GridTrack)) return;
    const fromMs = Math.max(missedFromMs, track.finalToMs, track.keptBeforeMs);
    const range = stateRange(panes.kind, panes.key, panes.paneStartOf(fromMs), panes.residentFromMs);
    this.#missed.set(track, { range: { ...range, limit: this.#atOnce }, lastOf: new Map() });
  }

  has(track: WindowTrack): boolean {
    return this.#missed.has(track);
  }

  /** What is to be read, of one window after another. */
  ranges(): StateRange[] {
    return Array.from(this.#missed.values(), ({ range }) => range);
  }

  /** Whose range it is; undefined where it is none of these. */
  trackOf(range: StateRange): GridTrack | undefined {
    for (const [track, missed] of this.#missed)
      if (missed.range === range && track instanceof GridTrack) return track;
    return undefined;
  }

  /** The windows over these panes but for those that are final or kept. `keys`: what they need is added. */
  take(track: GridTrack, entries: readonly StateEntry[], keys: Set<string>): MissedWindow[] {
    const { range, lastOf } = this.#missed.get(track)!;
    const fromMs = track.missedFromMs ?? Infinity;
    const windows: MissedWindow[] = [];
    let passedCount = 0;
    for (const { key } of entries) {
      if (windows.length >= this.#atOnce) break;
      passedCount++;
      const parts = parseStateKey(key);
      if (parts === null) continue;
      const { startMs: paneMs, group } = parts;
      const lastMs = lastOf.get(group) ?? -Infinity;
      lastOf.set(group, paneMs);
      for (const startMs of track.startsOver(paneMs)) {
        if (startMs <= lastMs) break;
        if (startMs < fromMs || track.isClosed(startMs)) continue;
        this.#memory.addRecordNeeds(keys, track, startMs, group);
        const endMs = track.grid.endOf(startMs);
        this.#memory.addPaneNeeds(keys, track.panes, track.panesOf(startMs, endMs), group);
        const marker = { openedAtMs: endMs, firstPassedAtMs: null, isAside: false };
        windows.push({ track, startMs, endMs, group, marker });
      }
    }
    if (passedCount < entries.length || entries.length >= (range.limit ?? Infinity)) {
      const from = `${entries[passedCount - 1].key}\0`;
      this.#missed.set(track, { range: { ...range, from }, lastOf });
    } else {
      this.#missed.delete(track);
      missesNothing(this.#memory, track);
    }
    return windows;
  }
}
