import type { Metric } from "../plan/metric.ts";
import type { MachineBlock } from "./machine-block.ts";
import { READINGS_MAX, type SaidReadings } from "./said-readings.ts";

/** Of all machines together, 16 MB: 20 s of 100,000 readings a second, an hour of 500. */
const VALUES_MAX = 2_000_000;

/**
 * What machines said in their last steps, cheaply: an order may set any clock back, and then it says again what it has said. The oldest
 * make room.
 */
export class RecentReadings {
  readonly #metrics: readonly Metric[];
  readonly #machineCount: number;
  readonly #stepsMax: number;
  /** By step: the stamp, then a value for each signal; NaN: none. */
  #values: Float64Array | null = null;
  #stepCount = 0;

  constructor(metrics: readonly Metric[], machineCount: number) {
    this.#metrics = metrics;
    this.#machineCount = machineCount;
    this.#stepsMax = Math.min(
      Math.floor(VALUES_MAX / this.#width),
      machineCount * Math.ceil(READINGS_MAX / metrics.length),
    );
  }

  get #width(): number {
    return this.#metrics.length + 1;
  }

  /** The block's first tick: machines in turn. */
  add({ stampMs, values }: MachineBlock): void {
    const into = (this.#values ??= new Float64Array(this.#stepsMax * this.#width));
    const at = (this.#stepCount % this.#stepsMax) * this.#width;
    into[at] = stampMs[0];
    for (let index = 0; index < values.length; index += 1) into[at + 1 + index] = values[index][0];
    this.#stepCount += 1;
  }

  /** Tells what one machine has said; `place`: its turn. */
  tell(place: number, said: SaidReadings): void {
    const values = this.#values;
    if (values === null) return;
    const oldest = Math.max(0, this.#stepCount - this.#stepsMax);
    for (let step = oldest; step < this.#stepCount; step += 1) {
      if (step % this.#machineCount !== place) continue;
      const at = (step % this.#stepsMax) * this.#width;
      this.#metrics.forEach((metric, index) => {
        const value = values[at + 1 + index];
        if (!Number.isNaN(value)) said.hasSaid(metric, values[at], value);
      });
    }
  }
}
