import type { WallClock } from "./wall-clock.ts";

/** A day's rate around its mean of 1, from one weight an hour, each of the hour's middle, straight between them. */
export class DailyCurve {
  readonly #levels: readonly number[];
  readonly #clock: WallClock;

  constructor(hours: readonly number[], clock: WallClock) {
    const mean = hours.reduce((sum, weight) => sum + weight, 0) / hours.length;
    this.#levels = hours.map((weight) => weight / mean);
    this.#clock = clock;
  }

  levelAt(timeMs: number): number {
    const levels = this.#levels;
    const place = (this.#clock.hourOfDay(timeMs) - 0.5 + 24) % 24;
    const hour = Math.floor(place);
    const next = levels[(hour + 1) % 24];
    return levels[hour] + (next - levels[hour]) * (place - hour);
  }
}
