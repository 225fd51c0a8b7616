import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import { isTime } from "./is-time.ts";
import { type KeyState, RecentKeys, type StateKey } from "./recent-keys.ts";

export interface DistinctInWindowOptions {
  /** The window is the last `windowMs` before a key's greatest event time: `(newest - windowMs, newest]`. */
  readonly windowMs: number;
  /** The greatest count that is told: a threshold, or one more. At most 100: each value is looked for among them all. */
  readonly countMax: number;
  /** How far behind the watermark a time may lie and still be taken. */
  readonly latenessMs: number;
  /** Most keys; beyond it the one that was active longest ago is dropped. How long keys and values are is the caller's to bound. */
  readonly keysMax: number;
}

interface State extends KeyState {
  /** In the window, and the last time of each; the latest `countMax` of them. */
  readonly values: (string | number)[];
  readonly timesMs: number[];
}

const COUNT_MAX = 100;

/**
 * How many different values each key has had in a sliding window of event time, exactly, up to `countMax`: the payees of an account
 * in five minutes. In any order of arrival: a late value counts if it lies in the key's window.
 *
 * It is enough to keep the `countMax` values with the latest last times: another one has that many before it as long as none of them
 * leaves the window, and then it has left it too. That is smaller than a HyperLogLog and slides exactly.
 */
export class DistinctInWindow {
  readonly #options: DistinctInWindowOptions;
  readonly #keys: RecentKeys<State>;

  constructor(options: DistinctInWindowOptions) {
    const { windowMs, countMax, latenessMs, keysMax } = options;
    assert(windowMs > 0, "windowMs > 0");
    assert(Number.isInteger(countMax) && countMax >= 1 && countMax <= COUNT_MAX, "1 ≤ countMax ≤ 100");
    this.#options = options;
    // What is taken later than that lies a window or more after all that the key had.
    this.#keys = new RecentKeys({ latenessMs, timeToLiveMs: latenessMs + windowMs, keysMax });
  }

  /** Keys held; expired ones that have not left yet count. */
  get keyCount(): number {
    return this.#keys.keyCount;
  }

  /** Keys dropped because of `keysMax`: they begin anew with their next value. */
  get droppedCount(): number {
    return this.#keys.droppedCount;
  }

  /** Values not taken because they came later than `latenessMs`, or their time was none. */
  get tooOldCount(): number {
    return this.#keys.tooOldCount;
  }

  /**
   * Takes a value and returns how many different ones the key has in its window now, `countMax` at most; 0 if it was not taken. A
   * watermark that goes back is ignored.
   */
  add(key: StateKey, value: string | number, timeMs: EventTimeMs, watermarkMs: EventTimeMs): number {
    this.#keys.advance(watermarkMs);
    if (!this.#keys.takes(timeMs)) return 0;
    const state = this.#keys.touch(key, () => ({ newestMs: timeMs, values: [], timesMs: [] }));
    if (timeMs > state.newestMs) {
      state.newestMs = timeMs;
      this.#slide(state);
    }
    if (timeMs > state.newestMs - this.#options.windowMs) this.#take(state, value, timeMs);
    return state.values.length;
  }

  /** The state in chunks, as `RecentKeys.encode` has them; of a key: u8 values, then of each: value, f64 time. */
  encode(): Generator<Uint8Array, void> {
    return this.#keys.encode(({ values, timesMs }, writer) => {
      writer.byte(values.length);
      for (const [at, value] of values.entries()) {
        writer.scalar(value);
        writer.float(timesMs[at]);
      }
    });
  }

  /**
   * Never throws: undefined on chunks that `encode` does not write. The options may be other ones: a longer window, or a greater
   * count, is exact once a window has passed.
   */
  static decode(
    chunks: Iterable<Uint8Array>,
    options: DistinctInWindowOptions,
  ): DistinctInWindow | undefined {
    const distinct = new DistinctInWindow(options);
    const isRead = distinct.#keys.decode(chunks, (reader) => {
      const valueCount = reader.byte();
      const state: State = { newestMs: -Infinity, values: [], timesMs: [] };
      for (let at = 0; at < valueCount && !reader.isOver; at++) {
        const value = reader.scalar();
        const timeMs = reader.float();
        if (!isTime(timeMs)) return undefined;
        state.newestMs = Math.max(state.newestMs, timeMs);
        distinct.#take(state, value, timeMs);
      }
      distinct.#slide(state);
      return valueCount === 0 ? undefined : state;
    });
    return isRead ? distinct : undefined;
  }

  #take(state: State, value: string | number, timeMs: number): void {
    const { values, timesMs } = state;
    const known = Object.is(value, -0) ? 0 : value;
    let at = values.findIndex((other) => Object.is(other, known));
    if (at < 0 && values.length < this.#options.countMax) at = timesMs.push(-Infinity) - 1;
    else if (at < 0) at = leastAt(timesMs);
    if (timeMs <= timesMs[at]) return;
    values[at] = known;
    timesMs[at] = timeMs;
  }

  /** Leaves behind what lies before the window. */
  #slide(state: State): void {
    const { values, timesMs } = state;
    const oldestMs = state.newestMs - this.#options.windowMs;
    let keptCount = 0;
    for (const [at, timeMs] of timesMs.entries()) {
      if (timeMs <= oldestMs) continue;
      values[keptCount] = values[at];
      timesMs[keptCount] = timeMs;
      keptCount++;
    }
    values.length = keptCount;
    timesMs.length = keptCount;
  }
}

function leastAt(timesMs: readonly number[]): number {
  let least = 0;
  for (let at = 1; at < timesMs.length; at++) if (timesMs[at] < timesMs[least]) least = at;
  return least;
}
