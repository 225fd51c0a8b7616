import type { EventTimeMs } from "../event-time.ts";
import { parseStateKey, stateRange } from "./state-key.ts";
import type { StateKind, StateRange } from "./state-key.ts";

/** How far the stored entries of one window or view have been read: the oldest first, a page at a time, each once. */
export class PageCursor {
  readonly #kind: StateKind;
  readonly #name: string;
  #readToMs: EventTimeMs = -Infinity;
  /** Where a page ended among the groups of one start: the next one begins here. */
  #nextKey: string | null = null;
  #asked: { readonly range: StateRange; readonly toMs: EventTimeMs } | null = null;

  constructor(kind: StateKind, name: string) {
    this.#kind = kind;
    this.#name = name;
  }

  /** All that starts before this has been read. */
  get readToMs(): EventTimeMs {
    return this.#readToMs;
  }

  /** Nothing that starts at this or later has been read: beyond `readToMs` where only some groups of that start have been. */
  get begunToMs(): EventTimeMs {
    return this.#nextKey === null ? this.#readToMs : this.#readToMs + 1;
  }

  /** The next page of what starts in `[fromMs, toMs)`, at most `limit` entries; null: all of it has been read. */
  next(fromMs: EventTimeMs, toMs: EventTimeMs, limit: number): StateRange | null {
    if (fromMs > this.#readToMs) {
      this.#readToMs = fromMs;
      this.#nextKey = null;
    }
    if (!(toMs > this.#readToMs)) return null;
    const { from, to } = stateRange(this.#kind, this.#name, this.#readToMs, toMs);
    const range = { from: this.#nextKey ?? from, to, limit };
    this.#asked = { range, toMs };
    return range;
  }

  /** All keys of the page that was asked for last. */
  pass(keys: readonly string[]): void {
    if (this.#asked === null) return;
    const { range, toMs } = this.#asked;
    this.#asked = null;
    const last = keys.at(-1);
    const isWhole = last === undefined || keys.length < (range.limit ?? Infinity);
    if (isWhole) this.#readToMs = toMs;
    else this.#readToMs = parseStateKey(last)?.startMs ?? this.#readToMs;
    this.#nextKey = isWhole ? null : `${last}\0`;
  }
}
