/** Readings of a clock that goes at a right pace, and come at once, are within this of each other. */
const PACE_TOLERANCE_MS = 2_000;
/** A sensor's readings come live when they have kept the pace of time so long: a backlog comes faster. */
const LIVE_AFTER_MS = 10_000;
/** What has kept the pace so long may have drifted: it is measured anew. */
const MEASURED_ANEW_AFTER_MS = 60_000;
/** A sensor that has been silent for longer has no say. */
const SILENT_AFTER_MS = 600_000;
/** Sensors agree whose clocks differ by no more. */
const AGREEMENT_MS = 5_000;
/** Series that are asked, at equal distances of all, and how often. */
const CENSUS_SERIES_MAX = 1_000;
const CENSUS_INTERVAL_MS = 1_000;

/** What the clocks of most sensors whose readings come live show. */
export interface SensorsTime {
  readonly timeMs: number;
  /** How many say so. */
  readonly count: number;
  /** More than half of all that speak, those too whose readings come as a backlog does, or have just begun. */
  readonly isMajority: boolean;
}

type Census = Omit<SensorsTime, "timeMs"> & { readonly offsetMs: number };

/** How far the clock of a series' sensor is ahead of the agent's time; negative: behind. */
export interface SensorOffset {
  readonly series: number;
  readonly aheadMs: number;
}

/**
 * What the sensors' own clocks show, by series: own time less monotonic time of arrival. That stays the same while readings
 * come as they are taken, whatever the wall clock does; of a backlog it grows with each reading. Readings that lie
 * further back than others of their series, as of a backlog beside live ones, are heard and change nothing.
 */
export class SensorClocks {
  #offsetMs = new Float64Array(0);
  /** Since when they keep the pace, and the last that did; monotonic. */
  #sinceMs = new Float64Array(0);
  #heardAtMs = new Float64Array(0);
  #count = 0;
  #census: Census | null = null;
  #censusAtMs = Number.NEGATIVE_INFINITY;

  /** A reading with a time of its own has come, not a retained one. `series` is a small number, given densely. */
  heard(series: number, timeMs: number, monotonicMs: number): void {
    if (series >= this.#count) this.#grow(series);
    const offsetMs = timeMs - monotonicMs;
    const aheadMs = offsetMs - this.#offsetMs[series];
    if (Math.abs(aheadMs) <= PACE_TOLERANCE_MS) {
      this.#heardAtMs[series] = monotonicMs;
      if (monotonicMs - this.#sinceMs[series] < MEASURED_ANEW_AFTER_MS) return;
      this.#offsetMs[series] = offsetMs;
      this.#sinceMs[series] = monotonicMs - LIVE_AFTER_MS;
      return;
    }
    if (aheadMs < 0 && monotonicMs - this.#heardAtMs[series] < MEASURED_ANEW_AFTER_MS) return;
    this.#offsetMs[series] = offsetMs;
    this.#sinceMs[series] = monotonicMs;
    this.#heardAtMs[series] = monotonicMs;
  }

  /** How old a reading was when it came, by its own sensor's clock, ms; 0 where that is within what is usual. */
  lateMs(series: number, timeMs: number, monotonicMs: number): number {
    if (series >= this.#count) return 0;
    const lateMs = this.#offsetMs[series] - (timeMs - monotonicMs);
    return lateMs > PACE_TOLERANCE_MS ? lateMs : 0;
  }

  /** Null while no more than half of those that come live agree. At most a second old. */
  agreed(monotonicMs: number): SensorsTime | null {
    if (monotonicMs - this.#censusAtMs >= CENSUS_INTERVAL_MS) {
      this.#censusAtMs = monotonicMs;
      this.#census = this.#takeCensus(monotonicMs);
    }
    if (this.#census === null) return null;
    const { offsetMs, ...rest } = this.#census;
    return { timeMs: offsetMs + monotonicMs, ...rest };
  }

  /** Those that come live and are further from the agent's time than its bounds, the furthest first. */
  off(
    time: { readonly nowMs: number; readonly monotonicMs: number },
    bounds: { readonly aheadMsMax: number; readonly behindMsMax: number },
  ): readonly SensorOffset[] {
    const { nowMs, monotonicMs } = time;
    const off: SensorOffset[] = [];
    for (let series = 0; series < this.#count; series += 1) {
      if (!this.#isLive(series, monotonicMs)) continue;
      const aheadMs = Math.round(this.#offsetMs[series] + monotonicMs - nowMs);
      if (aheadMs > bounds.aheadMsMax || -aheadMs > bounds.behindMsMax) off.push({ series, aheadMs });
    }
    return off.toSorted((a, b) => Math.abs(b.aheadMs) - Math.abs(a.aheadMs));
  }

  #takeCensus(monotonicMs: number): Census | null {
    const offsetsMs: number[] = [];
    let speaking = 0;
    const stride = Math.ceil(this.#count / CENSUS_SERIES_MAX);
    for (let series = 0; series < this.#count; series += stride) {
      if (!(monotonicMs - this.#heardAtMs[series] <= SILENT_AFTER_MS)) continue;
      speaking += 1;
      if (this.#isLive(series, monotonicMs)) offsetsMs.push(this.#offsetMs[series]);
    }
    offsetsMs.sort((a, b) => a - b);
    const medianMs = offsetsMs[Math.floor(offsetsMs.length / 2)];
    const count = offsetsMs.filter((offsetMs) => Math.abs(offsetMs - medianMs) <= AGREEMENT_MS).length;
    const isAgreed = count * 2 > offsetsMs.length;
    return isAgreed ? { offsetMs: medianMs, count, isMajority: count * 2 > speaking } : null;
  }

  #isLive(series: number, monotonicMs: number): boolean {
    const heardAtMs = this.#heardAtMs[series];
    return monotonicMs - heardAtMs <= SILENT_AFTER_MS && heardAtMs - this.#sinceMs[series] >= LIVE_AFTER_MS;
  }

  #grow(series: number): void {
    const length = Math.max(64, 2 * this.#offsetMs.length, series + 1);
    if (series >= this.#offsetMs.length) {
      this.#offsetMs = grown(this.#offsetMs, length);
      this.#sinceMs = grown(this.#sinceMs, length);
      this.#heardAtMs = grown(this.#heardAtMs, length);
    }
    this.#count = series + 1;
  }
}

function grown(values: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(length).fill(Number.NaN);
  longer.set(values);
  return longer;
}
