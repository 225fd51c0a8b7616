const QUARTER_MS = 900_000;
const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/** The clock on the wall of a time zone. Every zone's offset changes at whole quarters of an hour only. */
export class WallClock {
  readonly #format: Intl.DateTimeFormat;
  #quarter = NaN;
  #offsetMs = 0;
  #second = NaN;
  #secondText = "";

  /** Throws a RangeError where there is no such zone. */
  constructor(zone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  }

  /** What the wall shows, as ms since the epoch of a clock in UTC that shows the same. */
  localMs(timeMs: number): number {
    const quarter = Math.floor(timeMs / QUARTER_MS);
    if (quarter !== this.#quarter) {
      this.#quarter = quarter;
      this.#offsetMs = this.#offsetOf(quarter * QUARTER_MS);
    }
    return timeMs + this.#offsetMs;
  }

  /** 0 up to 24. */
  hourOfDay(timeMs: number): number {
    const local = this.localMs(timeMs);
    return (local - Math.floor(local / DAY_MS) * DAY_MS) / 3_600_000;
  }

  /** When a day begins there. `date`: its date at 0:00 UTC. */
  midnightMs(dateMs: number): number {
    let timeMs = dateMs;
    for (let turn = 0; turn < 3; turn += 1) timeMs = dateMs - (this.localMs(timeMs) - timeMs);
    return timeMs;
  }

  /** The first midnight after `timeMs`. */
  nextMidnightMs(timeMs: number): number {
    return this.midnightMs((Math.floor(this.localMs(timeMs) / DAY_MS) + 1) * DAY_MS);
  }

  /** `2023-10-11 12:00:01` */
  textOf(timeMs: number): string {
    const second = Math.floor(timeMs / SECOND_MS);
    if (second !== this.#second) {
      this.#second = second;
      const iso = new Date(this.localMs(second * SECOND_MS)).toISOString();
      this.#secondText = `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
    }
    return this.#secondText;
  }

  #offsetOf(timeMs: number): number {
    const parts = new Map(this.#format.formatToParts(timeMs).map(({ type, value }) => [type, Number(value)]));
    const at = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    const local = Date.UTC(at("year"), at("month") - 1, at("day"), at("hour"), at("minute"), at("second"));
    return local - timeMs;
  }
}
