import { createHash } from "node:crypto";
import { reasonOf, systemClock, type CommandInput, type Logger, type Timer } from "@millrace/runtime";
import { RecordPump } from "../business/live/record-pump.ts";
import type { RecordReceiver } from "../business/live/record-receiver.ts";
import type { RecordRecovery } from "../business/live/record-recovery.ts";
import type { BusinessPlan } from "../business/plan/business-plan.ts";
import { recordStreams } from "../business/plan/record-streams.ts";
import type { Plan } from "../plan/plan.ts";
import { formatDuration } from "../progress/format-duration.ts";
import type { TruthLog } from "../truth/truth-log.ts";
import { chosenStreams, openReceiver } from "./open-receiver.ts";

export interface LiveRecordsOptions {
  readonly plan: Plan;
  readonly business: BusinessPlan;
  readonly truth: TruthLog;
  readonly recovery: RecordRecovery | null;
  /** Of records that begin; those that are gone on with have their own. */
  readonly startMs: number;
  /** Event time; null: until stopped. */
  readonly endMs: number | null;
  readonly speed: number | null;
  /** How long what is made has, at the end, to be acknowledged. */
  readonly drainMs: number;
  readonly log: Logger;
}

/** A plan's records on their way to where the command's flags say. */
export class LiveRecords {
  readonly #pump: RecordPump;
  readonly #receiver: RecordReceiver;
  readonly #options: LiveRecordsOptions;
  #drain: Timer | null = null;
  #isGivenUp = false;

  private constructor(
    receiver: RecordReceiver,
    options: LiveRecordsOptions,
    pumpOf: (onMade: () => void) => RecordPump,
  ) {
    this.#receiver = receiver;
    this.#options = options;
    this.#pump = pumpOf(() => this.#giveUpAfter(0));
  }

  /** Throws wrong_usage where the flags name no receiver. */
  static async open(input: CommandInput, options: LiveRecordsOptions): Promise<LiveRecords> {
    const { plan, business, truth, recovery, endMs, speed, log } = options;
    const startMs = recovery?.startMs ?? options.startMs;
    const streams = chosenStreams(input, business);
    const receiver = await openReceiver(input, {
      business,
      streams: streams ?? recordStreams(business),
      run: runName(plan, startMs),
      isResumed: recovery !== null,
      log,
    });
    const pumpOf = (onMade: () => void): RecordPump =>
      new RecordPump({
        plan: business,
        seed: plan.seed,
        startMs,
        forMs: endMs === null ? null : endMs - startMs,
        speed,
        recovery,
        truth,
        clock: systemClock,
        receiver,
        streams,
        onMade,
      });
    return new LiveRecords(receiver, options, pumpOf);
  }

  get progress(): RecordPump["progress"] {
    return this.#pump.progress;
  }

  /** Resolves when it is over: with false when something was never acknowledged, which is said. */
  async run(): Promise<boolean> {
    const { speed, endMs, drainMs, log } = this.#options;
    const leftMs = speed === null && endMs !== null ? endMs - systemClock.nowMs() : 0;
    // Who was away when the last should have been made has kept the making waiting.
    if (leftMs > 0) this.#giveUpAfter(leftMs);
    try {
      await this.#pump.run();
      return true;
    } catch (error) {
      const waited = `the receiver has not taken all within --drain ${formatDuration(drainMs)} of the end`;
      const reason = this.#isGivenUp ? waited : reasonOf(error);
      log.error("records were not delivered", { reason });
      return false;
    } finally {
      this.#drain?.cancel();
      await this.#receiver.close();
    }
  }

  /** Makes nothing more; what is made has so long to be acknowledged. */
  stop(): void {
    this.#pump.stop();
    this.#giveUpAfter(0);
  }

  #giveUpAfter(leftMs: number): void {
    this.#drain?.cancel();
    this.#drain = systemClock.after(leftMs + this.#options.drainMs, () => {
      this.#isGivenUp = true;
      void this.#receiver.close();
    });
    this.#drain.unref?.();
  }
}

/** Of all that a run's bytes depend on. */
function runName({ text, seed }: Plan, startMs: number): string {
  return `${seed}-${startMs}-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}
