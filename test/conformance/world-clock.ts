import type { Clock } from "@millrace/runtime";
import type { ClockError } from "./load-cases.ts";

/** One machine's clock in a case: the world's time, off by what the case says. Monotonic time begins with the world. */
export class WorldClock implements Clock {
  readonly #errors: readonly ClockError[];
  readonly #beginsMs: number;
  #worldMs: number;

  constructor(beginsMs: number, errors: readonly ClockError[]) {
    this.#beginsMs = beginsMs;
    this.#worldMs = beginsMs;
    this.#errors = errors;
  }

  set(worldMs: number): void {
    this.#worldMs = worldMs;
  }

  nowMs(): number {
    const error = this.#errors.findLast(({ fromMs }) => fromMs <= this.#worldMs);
    return this.#worldMs + (error?.aheadMs ?? 0);
  }

  monotonicMs(): number {
    return this.#worldMs - this.#beginsMs;
  }

  after(): never {
    throw new Error("invariant: a case has no timers, only steps");
  }
}
