import { SeededRandom } from "@millrace/testkit";

/** One reading as a sensor of the simulation sends it; also one line of its truth. */
export interface SimulatedReading {
  readonly topic: string;
  readonly site: string;
  readonly machine: string;
  readonly timeMs: number;
  readonly value: number;
}

/** Every tenth of a second each machine may read; values have three decimals, as a real sensor's would. */
const INTERVAL_MS = 500;

/**
 * The machines of one site. Readings are a function of seed, site and time; each has a time of its own within its
 * series, so that nothing but a repetition of itself is its duplicate.
 */
export class Plant {
  readonly #random: SeededRandom;
  readonly #site: string;
  readonly #machineCount: number;
  readonly #values: number[];

  constructor(options: { readonly seed: number; readonly site: string; readonly machineCount: number }) {
    this.#random = new SeededRandom(options.seed, `plant ${options.site}`);
    this.#site = options.site;
    this.#machineCount = options.machineCount;
    this.#values = Array.from({ length: options.machineCount }, () => 50);
  }

  /** The readings of the interval that begins at `fromMs`. */
  readings(fromMs: number): SimulatedReading[] {
    const readings: SimulatedReading[] = [];
    for (let machine = 1; machine <= this.#machineCount; machine += 1) {
      const drift = (this.#random.next() - 0.5) * 4;
      const value = Math.round((this.#values[machine - 1] + drift) * 1000) / 1000;
      this.#values[machine - 1] = value;
      readings.push({
        topic: `factory/${this.#site}/1/m${machine}/temperature`,
        site: this.#site,
        machine: `m${machine}`,
        timeMs: fromMs + this.#random.integer(0, INTERVAL_MS - 1),
        value,
      });
    }
    return readings;
  }

  static readonly intervalMs = INTERVAL_MS;
}
