import { parseArgs } from "node:util";
import { MillraceError, onStopSignals, systemClock, systemRandom, type Logger } from "@millrace/runtime";
import { loadPlan } from "../plan/load-plan.ts";
import { parseDurationMs } from "../plan/plan-schema.ts";
import { RecordedPlant } from "../plant/recorded-plant.ts";
import { Simulation } from "../simulation.ts";
import { TruthLog } from "../truth/truth-log.ts";
import { recoverTruth } from "../truth/truth-recovery.ts";
import type { Plan } from "../plan/plan.ts";

export const RUN_HELP = `millrace-sim run --plan FILE --truth FILE [flags]

Runs the plan's machines and publishes their sensors over MQTT (QoS 1), in real time. Every reading is written to the
truth file before it is sent, and sent until it is acknowledged. The same seed, plan, start and commands give the same
bytes. An existing truth file is gone on with; what a killed run may not have sent goes out again.

  --plan FILE          the plan (see simulator/plans/newcomer.yaml)
  --truth FILE         where the truth goes, one JSON object a line
  --seed N             instead of the plan's
  --for 30s            stop after this time; default: until Ctrl-C
  --broker SITE=URL    instead of the plan's; may be given for each site
  --start MS           event time of the first reading, ms since the epoch; default: now
  --offline            generate at full speed, publish nothing; needs --for
  --drain 30s          how long the end waits for the last acknowledgements

Ctrl-C stops the machines, waits for acknowledgements and writes the end; a second one leaves at once.
Exit: 0 all acknowledged, 1 not, 2 wrong use.`;

const PROGRESS_MS = 5_000;
/** Between two looks of an offline run at its buffer. */
const OFFLINE_FLUSH_STEPS = 10_000;

export async function runCommand(args: readonly string[], log: Logger): Promise<number> {
  const flags = parseRunFlags(args);
  if (flags === null) {
    process.stdout.write(`${RUN_HELP}\n`);
    return 0;
  }
  const plan = loadPlan(flags.plan, { seed: flags.seed, brokers: flags.brokers });
  const recovery = await recoverTruth(flags.truth);
  const startMs = Math.max(
    flags.startMs ?? systemClock.nowMs(),
    recovery === null ? 0 : recovery.lastTimeMs + 1,
  );
  const truth = new TruthLog(flags.truth);
  if (flags.isOffline) {
    generateOffline({ plan, truth, startMs, forMs: flags.forMs ?? 0 });
    return 0;
  }

  const simulation = new Simulation({
    plan,
    truth,
    recovery,
    startMs,
    forMs: flags.forMs,
    clock: systemClock,
    random: systemRandom,
    log,
  });
  onStopSignals({ stop: () => simulation.stopGenerating(), force: () => process.exit(1) });
  log.info(`machines of ${plan.sites.map(({ site }) => site).join(", ")} run, seed ${plan.seed}`, {
    resent: recovery?.unacked.length ?? 0,
  });
  const stopProgress = reportProgress(simulation);
  simulation.start();
  await simulation.generationEnded;
  const isDrained = await simulation.drain(flags.drainMs);
  stopProgress();
  const { generated, acked, reconnects } = simulation.progress;
  process.stdout.write(
    `${generated} readings generated, ${acked} acknowledged, ${generated - acked} not; ${reconnects} reconnects\n`,
  );
  truth.close();
  return isDrained ? 0 : 1;
}

function reportProgress(simulation: Simulation): () => void {
  let last = simulation.progress.generated;
  const timer = setInterval(() => {
    const { generated, acked, lagMs, waiting, connected, connections } = simulation.progress;
    const rate = Math.round(((generated - last) * 1_000) / PROGRESS_MS);
    last = generated;
    process.stdout.write(
      `${rate} readings/s, ${generated} generated, ${acked} acknowledged, ${waiting} waiting, ${Math.round(lagMs)} ms behind, ${connected} of ${connections} connected\n`,
    );
  }, PROGRESS_MS);
  return () => clearInterval(timer);
}

function generateOffline({
  plan,
  truth,
  startMs,
  forMs,
}: {
  plan: Plan;
  truth: TruthLog;
  startMs: number;
  forMs: number;
}): void {
  const plant = new RecordedPlant({ plan, startMs, recovery: null, record: (line) => truth.append(line) });
  for (let stepCount = 1; plant.nextTimeMs < startMs + forMs; stepCount++) {
    plant.step();
    if (stepCount % OFFLINE_FLUSH_STEPS === 0) truth.flush();
  }
  truth.close();
}

interface RunFlags {
  readonly plan: string;
  readonly truth: string;
  readonly seed: number | undefined;
  readonly forMs: number | null;
  readonly brokers: ReadonlyMap<string, string>;
  readonly startMs: number | null;
  readonly isOffline: boolean;
  readonly drainMs: number;
}

/** Null when help is asked for. */
function parseRunFlags(args: readonly string[]): RunFlags | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      plan: { type: "string" },
      truth: { type: "string" },
      seed: { type: "string" },
      for: { type: "string" },
      broker: { type: "string", multiple: true, default: [] },
      start: { type: "string" },
      offline: { type: "boolean", default: false },
      drain: { type: "string", default: "30s" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const { plan, truth } = values;
  if (plan === undefined || truth === undefined)
    throw wrongUsage(`--${plan === undefined ? "plan" : "truth"} is missing`);
  const forMs = values.for === undefined ? null : durationOf("--for", values.for);
  if (values.offline && forMs === null) throw wrongUsage("--offline needs --for");
  const brokers = new Map<string, string>();
  for (const pair of values.broker) {
    const at = pair.indexOf("=");
    if (at < 1 || !/^mqtts?:\/\//.test(pair.slice(at + 1)))
      throw wrongUsage(`--broker ${pair} is not SITE=mqtt://host:port`);
    brokers.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return {
    plan,
    truth,
    seed: values.seed === undefined ? undefined : wholeOf("--seed", values.seed, 0xffff_ffff),
    forMs,
    brokers,
    startMs: values.start === undefined ? null : wholeOf("--start", values.start, Number.MAX_SAFE_INTEGER),
    isOffline: values.offline,
    drainMs: durationOf("--drain", values.drain),
  };
}

function durationOf(flag: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw wrongUsage(`${flag} ${text} is no duration; write it like 30s or 2m`);
  return ms;
}

function wholeOf(flag: string, text: string, max: number): number {
  if (!/^\d{1,16}$/.test(text) || Number(text) > max)
    throw wrongUsage(`${flag} ${text} is no whole number up to ${max}`);
  return Number(text);
}

function wrongUsage(reason: string): MillraceError {
  return new MillraceError("wrong_usage", { command: "millrace-sim run", reason });
}
