import type { WallClock } from "./wall-clock.ts";

export const TIME_FORMATS = ["epoch-ms", "iso", "local"] as const;
export type TimeFormat = (typeof TIME_FORMATS)[number];

/** A time as JSON: 1697025601000, "2023-10-11T12:00:01.000Z", or "2023-10-11 20:00:01" by the wall clock. */
export class TimeText {
  readonly #format: TimeFormat;
  readonly #clock: WallClock;
  #second = NaN;
  #isoSecond = "";

  constructor(format: TimeFormat, clock: WallClock) {
    this.#format = format;
    this.#clock = clock;
  }

  of(timeMs: number): string {
    switch (this.#format) {
      case "epoch-ms":
        return `${timeMs}`;
      case "local":
        return `"${this.#clock.textOf(timeMs)}"`;
      case "iso": {
        const second = Math.floor(timeMs / 1_000);
        if (second !== this.#second) {
          this.#second = second;
          this.#isoSecond = `"${new Date(second * 1_000).toISOString().slice(0, 20)}`;
        }
        const ms = timeMs - second * 1_000;
        return `${this.#isoSecond}${ms < 10 ? "00" : ms < 100 ? "0" : ""}${ms}Z"`;
      }
    }
  }
}
