import type { WeatherPlan } from "../plan/plan.ts";
import { sineOfTurns } from "../signal/portable-math.ts";
import { RandomStream, streamName } from "../signal/random-stream.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * The air of a site's hall: coolest at 3:00 by the wall clock, warmest at 15:00, warmer days and colder ones. A function
 * of seed, site and time, linear between whole minutes.
 */
export class Weather {
  readonly #plan: WeatherPlan;
  readonly #seed: number;
  readonly #site: string;
  readonly #utcOffsetMs: number;
  #minute = NaN;
  #atMinute = 0;
  #riseAMinute = 0;
  #day = NaN;
  #fronts: readonly [number, number] = [0, 0];

  constructor(options: {
    readonly plan: WeatherPlan;
    readonly seed: number;
    readonly site: string;
    readonly utcOffsetMinutes: number;
  }) {
    this.#plan = options.plan;
    this.#seed = options.seed;
    this.#site = options.site;
    this.#utcOffsetMs = options.utcOffsetMinutes * MINUTE_MS;
  }

  celsiusAt(timeMs: number): number {
    const minute = Math.floor(timeMs / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#atMinute = this.#celsiusOn(minute * MINUTE_MS);
      this.#riseAMinute = this.#celsiusOn((minute + 1) * MINUTE_MS) - this.#atMinute;
    }
    return this.#atMinute + this.#riseAMinute * (timeMs / MINUTE_MS - minute);
  }

  #celsiusOn(timeMs: number): number {
    const { meanCelsius, dailySwingCelsius, frontCelsius } = this.#plan;
    const days = (timeMs + this.#utcOffsetMs) / DAY_MS;
    const swing = dailySwingCelsius * sineOfTurns(days - 9 / 24);
    if (frontCelsius === 0) return meanCelsius + swing;
    const day = Math.floor(days);
    if (day !== this.#day) {
      this.#day = day;
      this.#fronts = [this.#front(day), this.#front(day + 1)];
    }
    const [from, to] = this.#fronts;
    return meanCelsius + swing + frontCelsius * (from + (to - from) * (days - day));
  }

  /** At midnight, deviation 1. */
  #front(day: number): number {
    return new RandomStream(streamName(this.#seed, this.#site, "weather", day)).normal();
  }
}
