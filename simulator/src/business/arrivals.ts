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
  #stepEndMs: number;
  #perMs = 0;
  #nextMs: number;

  /** `rateOf`: arrivals a second at a time, 0 or more. */
  constructor(rateOf: (timeMs: number) => number, random: RandomStream, startMs: number) {
    this.#rateOf = rateOf;
    this.#random = random;
    this.#nextMs = startMs;
    this.#stepEndMs = startMs;
    this.advance();
  }

  /** Of the next arrival; between whole ms. */
  get nextMs(): number {
    return this.#nextMs;
  }

  advance(): void {
    let left = unitExponential(this.#random.uniform());
    for (;;) {
      const inStep = this.#perMs * (this.#stepEndMs - this.#nextMs);
      if (left < inStep) break;
      left -= inStep;
      this.#nextMs = this.#stepEndMs;
      this.#stepEndMs = (Math.floor(this.#nextMs / STEP_MS) + 1) * STEP_MS;
      this.#perMs = this.#rateOf(this.#stepEndMs - STEP_MS / 2) / 1_000;
    }
    this.#nextMs += left / this.#perMs;
  }
}
