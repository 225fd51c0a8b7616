import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import type { PageCursor } from "./page-cursor.ts";
import { SessionTrack } from "./session-track.ts";
import { parseStateKey } from "./state-key.ts";
import type { StateRange } from "./state-key.ts";
import type { WindowMemory } from "./window-memory.ts";
import type { WindowTrack } from "./window-track.ts";

/** In one tick the pages of results that are due have no more bytes, nor those of panes: but for one page of each window or view. */
const TICK_READ_BYTES_MAX = 2 * 2 ** 20;

export interface StateEntry {
  readonly key: string;
  readonly bytes: Uint8Array;
}

export interface DueLimits {
  /** Entries of one page. */
  readonly dueEntriesMax: number;
  /** More than this a tick has no room for, so that it reads no more either. */
  readonly tickBytesMax: number;
}

/** What becomes final and has left memory: asked for, page by page, and taken up or deleted. */
export class DueRanges {
  readonly #memory: WindowMemory;
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  /** Of this tick's pages, and of the last of them. */
  #bytes = 0;
  #pageBytes = 0;
  #asked: {
    readonly range: StateRange;
    readonly cursor: PageCursor;
    readonly take: (entry: StateEntry) => void;
  } | null = null;

  constructor(memory: WindowMemory, { dueEntriesMax, tickBytesMax }: DueLimits) {
    this.#memory = memory;
    this.#entriesMax = dueEntriesMax;
    this.#bytesMax = Math.min(tickBytesMax, TICK_READ_BYTES_MAX);
  }

  /** Each is to be loaded before the next is asked for: it begins where that one ended. */
  *ask(trustedMs: number): Iterable<StateRange> {
    this.#asked = null;
    this.#bytes = 0;
    for (const track of this.#memory.tracks.values()) {
      // What has been read before becomes final first; but sessions that have moved are shown at once where they are not read.
      if (track.hasFinalLeft && !(track instanceof SessionTrack)) continue;
      const toMs = Math.min(track.lateToMs(trustedMs), track.evictedToMs);
      const take = (entry: StateEntry) => this.#bring(track, entry);
      yield* this.#pages(track.read, { startMs: track.finalToMs, endMs: toMs }, take);
    }
    this.#bytes = 0;
    for (const view of this.#memory.views.values()) {
      const take = ({ key }: StateEntry) => this.#memory.delete(key);
      for (const set of view.sets) {
        const toMs = Math.min(view.dropToMs, set.residentFromMs);
        yield* this.#pages(set.dropped, { startMs: -Infinity, endMs: toMs }, take);
      }
    }
  }

  /** All entries of the range that was asked for last, at most its limit. */
  load(range: StateRange, entries: readonly StateEntry[]): void {
    assert(this.#asked?.range === range, "a range that was not asked for");
    const { cursor, take } = this.#asked;
    this.#asked = null;
    this.#pageBytes = 0;
    for (const entry of entries) {
      // As the tick counts them that makes them final.
      this.#pageBytes += entry.bytes.length + 2 * entry.key.length;
      take(entry);
    }
    this.#bytes += this.#pageBytes;
    cursor.pass(entries.map(({ key }) => key));
  }

  *#pages(
    cursor: PageCursor,
    { startMs, endMs }: { readonly startMs: EventTimeMs; readonly endMs: EventTimeMs },
    take: (entry: StateEntry) => void,
  ): Iterable<StateRange> {
    for (let pageCount = 0; ; pageCount++) {
      const hasRoom = pageCount === 0 || this.#bytes + this.#pageBytes <= this.#bytesMax;
      const range = hasRoom ? cursor.next(startMs, endMs, this.#entriesMax) : null;
      if (range === null) return;
      this.#asked = { range, cursor, take };
      yield range;
      assert(this.#asked === null, "a range that was asked for has not been loaded");
    }
  }

  /** A window that is due comes into memory, unless it is there, or final already. */
  #bring(track: WindowTrack, { key, bytes }: StateEntry): void {
    const parts = parseStateKey(key);
    if (parts === null || track.records.get(parts.startMs, parts.group) !== undefined) return;
    this.#memory.load(key, bytes);
    const record = this.#memory.record(track, { startMs: parts.startMs, endMs: null }, parts.group, 0);
    if (record.result === null) this.#memory.leave(record);
    else if (record.state === "final") this.#memory.evict(record);
  }
}
