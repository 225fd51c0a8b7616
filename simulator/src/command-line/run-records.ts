import { createHash } from "node:crypto";
import {
  createLogger,
  onStopSignals,
  reasonOf,
  systemClock,
  type CommandInput,
  type ExitCode,
  type Timer,
} from "@millrace/runtime";
import { RecordPump } from "../business/live/record-pump.ts";
import { recoverRecords } from "../business/live/record-recovery.ts";
import type { BusinessPlan } from "../business/plan/business-plan.ts";
import { recordStreams } from "../business/plan/record-streams.ts";
import { parsePlan } from "../plan/load-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { TruthLog } from "../truth/truth-log.ts";
import { chosenStreams, openReceiver } from "./open-receiver.ts";
import { wrongUsage } from "./wrong-usage.ts";

export interface RunRecordsOptions {
  readonly plan: Plan;
  readonly business: BusinessPlan;
  readonly truthPath: string;
  /** Of a run that begins. */
  readonly startMs: number;
  readonly forMs: number | null;
  readonly speed: number | null;
  readonly drainMs: number;
}

const PROGRESS_MS = 10_000;

/** Records live, to Kafka, over HTTP or into files. Exit 1 when something was never acknowledged. */
export async function runRecords(input: CommandInput, options: RunRecordsOptions): Promise<ExitCode> {
  const { name, output } = input;
  const { truthPath, forMs, speed, drainMs, business } = options;
  if (options.plan.sites.length > 0) {
    throw wrongUsage(name, "the plan has sites and records; live it may have one of them: add --offline");
  }
  const recovery = await recoverRecords(truthPath);
  if (recovery !== null && recovery.planText !== options.plan.text)
    throw wrongUsage(
      name,
      `${truthPath} holds a run of another plan that has not ended; choose another file`,
    );
  const plan =
    recovery === null ? options.plan : parsePlan(recovery.planText, "plan", { seed: recovery.seed });

  const log = createLogger().child("sim");
  const streams = chosenStreams(input, business);
  const startMs = recovery?.startMs ?? options.startMs;
  const receiver = await openReceiver(input, {
    business,
    streams: streams ?? recordStreams(business),
    run: runName(plan, startMs),
    isResumed: recovery !== null,
    log,
  });
  const truth = new TruthLog(truthPath);
  const pump = new RecordPump({
    plan,
    startMs,
    forMs,
    // One that is gone on with is made again from its start: as fast as it goes.
    speed: recovery === null || speed === null ? speed : Infinity,
    recovery,
    truth,
    clock: systemClock,
    receiver,
    streams,
  });
  const stopProgress = reportProgress(pump, (text) => output.out(text));
  const offSignals = onStopSignals({
    stop: () => {
      pump.stop();
      systemClock.after(drainMs, () => void receiver.close()).unref?.();
    },
    force: () => process.exit(1),
  });
  let exitCode: ExitCode = 0;
  try {
    await pump.run();
  } catch (error) {
    log.error("records were not delivered", { reason: reasonOf(error) });
    exitCode = 1;
  }
  stopProgress();
  offSignals();
  await receiver.close();
  truth.close();
  log.flush();
  const { made, acked } = pump.progress;
  output.out(`${made} records made, ${acked} acknowledged, ${made - acked} not\n`);
  return exitCode;
}

/** Of all that a run's bytes depend on. */
function runName({ text, seed }: Plan, startMs: number): string {
  return `${seed}-${startMs}-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}

function reportProgress(pump: RecordPump, write: (text: string) => void): () => void {
  let last = 0;
  const report = (): Timer =>
    systemClock.after(PROGRESS_MS, () => {
      const { made, acked, lagMs } = pump.progress;
      const rate = Math.round(((acked - last) * 1_000) / PROGRESS_MS);
      last = acked;
      write(`${rate} records/s, ${made} made, ${acked} acknowledged, ${Math.round(lagMs)} ms behind\n`);
      timer = report();
    });
  let timer = report();
  return () => timer.cancel();
}
