import type { RandomStream } from "../signal/random-stream.ts";
import { unitExponential } from "./unit-exponential.ts";

/** Over it the rate is taken as constant. */
const STEP_MS = 1_000;

/**
 * A Poisson process whose rate changes with time: unit exponentials through the inverse of the integrated rate, which is
 * exact for the rate that it is given second by second (E. Çinlar, Introduction to Stochastic Processes, 1975, 4.7).
 */
export class Arrivals {
  readonly #rateOf: (timeMs: number) => number;
  readonly #random: RandomStream;
  /** The next arrival is so far behind the beginning of its step: much finer than ms since 1970 can be told apart. */
  #stepStartMs: number;
  #sinceMs = 0;
  #stepLengthMs = 0;
  #perMs = 0;

  /** `rateOf`: arrivals a second at a time, 0 or more. */
  constructor(rateOf: (timeMs: number) => number, random: RandomStream, startMs: number) {
    this.#rateOf = rateOf;
    this.#random = random;
    this.#stepStartMs = startMs;
    this.advance();
  }

  /** Of the next arrival; between whole ms. */
  get nextMs(): number {
    return this.#stepStartMs + this.#sinceMs;
  }

  advance(): void {
    let left = unitExponential(this.#random.uniform());
    for (;;) {
      const inStep = this.#perMs * (this.#stepLengthMs - this.#sinceMs);
      if (left < inStep) break;
      left -= inStep;
      this.#stepStartMs += this.#stepLengthMs;
      const second = Math.floor(this.#stepStartMs / STEP_MS);
      this.#stepLengthMs = (second + 1) * STEP_MS - this.#stepStartMs;
      this.#sinceMs = 0;
      this.#perMs = this.#rateOf((second + 0.5) * STEP_MS) / 1_000;
    }
    this.#sinceMs += left / this.#perMs;
  }
}
