import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import type { PaneView } from "./pane-view.ts";
import { parseStateKey, stateRange } from "./state-key.ts";
import type { StateRange } from "./state-key.ts";
import type { WindowMemory } from "./window-memory.ts";
import type { WindowTrack } from "./window-track.ts";

/** Entries of one range that are asked for at a time. */
const DUE_ENTRIES_MAX = 1_000;

export interface StateEntry {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** What becomes final and has left memory: asked for, range by range, and taken up or deleted. */
export class DueRanges {
  readonly #memory: WindowMemory;
  readonly #asked = new Map<
    StateRange,
    { kind: "w"; track: WindowTrack; toMs: EventTimeMs } | { kind: "p"; view: PaneView; toMs: EventTimeMs }
  >();
  #entriesMax = DUE_ENTRIES_MAX;

  constructor(memory: WindowMemory) {
    this.#memory = memory;
  }

  ask(trustedMs: number): StateRange[] {
    this.#asked.clear();
    const limit = this.#entriesMax;
    for (const track of this.#memory.tracks.values()) {
      const fromMs = Math.max(track.finalToMs, track.finalReadyMs);
      const toMs = Math.min(track.lateToMs(trustedMs), track.evictedToMs);
      if (toMs > fromMs)
        this.#asked.set({ ...stateRange("w", track.key, fromMs, toMs), limit }, { kind: "w", track, toMs });
    }
    for (const view of this.#memory.views.values()) {
      const fromMs = view.droppedToMs;
      const toMs = Math.min(view.dropToMs, view.residentFromMs);
      if (toMs > fromMs)
        this.#asked.set({ ...stateRange("p", view.key, fromMs, toMs), limit }, { kind: "p", view, toMs });
    }
    return [...this.#asked.keys()];
  }

  load(range: StateRange, entries: readonly StateEntry[]): void {
    const asked = this.#asked.get(range);
    assert(asked !== undefined, "a range that was not asked for");
    this.#asked.delete(range);
    const lastMs = parseStateKey(entries.at(-1)?.key ?? "")?.startMs;
    const isWhole = lastMs === undefined || entries.length < (range.limit ?? Infinity);
    // The groups of the last start may be cut off: they come again.
    const toMs = isWhole ? asked.toMs : lastMs;
    const isStuck = !isWhole && parseStateKey(entries[0].key)?.startMs === lastMs;
    this.#entriesMax = isStuck ? this.#entriesMax * 2 : this.#entriesMax;
    for (const { key, bytes } of entries) {
      const parts = parseStateKey(key);
      if (parts === null || parts.startMs >= toMs) continue;
      if (asked.kind === "p") this.#memory.delete(key);
      else if (asked.track.records.get(parts.startMs, parts.group) === undefined) {
        this.#memory.load(key, bytes);
        const place = { startMs: parts.startMs, endMs: null };
        const record = this.#memory.record(asked.track, place, parts.group, 0);
        if (record.result === null) this.#memory.leave(record);
      }
    }
    if (asked.kind === "p") asked.view.droppedToMs = toMs;
    else asked.track.finalReadyMs = toMs;
  }
}
