import type { Metric } from "../plan/metric.ts";

/** What a machine says about as much as an agent remembers for telling repetitions: 10 minutes at 150 readings a second. */
export const READINGS_MAX = 90_000;

/** Time and value of a machine's last readings: a clock that is set back may say the same again. */
export class SaidReadings {
  /** Oldest first. */
  readonly #said = new Set<string>();

  /** Whether it was said before; from now on it was. */
  hasSaid(metric: Metric, timeMs: number, value: number): boolean {
    const reading = `${metric} ${timeMs} ${value}`;
    if (this.#said.has(reading)) return true;
    this.#said.add(reading);
    for (const oldest of this.#said) {
      if (this.#said.size <= READINGS_MAX) break;
      this.#said.delete(oldest);
    }
    return false;
  }
}
