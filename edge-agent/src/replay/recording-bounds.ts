import type { AgentConfig } from "@millrace/config";
import { isoTime } from "../intake/iso-time.ts";

export interface RecordingBoundsOptions {
  readonly limits: Pick<AgentConfig["limits"], "clockFloorMs" | "maxFutureMs">;
  readonly todayMs: () => number;
}

/** The times that a recording may be of: those that the agent would not refuse today, whatever its clock was then. */
export class RecordingBounds {
  readonly #options: RecordingBoundsOptions;
  /** No clock is asked for each line. */
  #greatestMs = Number.NEGATIVE_INFINITY;

  constructor(options: RecordingBoundsOptions) {
    this.#options = options;
  }

  /** Why nothing was recorded then; undefined where it may have been. */
  refusal(timeMs: number): string | undefined {
    const { limits, todayMs } = this.#options;
    if (timeMs < limits.clockFloorMs)
      return `its time ${isoTime(timeMs)} is before limits.clockFloor (before_floor)`;
    if (timeMs <= this.#greatestMs) return undefined;
    this.#greatestMs = todayMs() + limits.maxFutureMs;
    if (timeMs <= this.#greatestMs) return undefined;
    return `its time ${isoTime(timeMs)} is more than limits.maxFuture ahead of this machine's clock (future)`;
  }
}
