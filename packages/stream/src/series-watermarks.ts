import type { EventTimeMs } from "./event-time.ts";

/** Weight of the newest gap in a series' usual interval. */
const GAP_WEIGHT = 0.2;
/** A longer gap than this many usual intervals (or the idle timeout) is an outage, not a habit: it counts as this much. */
const GAP_INTERVALS_MAX = 4;
/** A series is never called idle before this many of its usual intervals. */
const IDLE_INTERVALS_MIN = 3;
/** Fewer gaps than this are no habit: until then a series has no usual interval. */
const HABIT_GAPS_MIN = 3;
/** Until then no gap counts for more than this many idle timeouts: it may be an outage, or the step of a wrong clock. */
const FIRST_GAP_TIMEOUTS_MAX = 4;

export interface SeriesWatermarksOptions {
  /** How far readings of one series come out of order. */
  readonly outOfOrdernessMs: number;
  /** Silence after which a series no longer holds the watermark back. */
  readonly idleTimeoutMs: number;
}

export interface AgentWatermark {
  /** No reading older than this is expected. `null` until there is a reading, or none for the idle timeout. */
  readonly watermarkMs: EventTimeMs | null;
  /** Every series is idle: the watermark follows the clock. */
  readonly isIdle: boolean;
}

/** The series that the agent's watermark waits for. */
export interface WatermarkHold {
  readonly series: number;
  /** Until it is idle, if it stays silent. */
  readonly idleInMs: number;
}

/** By series index; `null` where a series has not been seen. Survives JSON. */
export interface SeriesWatermarksState {
  readonly maxTimeMs: readonly (number | null)[];
  readonly arrivedAtMs: readonly (number | null)[];
  readonly intervalMs: readonly (number | null)[];
  /** Gaps seen, as far as they are counted. Absent in older states, whose intervals count as habits. */
  readonly gapCount?: readonly number[];
  readonly watermarkMs: number | null;
}

/**
 * The watermark of every series of an agent, and of the agent: the least over the series that are not idle. When all are
 * idle it follows the clock, less the out-of-orderness: also where there has never been a series, once the idle timeout
 * has passed since the start, or windows over several agents would wait for it for ever. It never goes back, whatever
 * readings and clock do, but where `setClock` finds that a wrong clock has moved it.
 * Series are small dense indices, given by the caller.
 */
export class SeriesWatermarks {
  readonly #options: SeriesWatermarksOptions;
  #maxTimeMs = new Float64Array(0);
  #arrivedAtMs = new Float64Array(0);
  /** Usual gap between arrivals; NaN before the second reading. */
  #intervalMs = new Float64Array(0);
  /** Gaps that made it, counted to `HABIT_GAPS_MIN`. */
  #gapCount = new Float64Array(0);
  #seriesCount = 0;
  #seenCount = 0;
  #watermarkMs: number | null = null;
  /** The first time asked, or the least since; null before. */
  #startedAtMs: number | null = null;
  #version = 0;
  /** The last look over all series: what stands while `version` does and the clock is between these times. */
  #look = { version: -1, fromMs: Infinity, untilMs: -Infinity, held: -1 };

  constructor(options: SeriesWatermarksOptions, state?: SeriesWatermarksState) {
    this.#options = options;
    if (state !== undefined) this.#restore(state);
  }

  /** Rises with whatever is told of a series or of the clock: while it stands, only time makes series idle. */
  get version(): number {
    return this.#version;
  }

