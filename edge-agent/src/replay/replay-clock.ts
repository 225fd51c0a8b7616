import type { Clock } from "@millrace/runtime";

/** The time of the recording: it stands still until it is set, and never goes back. */
export class ReplayClock implements Clock {
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  set(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  after(): never {
    throw new Error("invariant: nothing waits in a replay");
  }
}
