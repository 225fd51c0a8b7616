import { ZoneOffset } from "@millrace/stream";

/** Clocks change on quarters of an hour, of local time too. */
const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
/** A few days less than a JavaScript Date has. */
const LOCAL_MS_MAX = 8.6399e15;
/** Quarters whose offset is remembered: a year and a half of them. */
const QUARTERS_MAX = 50_000;

/**
 * From the local time of a zone to UTC. A local time that the clocks skip is taken as if they had not been set yet, so it
 * lies as much later (02:30 becomes 03:30); of one that comes twice the first is meant. (As java.time and ECMAScript's
 * Temporal, "compatible", have it.)
 */
export class ZonedTime {
  readonly #zone: ZoneOffset;
  readonly #offsetsMs = new Map<number, number>();
  #quarter = NaN;
  #offsetMs = 0;

  /** Throws a RangeError where there is no such zone. */
  constructor(timeZone: string) {
    this.#zone = new ZoneOffset(timeZone);
  }

  /** `localMs`: the local time, as if it were UTC. NaN beyond what calendars reach, and of NaN. */
  toUtcMs(localMs: number): number {
    if (!(Math.abs(localMs) < LOCAL_MS_MAX)) return NaN;
    const quarter = Math.floor(localMs / QUARTER_MS);
    if (quarter !== this.#quarter) {
      this.#offsetMs = this.#offsetOf(quarter);
      this.#quarter = quarter;
    }
    return localMs - this.#offsetMs;
  }

  #offsetOf(quarter: number): number {
    let offsetMs = this.#offsetsMs.get(quarter);
    if (offsetMs === undefined) {
      if (this.#offsetsMs.size >= QUARTERS_MAX) this.#offsetsMs.clear();
      offsetMs = this.#find(quarter * QUARTER_MS);
      this.#offsetsMs.set(quarter, offsetMs);
    }
    return offsetMs;
  }

  #find(localMs: number): number {
    const beforeMs = this.#zone.atMs(localMs - DAY_MS);
    const afterMs = this.#zone.atMs(localMs + DAY_MS);
    if (beforeMs === afterMs) return beforeMs;
    const isBefore = this.#zone.atMs(localMs - beforeMs) === beforeMs;
    const isAfter = this.#zone.atMs(localMs - afterMs) === afterMs;
    return isAfter && !isBefore ? afterMs : beforeMs;
  }
}