  /** One reading of a series: its event time, and when it arrived. Admitted readings only: it may move the watermark. */
  observe(series: number, timeMs: EventTimeMs, nowMs: number): void {
    this.#version++;
    if (series >= this.#seriesCount) this.#grow(series + 1);
    const maxTimeMs = this.#maxTimeMs[series];
    if (maxTimeMs === -Infinity) this.#seenCount++;
    if (timeMs > maxTimeMs) this.#maxTimeMs[series] = timeMs;
    const gapMs = nowMs - this.#arrivedAtMs[series];
    // A clock that goes back measures no gap, but is the time from which silence counts.
    this.#arrivedAtMs[series] = nowMs;
    // What comes together, as many readings in one message, has come once.
    if (gapMs > 0 && gapMs !== Infinity) this.#learn(series, gapMs);
  }

  /** The same for the first `count` of these times, all of which have arrived together. */
  observeRun(
    series: number,
    timesMs: Float64Array,
    { count, nowMs }: { count: number; nowMs: number },
  ): void {
    let greatestMs = -Infinity;
    for (let at = 0; at < count; at++) if (timesMs[at] > greatestMs) greatestMs = timesMs[at];
    if (count > 0) this.observe(series, greatestMs, nowMs);
  }

  /** Greatest event time of a series; null when it has not been seen. */
  maxTimeMs(series: number): EventTimeMs | null {
    const timeMs = series < this.#seriesCount ? this.#maxTimeMs[series] : -Infinity;
    return timeMs === -Infinity ? null : timeMs;
  }

  /** How long it has not been heard; Infinity where it never was, or nothing more is expected of it. */
  silentMs(series: number, nowMs: number): number {
    return series < this.#seriesCount ? nowMs - this.#arrivedAtMs[series] : Infinity;
  }

  isIdle(series: number, nowMs: number): boolean {
    if (series >= this.#seriesCount) return true;
    return nowMs - this.#arrivedAtMs[series] > this.#idleAfterMs(series);
  }

  /** Nothing more is expected of the series: it holds nothing back, until it is heard again. */
  retire(series: number): void {
    this.#version++;
    if (series < this.#seriesCount) this.#arrivedAtMs[series] = -Infinity;
  }

  /**
   * The agent's watermark at `nowMs` on its clock. A clock that nobody has proven moves no watermark by itself:
   * `isClockProven` false leaves it where readings have brought it. O(series) once something has been told, or the series
   * that holds it is idle.
   */
  watermark(nowMs: number, isClockProven = true): AgentWatermark {
    if (this.#seenCount === 0) {
      // A clock that goes back starts the wait anew.
      if (this.#startedAtMs === null || nowMs < this.#startedAtMs) this.#startedAtMs = nowMs;
      if (nowMs - this.#startedAtMs <= this.#options.idleTimeoutMs)
        return { watermarkMs: this.#watermarkMs, isIdle: true };
    }
    const held = this.#heldAt(nowMs);
    const isIdle = held === -1;
    if (isIdle && !isClockProven) return { watermarkMs: this.#watermarkMs, isIdle };
    const leastMs = isIdle ? Infinity : this.#maxTimeMs[held];
    const watermarkMs = (isIdle ? nowMs : leastMs) - this.#options.outOfOrdernessMs;
    if (this.#watermarkMs === null || watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs;
    return { watermarkMs: this.#watermarkMs, isIdle };
  }

  /** The series with the least time of those that are not idle; -1 where all are. */
  #heldAt(nowMs: number): number {
    const known = this.#look;
    if (known.version === this.#version && nowMs >= known.fromMs && nowMs <= known.untilMs) return known.held;
    let held = -1;
    for (let series = 0; series < this.#seriesCount; series++) {
      const timeMs = this.#maxTimeMs[series];
      if (timeMs === -Infinity || (held !== -1 && timeMs >= this.#maxTimeMs[held])) continue;
      if (!this.isIdle(series, nowMs)) held = series;
    }
    // A little sooner than it is idle: no rounding makes that later.
    const untilMs = held === -1 ? Infinity : this.#arrivedAtMs[held] + this.#idleAfterMs(held) - 1;
    this.#look = { version: this.#version, fromMs: nowMs, untilMs, held };
    return held;
  }

  /** The series that holds the watermark at `nowMs`; null where all are idle. O(series) as `watermark` is. */
  heldBy(nowMs: number): WatermarkHold | null {
    const held = this.#heldAt(nowMs);
    if (held === -1) return null;
    return { series: held, idleInMs: this.#arrivedAtMs[held] + this.#idleAfterMs(held) - nowMs };
  }

  /**
   * The clock goes on from `nowMs` instead of `fromMs`, and is known to be right. Silence counts on as it did. What lies
   * beyond `latestMs`, further ahead than a reading may, came of a wrong clock: the watermark is taken back, and such a
   * series counts as heard until now.
   */
  setClock(step: { readonly fromMs: number; readonly nowMs: number; readonly latestMs: number }): void {
    this.#version++;
    const { fromMs, nowMs, latestMs } = step;
    const { outOfOrdernessMs } = this.#options;
    const moved = (atMs: number) => Math.min(atMs + nowMs - fromMs, nowMs);
    for (let series = 0; series < this.#seriesCount; series++) {
      if (this.#maxTimeMs[series] > latestMs) this.#maxTimeMs[series] = nowMs;
      this.#arrivedAtMs[series] = moved(this.#arrivedAtMs[series]);
    }
    if (this.#startedAtMs !== null) this.#startedAtMs = moved(this.#startedAtMs);
    if (this.#watermarkMs !== null && this.#watermarkMs > latestMs - outOfOrdernessMs)
      this.#watermarkMs = nowMs - outOfOrdernessMs;
  }

  export(): SeriesWatermarksState {
    const finite = (values: Float64Array) =>
      Array.from(values.subarray(0, this.#seriesCount), (value) => (Number.isFinite(value) ? value : null));
    return {
      maxTimeMs: finite(this.#maxTimeMs),
      arrivedAtMs: finite(this.#arrivedAtMs),
      intervalMs: finite(this.#intervalMs),
      gapCount: Array.from(this.#gapCount.subarray(0, this.#seriesCount)),
      watermarkMs: this.#watermarkMs,
    };
  }

  #learn(series: number, gapMs: number): void {
    const gapCount = this.#gapCount[series];
    const intervalMs = this.#intervalMs[series];
    const { idleTimeoutMs } = this.#options;
    const countedMsMax =
      gapCount < HABIT_GAPS_MIN
        ? FIRST_GAP_TIMEOUTS_MAX * idleTimeoutMs
        : Math.max(GAP_INTERVALS_MAX * intervalMs, idleTimeoutMs);
    const countedMs = Math.min(gapMs, countedMsMax);
    this.#intervalMs[series] =
      gapCount === 0 ? countedMs : intervalMs + GAP_WEIGHT * (countedMs - intervalMs);
    if (gapCount < HABIT_GAPS_MIN) this.#gapCount[series] = gapCount + 1;
  }

  /** Silence after which a series is idle. */
  #idleAfterMs(series: number): number {
    const { idleTimeoutMs } = this.#options;
    if (this.#gapCount[series] < HABIT_GAPS_MIN) return idleTimeoutMs;
    return Math.max(idleTimeoutMs, IDLE_INTERVALS_MIN * this.#intervalMs[series]);
  }

  #restore(state: SeriesWatermarksState): void {
    this.#grow(state.maxTimeMs.length);
    for (let series = 0; series < this.#seriesCount; series++) {
      const timeMs = state.maxTimeMs[series] ?? null;
      if (timeMs === null) continue;
      this.#seenCount++;
      this.#maxTimeMs[series] = timeMs;
      this.#arrivedAtMs[series] = state.arrivedAtMs[series] ?? -Infinity;
      const intervalMs = state.intervalMs[series] ?? null;
      if (intervalMs === null) continue;
      this.#intervalMs[series] = intervalMs;
      this.#gapCount[series] = state.gapCount?.[series] ?? HABIT_GAPS_MIN;
    }
    this.#watermarkMs = state.watermarkMs;
  }

  #grow(seriesCount: number): void {
    if (seriesCount > this.#maxTimeMs.length) {
      const capacity = Math.max(64, 2 ** Math.ceil(Math.log2(seriesCount)));
      this.#maxTimeMs = grown(this.#maxTimeMs, capacity, -Infinity);
      this.#arrivedAtMs = grown(this.#arrivedAtMs, capacity, -Infinity);
      this.#intervalMs = grown(this.#intervalMs, capacity, NaN);
      this.#gapCount = grown(this.#gapCount, capacity, 0);
    }
    this.#seriesCount = seriesCount;
  }
}

function grown(old: Float64Array, capacity: number, empty: number): Float64Array<ArrayBuffer> {
  const values = new Float64Array(capacity).fill(empty);
  values.set(old);
  return values;
}
