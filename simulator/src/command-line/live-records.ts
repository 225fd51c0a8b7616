import { createHash } from "node:crypto";
import { reasonOf, systemClock, type CommandInput, type Logger } from "@millrace/runtime";
import { RecordPump } from "../business/live/record-pump.ts";
import type { RecordReceiver } from "../business/live/record-receiver.ts";
import type { RecordRecovery } from "../business/live/record-recovery.ts";
import type { BusinessPlan } from "../business/plan/business-plan.ts";
import { recordStreams } from "../business/plan/record-streams.ts";
import type { Plan } from "../plan/plan.ts";
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
  readonly log: Logger;
}

/** A plan's records on their way to where the command's flags say. */
export class LiveRecords {
  readonly #pump: RecordPump;
  readonly #receiver: RecordReceiver;
  readonly #log: Logger;

  private constructor(pump: RecordPump, receiver: RecordReceiver, log: Logger) {
    this.#pump = pump;
    this.#receiver = receiver;
    this.#log = log;
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
    const pump = new RecordPump({
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
    });
    return new LiveRecords(pump, receiver, log);
  }

  get progress(): RecordPump["progress"] {
    return this.#pump.progress;
  }

  /** Resolves when it is over: with false when something was never acknowledged, which is said. */
  async run(): Promise<boolean> {
    try {
      await this.#pump.run();
      return true;
    } catch (error) {
      this.#log.error("records were not delivered", { reason: reasonOf(error) });
      return false;
    } finally {
      await this.#receiver.close();
    }
  }

  /** Makes nothing more; what is made has so long to be acknowledged. */
  stop(drainMs: number): void {
    this.#pump.stop();
    systemClock.after(drainMs, () => void this.#receiver.close()).unref?.();
  }
}

/** Of all that a run's bytes depend on. */
function runName({ text, seed }: Plan, startMs: number): string {
  return `${seed}-${startMs}-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}
