import type { EventTimeMs } from "../event-time.ts";
import { isTime } from "./is-time.ts";
import { type KeyState, RecentKeys, type StateKey } from "./recent-keys.ts";

/** A value of a key and its event time. */
export interface TimedValue {
  readonly value: string | number;
  readonly timeMs: EventTimeMs;
}

export interface LastValueOptions {
  /** How far behind the watermark a value may lie and still be taken and given. */
  readonly timeToLiveMs: number;
  /** Most keys; beyond it the one that was set longest ago is dropped. How long keys and values are is the caller's to bound. */
  readonly keysMax: number;
}

interface State extends KeyState {
  value: string | number;
}

/**
 * The latest value of each key by event time, for joins and lookups. Tie rule as of the accumulator `last`: of several at the
 * same time the greater one, so that order of arrival never shows; a text is greater than a number.
 */
export class LastValue {
  readonly #keys: RecentKeys<State>;

  constructor({ timeToLiveMs, keysMax }: LastValueOptions) {
    this.#keys = new RecentKeys({ latenessMs: timeToLiveMs, timeToLiveMs, keysMax });
  }

  /** Keys held; expired ones that have not left yet count. */
  get keyCount(): number {
    return this.#keys.keyCount;
  }

  /** Keys dropped because of `keysMax`. */
  get droppedCount(): number {
    return this.#keys.droppedCount;
  }

  /** Values not taken because they were older than the time to live, or their time was none. */
  get tooOldCount(): number {
    return this.#keys.tooOldCount;
  }

  /** Whether it was taken: also a value that is not the latest is. A watermark that goes back is ignored. */
  set(key: StateKey, value: string | number, timeMs: EventTimeMs, watermarkMs: EventTimeMs): boolean {
    this.#keys.advance(watermarkMs);
    if (!this.#keys.takes(timeMs)) return false;
    const state = this.#keys.touch(key, () => ({ newestMs: timeMs, value }));
    if (timeMs < state.newestMs) return true;
    state.value = timeMs > state.newestMs ? value : greater(state.value, value);
    state.newestMs = timeMs;
    return true;
  }

  /** The latest value, unless it is older than the time to live. */
  get(key: StateKey, watermarkMs: EventTimeMs): TimedValue | undefined {
    this.#keys.advance(watermarkMs);
    const state = this.#keys.find(key);
    return state && { value: state.value, timeMs: state.newestMs };
  }

  /** The state in chunks, as `RecentKeys.encode` has them; of a key: value, f64 time. */
  encode(): Generator<Uint8Array, void> {
    return this.#keys.encode(({ value, newestMs }, writer) => {
      writer.scalar(value);
      writer.float(newestMs);
    });
  }

  /** Never throws: undefined on chunks that `encode` does not write. The options may be other ones. */
  static decode(chunks: Iterable<Uint8Array>, options: LastValueOptions): LastValue | undefined {
    const last = new LastValue(options);
    const isRead = last.#keys.decode(chunks, (reader) => {
      const value = reader.scalar();
      const newestMs = reader.float();
      return isTime(newestMs) ? { value, newestMs } : undefined;
    });
    return isRead ? last : undefined;
  }
}

function greater(a: string | number, b: string | number): string | number {
  if (typeof a === "number" && typeof b === "number") return Math.max(a, b);
  if (typeof a === "string" && typeof b === "string") return a > b ? a : b;
  return typeof a === "string" ? a : b;
}
