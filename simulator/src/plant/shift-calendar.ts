import type { DutyPlan } from "../plan/plan.ts";

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** 1970 began on a Thursday. */
const EPOCH_WEEKDAY_MINUTES = 3 * DAY_MINUTES;

/** When a site works, by its wall clock, week by week. */
export class ShiftCalendar {
  readonly #utcOffsetMs: number;
  /** Per minute of the week from Monday 0:00; null: always. */
  readonly #isOn: Uint8Array | null;
  readonly #resetMinute: number;

  constructor({ shifts, utcOffsetMinutes, countersResetMinute }: DutyPlan) {
    this.#utcOffsetMs = utcOffsetMinutes * MINUTE_MS;
    this.#resetMinute = countersResetMinute;
    const isOn = new Uint8Array(WEEK_MINUTES);
    for (const { days, fromMinute, toMinute } of shifts) {
      const length = toMinute - fromMinute + (toMinute > fromMinute ? 0 : DAY_MINUTES);
      for (const day of days)
        for (let minute = 0; minute < length; minute += 1)
          isOn[(day * DAY_MINUTES + fromMinute + minute) % WEEK_MINUTES] = 1;
    }
    this.#isOn = shifts.length === 0 ? null : isOn;
  }

  isOn(timeMs: number): boolean {
    return this.#isOn === null || this.#isOn[this.#minuteOfWeek(timeMs)] === 1;
  }

  /** When that changes next; Infinity: never. */
  nextChangeMs(timeMs: number): number {
    const isOn = this.#isOn;
    if (isOn === null) return Infinity;
    const first = this.#minuteOfWeek(timeMs);
    for (let minutes = 1; minutes <= WEEK_MINUTES; minutes += 1) {
      if (isOn[(first + minutes) % WEEK_MINUTES] === isOn[first]) continue;
      return (Math.floor((timeMs + this.#utcOffsetMs) / MINUTE_MS) + minutes) * MINUTE_MS - this.#utcOffsetMs;
    }
    return Infinity;
  }

  /** After `timeMs`. */
  nextCounterResetMs(timeMs: number): number {
    const dayMs = DAY_MINUTES * MINUTE_MS;
    const shiftMs = this.#utcOffsetMs - this.#resetMinute * MINUTE_MS;
    return (Math.floor((timeMs + shiftMs) / dayMs) + 1) * dayMs - shiftMs;
  }

  #minuteOfWeek(timeMs: number): number {
    const minutes = Math.floor((timeMs + this.#utcOffsetMs) / MINUTE_MS) + EPOCH_WEEKDAY_MINUTES;
    return ((minutes % WEEK_MINUTES) + WEEK_MINUTES) % WEEK_MINUTES;
  }
}
