import type { EventTimeMs } from "./event-time.ts";
import type { WindowGrid } from "./window-grid.ts";
import { ZoneOffset } from "./zone-offset.ts";

/** Every offset from UTC since 1972 is a multiple of this, and so is every start of a day. */
export const DAY_GRID_MS = 900_000;

const DAY_MS = 86_400_000;
/** No zone has ever been further from UTC. */
const OFFSET_MS_MAX = 16 * 3_600_000;
/** Days whose start is remembered. */
const DAYS_MAX = 1_000;
/** As far as calendars go: 100,000,000 days either side of 1970. */
const TIME_MS_MAX = 8.6e15;

/**
 * Calendar days of a time zone. A day begins at the first instant of its date: at midnight, or where the clocks skip
 * midnight, at the skip. Where they go back over midnight, the hour that repeats stays in the new day. A date that a zone
 * has left out is no window. Starts before 1972, when zones had odd seconds, are taken down to the quarter of an hour.
 */
export class DayGrid implements WindowGrid {
  readonly #zone: ZoneOffset;
  /** By number of the day since 1970. */
  readonly #starts = new Map<number, EventTimeMs>();
  #startMs: EventTimeMs = 0;
  #endMs: EventTimeMs = 0;

  /** Throws a RangeError where there is no such zone. */
  constructor(timeZone: string) {
    this.#zone = new ZoneOffset(timeZone);
  }

  startsAt(timeMs: EventTimeMs): EventTimeMs[] {
    this.#turnTo(timeMs);
    return [this.#startMs];
  }

  endOf(startMs: EventTimeMs): EventTimeMs {
    this.#turnTo(startMs);
    return this.#endMs;
  }

  firstEndingAfter(timeMs: EventTimeMs): EventTimeMs {
    if (!(Math.abs(timeMs) < TIME_MS_MAX)) return timeMs;
    this.#turnTo(timeMs);
    return this.#startMs;
  }

  /** Finds the day that contains a time; mostly it is that of the last call. */
  #turnTo(timeMs: EventTimeMs): void {
    if (this.#startMs <= timeMs && timeMs < this.#endMs) return;
    // The local date is that of UTC, or one beside it.
    let day = Math.floor(timeMs / DAY_MS) + 1;
    while (this.#startOf(day) > timeMs) day--;
    this.#startMs = this.#startOf(day);
    do day++;
    while (this.#startOf(day) <= timeMs);
    this.#endMs = this.#startOf(day);
  }

  #startOf(day: number): EventTimeMs {
    let startMs = this.#starts.get(day);
    if (startMs === undefined) {
      if (this.#starts.size >= DAYS_MAX) this.#starts.clear();
      startMs = this.#search(day * DAY_MS);
      this.#starts.set(day, startMs);
    }
    return startMs;
  }

  /** The first instant whose local time is at or after a midnight, which is given as if it were UTC. */
  #search(midnightMs: number): EventTimeMs {
    const offsetMs = this.#zone.atMs(midnightMs - DAY_MS);
    if (offsetMs === this.#zone.atMs(midnightMs + DAY_MS)) return toGrid(midnightMs - offsetMs);
    // The zone changes its offset about then. Local time is not monotone, so no bisection.
    let atMs = midnightMs - OFFSET_MS_MAX;
    while (atMs + this.#zone.atMs(atMs) < midnightMs) atMs += DAY_GRID_MS;
    return atMs;
  }
}

function toGrid(timeMs: EventTimeMs): EventTimeMs {
  return Math.floor(timeMs / DAY_GRID_MS) * DAY_GRID_MS;
}
