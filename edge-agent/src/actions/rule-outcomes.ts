import type { Outcome } from "@millrace/detect";
import type { CommitLoop } from "../durability/commit-loop.ts";
import type { FlightRecorder } from "../evidence/flight-recorder.ts";
import type { AlarmDesk } from "./alarm-desk.ts";

export interface RuleOutcomesOptions {
  readonly alarmDesk: AlarmDesk;
  /** Null where none is configured. */
  readonly recorder: FlightRecorder | null;
  readonly commits: Pick<CommitLoop, "requestNow">;
}

/** What becomes of what the rules ask for: carried out, recorded, made durable. */
export class RuleOutcomes {
  readonly #options: RuleOutcomesOptions;

  constructor(options: RuleOutcomesOptions) {
    this.#options = options;
  }

  /** `by`: whose doing it is, where it is a person's. */
  readonly handle = (outcomes: readonly Outcome[], by?: string): void => {
    if (outcomes.length === 0) return;
    const { alarmDesk, recorder, commits } = this.#options;
    alarmDesk.handle(outcomes, by);
    recorder?.heed(outcomes);
    commits.requestNow();
  };
}
