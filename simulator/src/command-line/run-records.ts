import {
  createLogger,
  MillraceError,
  onStopSignals,
  reasonOf,
  systemClock,
  type CommandInput,
  type ExitCode,
  type Timer,
} from "@millrace/runtime";
import type { RecordStreamName } from "../business/business-record.ts";
import { KafkaReceiver } from "../business/live/kafka-receiver.ts";
import { RecordPump } from "../business/live/record-pump.ts";
import { recoverRecords } from "../business/live/record-recovery.ts";
import type { BusinessPlan } from "../business/plan/business-plan.ts";
import { recordStreams } from "../business/plan/record-streams.ts";
import { parsePlan } from "../plan/load-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { TruthLog } from "../truth/truth-log.ts";

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

/** Records live, into Kafka. Exit 1 when something was never acknowledged. */
export async function runRecords(
  { name, flags, output }: CommandInput,
  options: RunRecordsOptions,
): Promise<ExitCode> {
  const { truthPath, forMs, speed, drainMs, business } = options;
  const brokers = (flags.text("kafka") ?? "").split(",").filter((broker) => broker !== "");
  if (brokers.length === 0 || options.plan.sites.length > 0) {
    const reason =
      brokers.length === 0
        ? "the plan makes records: add --kafka HOST:PORT, or --offline --into FOLDER"
        : "the plan has sites and records; live it may have one of them: add --offline";
    throw new MillraceError("wrong_usage", { command: name, reason });
  }
  for (const broker of brokers) {
    if (/^[^\s:]+:\d{1,5}$/.test(broker)) continue;
    const reason = `--kafka: ${broker} is not HOST:PORT`;
    throw new MillraceError("wrong_usage", { command: name, reason });
  }
  const recovery = await recoverRecords(truthPath);
  if (recovery !== null && recovery.planText !== options.plan.text)
    throw new MillraceError("wrong_usage", {
      command: name,
      reason: `${truthPath} holds a run of another plan that has not ended; choose another file`,
    });
  const plan =
    recovery === null ? options.plan : parsePlan(recovery.planText, "plan", { seed: recovery.seed });

  const log = createLogger().child("sim");
  let isAway = false;
  const { PlatformaticClient } = await import("@millrace/kafka");
  const client = new PlatformaticClient({ brokers, clientId: "millrace-sim", tls: null, sasl: null });
  const producer = client.producer({
    onTrouble: (reason) => {
      if (!isAway) log.warn("Kafka is away; records wait", { reason });
      isAway = true;
    },
  });
  const prefix = flags.text("topic-prefix") ?? "";
  const receiver = new KafkaReceiver({
    producer,
    streams: recordStreams(business),
    topicOf: (stream) => prefix + topicOf(business, stream),
  });
  const truth = new TruthLog(truthPath);
  const startMs = recovery?.startMs ?? options.startMs;
  const pump = new RecordPump({
    plan,
    startMs,
    forMs,
    // One that is gone on with is made again from its start: as fast as it goes.
    speed: recovery === null || speed === null ? speed : Infinity,
    recovery,
    truth,
    clock: systemClock,
    receiver: {
      open: () => receiver.open(),
      close: () => receiver.close(),
      send: async (records) => {
        await receiver.send(records);
        if (isAway) log.info("Kafka is back");
        isAway = false;
      },
    },
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

/** Change events come on the topics that Debezium would choose. */
function topicOf({ debezium }: BusinessPlan, stream: RecordStreamName): string {
  const isTable = stream === "orders" || stream === "transfers";
  return debezium !== null && isTable ? `${debezium.name}.public.${stream}` : stream;
}
