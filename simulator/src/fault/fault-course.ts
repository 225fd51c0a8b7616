import type { FaultPlan } from "../plan/fault-plan.ts";

export type FaultStep = "onset" | "full" | "end";

/** One fault's way through time: its steps in order, and how much of it there is. Event time in ms. */
export class FaultCourse<Fault extends FaultPlan = FaultPlan> {
  readonly fault: Fault;
  readonly #onsetMs: number;
  readonly #fullMs: number;
  readonly #endMs: number;
  #stepCount = 0;

  /** `plantStartMs`: where the plan's times count from. */
  constructor(fault: Fault, plantStartMs: number) {
    this.fault = fault;
    this.#onsetMs = plantStartMs + fault.atMs;
    this.#fullMs = this.#onsetMs + fault.growthMs;
    this.#endMs = plantStartMs + fault.endMs;
  }

  get onsetMs(): number {
    return this.#onsetMs;
  }

  get endMs(): number {
    return this.#endMs;
  }

  /** There is something of it, by the steps taken. */
  get isActive(): boolean {
    return this.#stepCount > 0 && !this.hasEnded;
  }

  get hasEnded(): boolean {
    return this.#stepCount === 3;
  }

  /** Of the step to be taken next; Infinity: none. */
  get nextMs(): number {
    if (this.#stepCount === 0) return this.#onsetMs;
    if (this.hasEnded) return Infinity;
    return this.#stepCount === 1 ? Math.min(this.#fullMs, this.#endMs) : this.#endMs;
  }

  /** Takes the steps that are due, in their order. */
  *steps(timeMs: number): Generator<FaultStep> {
    for (let step = this.#step(timeMs); step !== null; step = this.#step(timeMs)) yield step;
  }

  /** A fault that does not grow is full at its onset. */
  #step(timeMs: number): FaultStep | null {
    if (timeMs < this.nextMs) return null;
    if (this.#stepCount === 0) {
      this.#stepCount = this.fault.growthMs === 0 ? 2 : 1;
      return "onset";
    }
    if (this.#stepCount === 1 && this.#fullMs < this.#endMs) {
      this.#stepCount = 2;
      return "full";
    }
    this.#stepCount = 3;
    return "end";
  }

  /** Before its time. True if it was there. */
  end(): boolean {
    const wasActive = this.isActive;
    this.#stepCount = 3;
    return wasActive;
  }

  /** 0 before the onset, then linearly to 1; 0 again from the end. Follows the steps taken. */
  intensity(timeMs: number): number {
    if (!this.isActive) return 0;
    if (timeMs >= this.#fullMs) return 1;
    return Math.max(0, (timeMs - this.#onsetMs) / (this.#fullMs - this.#onsetMs));
  }
}
