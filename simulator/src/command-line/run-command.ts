import { createInterface, type Interface } from "node:readline";
import {
  createLogger,
  onStopSignals,
  systemClock,
  systemRandom,
  type Clock,
  type Command,
  type CommandInput,
  type ExitCode,
  type Random,
} from "@millrace/runtime";
import { defaultStartMs } from "../pace/default-start-ms.ts";
import { loadPlan } from "../plan/load-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { recoverRecords, type RecordRecovery } from "../business/live/record-recovery.ts";
import type { LinkChange } from "../link/link-course.ts";
import { LinkEmulator } from "../link/link-emulator.ts";
import { LiveDesk } from "../live/live-desk.ts";
import { LiveServer } from "../live/live-server.ts";
import { ProgressReport } from "../progress/progress-report.ts";
import type { StatusLine } from "../progress/status-line.ts";
import { Simulation } from "../simulation.ts";
import { TruthLog } from "../truth/truth-log.ts";
import { planOfBegunRun } from "../truth/plan-of-begun-run.ts";
import { runLine } from "../truth/run-line.ts";
import { recoverTruth, type TruthRecovery } from "../truth/truth-recovery.ts";
import type { KafkaOfBrokers } from "../publish/open-outputs.ts";
import { generateOffline } from "./generate-offline.ts";
import { LiveRecords } from "./live-records.ts";
import { kafkaConnection } from "./kafka-connection.ts";
import { RECEIVER_FLAGS, RECEIVERS } from "./open-receiver.ts";
import { statusLineOf } from "./status-line-of.ts";
import { wrongUsage } from "./wrong-usage.ts";

/** `millrace-sim run`: a plan's sensors, until stopped. Exit 1 when something was never acknowledged. */
export const RUN_COMMAND: Command = {
  summary: "publish a plan's sensors over MQTT and write their truth",
  details: `Runs the plan's machines in real time, or at another pace (--speed). Every reading is written to the truth file before it is sent, and sent
until it is acknowledged. The same seed, plan, start and commands give the same bytes; the truth holds all four, and
\`millrace-sim repeat\` makes the run again. An existing truth of the same plan and seed is gone on with; what a killed run may not have
sent goes out again. A file of another plan or seed is refused.
A plan's records (\`business\`) go to --kafka, --http, --mqtt, --postgres or --into files as they happen; with --offline they are made as fast as
it goes, and --into writes them to files.
Ctrl-C stops the machines, waits for acknowledgements and writes the end; a second one leaves at once.
Exit: 0 all acknowledged, 1 not.`,
  flags: {
    plan: {
      type: "text",
      placeholder: "FILE",
      summary: "the plan, as simulator/plans/newcomer.yaml",
      isRequired: true,
    },
    truth: {
      type: "text",
      placeholder: "FILE",
      summary: "where the truth goes, JSON lines",
      isRequired: true,
    },
    seed: { type: "number", summary: "instead of the plan's, or of that in a truth that is gone on with" },
    for: { type: "duration", summary: "stop after this time; without: at Ctrl-C" },
    broker: {
      type: "text",
      placeholder: "SITE=URL",
      summary: "a site's broker, instead of the plan's",
      isMany: true,
    },
    start: {
      type: "number",
      placeholder: "MS",
      summary: "event time of the first reading; without: now, or with --speed so that the run ends at now",
    },
    speed: {
      type: "text",
      placeholder: "N|max",
      summary: "N times as fast as the clock, or as fast as the receivers take it; never ahead of the clock",
    },
    offline: { type: "switch", summary: "generate at full speed and publish nothing; needs --for" },
    ...RECEIVER_FLAGS,
    live: { type: "switch", summary: 'take orders from the keyboard, a line each; "help" lists them' },
    control: { type: "number", placeholder: "PORT", summary: "take orders over HTTP on 127.0.0.1" },
    "links-to": {
      type: "text",
      placeholder: "HOST:PORT",
      summary: "central's intake behind the plan's links, instead of the plan's",
    },
    "links-from": {
      type: "number",
      placeholder: "PORT",
      summary: "the first link's port, instead of the plan's",
    },
    "keep-links": { type: "switch", summary: "at the end the links stay up until Ctrl-C" },
    drain: { type: "duration", summary: "how long the end waits for acknowledgements", default: "30s" },
  },
  run: runPlan,
};

async function runPlan(input: CommandInput): Promise<ExitCode> {
  const { name, flags } = input;
  const seed = wholeNumber(name, "seed", flags.number("seed"), 0xffff_ffff);
  const givenStartMs = wholeNumber(name, "start", flags.number("start"), Number.MAX_SAFE_INTEGER);
  const forMs = flags.durationMs("for") ?? null;
  const speed = parseSpeed(name, flags.text("speed"));
  const loaded = loadPlan(flags.requiredText("plan"), {
    seed,
    brokers: parseBrokers(name, flags.texts("broker")),
    linksTo: parseAddress(name, flags.text("links-to")),
    linksFrom: wholeNumber(name, "links-from", flags.number("links-from"), 65_535),
  });
  const truthPath = flags.requiredText("truth");
  const plan = await planOfBegunRun(truthPath, { plan: loaded, seed });
  const into = flags.text("into") ?? null;
  if (flags.isOn("offline") && forMs === null) throw wrongUsage(name, "--offline needs --for");
  const ways = RECEIVERS.filter((flag) => flags.text(flag) !== undefined).map((flag) => `--${flag}`);
  const sending = ways.find((flag) => flag !== "--into");
  if (flags.isOn("offline") && sending !== undefined)
    throw wrongUsage(name, `--offline sends nothing: leave out ${sending}, or --offline`);
  if (plan.business === null && ways.length > 0)
    throw wrongUsage(name, `${ways.join(", ")}: of records, and the plan makes none`);

  refuseOrders(input, plan);
  const controlPort = wholeNumber(name, "control", flags.number("control"), 65_535);

  const usualStartMs = givenStartMs ?? defaultStartMs(systemClock.nowMs(), speed, forMs);
  if (usualStartMs === undefined)
    throw wrongUsage(
      name,
      "--speed needs --for, so that the run ends at now, or --start: nothing is said ahead of the clock",
    );
  if (flags.isOn("offline")) {
    const startMs = startAfter(usualStartMs, await recoverTruth(truthPath));
    const { readings, records } = await generateOffline({
      plan,
      truth: new TruthLog(truthPath),
      startMs,
      forMs: forMs ?? 0,
      into,
      write: (text) => input.output.out(text),
    });
    const made = [
      ...(plan.sites.length === 0 ? [] : [`${readings} readings made`]),
      ...(into === null ? [] : [`${records} records written into ${into}`]),
      `the truth is in ${truthPath}`,
    ];
    input.output.out(`${made.join(", ")}\n`);
    return 0;
  }
  return runLive(input, { plan, truthPath, startMs: usualStartMs, forMs, speed, controlPort });
}

/** Of flags for machines and lines that the plan has not, or that nobody would hear. */
function refuseOrders({ name, flags }: CommandInput, { sites, links }: Plan): void {
  const orders = [
    ...(flags.isOn("live") ? ["--live"] : []),
    ...(flags.number("control") === undefined ? [] : ["--control"]),
  ];
  if (orders.length > 0 && sites.length === 0)
    throw wrongUsage(name, `${orders.join(", ")}: orders are for machines, and the plan has none`);
  if (orders.length > 0 && flags.isOn("offline"))
    throw wrongUsage(name, `${orders.join(", ")}: --offline takes no orders; leave out one of the two`);
  const ofLinks = (["links-to", "links-from"] as const).filter((flag) =>
    flag === "links-to" ? flags.text(flag) !== undefined : flags.number(flag) !== undefined,
  );
  if (ofLinks.length > 0 && links === null)
    throw wrongUsage(name, `--${ofLinks.join(", --")}: of lines to central, and the plan has no links`);
}

interface LiveOptions {
  readonly plan: Plan;
  readonly truthPath: string;
  /** Of a run that begins. */
  readonly startMs: number;
  readonly forMs: number | null;
  readonly speed: number | null;
  readonly controlPort: number | undefined;
}

/** As `runWith`; a run that cannot begin leaves no empty truth. */
async function runLive(input: CommandInput, options: LiveOptions): Promise<ExitCode> {
  const { plan, truthPath } = options;
  const recovered = plan.business === null ? null : await recoverRecords(truthPath);
  const recovery = plan.sites.length > 0 ? await recoverTruth(truthPath) : null;
  const truth = new TruthLog(truthPath);
  try {
    return await runWith(input, { ...options, recovered, recovery, truth });
  } catch (error) {
    truth.abandon();
    throw error;
  }
}

interface RunOptions extends LiveOptions {
  readonly truth: TruthLog;
  readonly recovered: RecordRecovery | null;
  readonly recovery: TruthRecovery | null;
}

/** Machines and records beside each other, at one pace, in one truth. */
async function runWith(input: CommandInput, options: RunOptions): Promise<ExitCode> {
  const { flags, output } = input;
  const { plan, truth, recovered, recovery, forMs, speed } = options;
  const hasMachines = plan.sites.length > 0;
  const startMs = hasMachines
    ? startAfter(options.startMs, recovery)
    : (recovered?.startMs ?? options.startMs);
  const drainMs = flags.durationMs("drain") ?? 0;

  const status = statusLineOf(process.stdout);
  const say = (text: string): void => (status === null ? output.out(text) : status.say(text));
  const log = createLogger(status === null ? {} : { format: "text", hasColor: true, write: say }).child(
    "sim",
  );
  const records =
    plan.business === null
      ? null
      : await LiveRecords.open(input, {
          plan,
          business: plan.business,
          truth,
          recovery: recovered,
          startMs,
          endMs: forMs === null ? null : startMs + forMs,
          speed,
          drainMs,
          log,
        });
  const world = { clock: systemClock, random: systemRandom, log };
  const links = await openLinks(plan, world);
  const onLink = ({ site, state }: LinkChange): void => links.get(site)?.setState(state);
  const recordsStartMs = recovered?.startMs ?? null;
  const simulation = hasMachines
    ? new Simulation({
        ...world,
        kafka: await openKafka(input, plan),
        plan,
        truth,
        recovery,
        startMs,
        recordsStartMs,
        forMs,
        speed,
        onLink,
      })
    : null;
  if (simulation === null && recovered === null)
    truth.append(runLine(plan, { startMs, plantStartMs: startMs, recordsStartMs: null }));

  const stopped = Promise.withResolvers<void>();
  const stopGenerating = (): void => {
    simulation?.stopGenerating();
    records?.stop();
  };
  const offSignals = onStopSignals({
    stop() {
      stopGenerating();
      stopped.resolve();
    },
    force: () => process.exit(1),
  });
  const report = new ProgressReport({
    runs: [simulation, records].filter((run) => run !== null),
    clock: systemClock,
    write: (text) => output.out(text),
    status,
  });
  let endLive = (): Promise<void> => Promise.resolve();
  if (simulation !== null) {
    const sites = plan.sites.map(({ site }) => site).join(", ");
    log.info(`machines of ${sites} run`, { seed: plan.seed, resent: recovery?.unacked.length ?? 0 });
    endLive = await takeOrders({
      simulation,
      stopGenerating,
      isTyped: flags.isOn("live"),
      port: options.controlPort,
      say,
      status,
    });
  }
  report.start();
  simulation?.start();
  const areDelivered = await Promise.all([
    records?.run().then((areDelivered) => {
      // Machines alone are not the plan.
      if (!areDelivered) stopGenerating();
      return areDelivered;
    }) ?? true,
    simulation?.generationEnded.then(() => simulation.drain(drainMs)) ?? true,
  ]);
  report.stop();
  await endLive();
  truth.close();
  if (simulation !== null) output.out(readingsText(simulation));
  if (records !== null) {
    const { generated, acked } = records.progress;
    output.out(`${generated} records made, ${acked} acknowledged, ${generated - acked} not\n`);
  }
  if (flags.isOn("keep-links") && links.size > 0) {
    output.out("the links stay up until Ctrl-C\n");
    await stopped.promise;
  }
  offSignals();
  await Promise.all([...links.values()].map((link) => link.close()));
  log.flush();
  return areDelivered.every(Boolean) ? 0 : 1;
}

/** Loaded only where a site's readings go to Kafka. */
async function openKafka(input: CommandInput, { sites }: Plan): Promise<KafkaOfBrokers | null> {
  if (!sites.some(({ output }) => output.kind === "kafka")) return null;
  const { PlatformaticClient } = await import("@millrace/kafka");
  return (brokers) => new PlatformaticClient(kafkaConnection(input, brokers));
}

function startAfter(startMs: number, recovery: TruthRecovery | null): number {
  return Math.max(startMs, recovery === null ? 0 : recovery.lastTimeMs + 1);
}

function readingsText({ progress: { generated, acked, lost, reconnects } }: Simulation): string {
  const wanted = lost > 0 ? `, ${lost} lost as planned` : "";
  return `${generated} readings generated, ${acked} acknowledged, ${generated - acked - lost} not${wanted}; ${reconnects} reconnects\n`;
}

interface TakeOrdersOptions {
  readonly simulation: Simulation;
  /** Of the machines, and of what else runs. */
  readonly stopGenerating: () => void;
  readonly isTyped: boolean;
  readonly port: number | undefined;
  readonly say: (text: string) => void;
  readonly status: StatusLine | null;
}

/** From the keyboard, and over HTTP; returns what ends it. */
async function takeOrders(options: TakeOrdersOptions): Promise<() => Promise<void>> {
  const { simulation, stopGenerating, isTyped, port, say, status } = options;
  const server = port === undefined ? null : await LiveServer.listen(simulation, port);
  if (server !== null) say(`orders are taken at http://127.0.0.1:${server.port}/faults\n`);
  const desk = new LiveDesk({
    live: (order) => simulation.live(order),
    get activeFaults() {
      return simulation.activeFaults;
    },
    get lines() {
      return simulation.lines;
    },
    stopGenerating,
  });
  const typed = isTyped ? openKeyboard(status) : null;
  typed?.on("line", (line) =>
    status === null ? say(desk.answer(line)) : status.answer(line, desk.answer(line)),
  );
  return async () => {
    typed?.close();
    await server?.close();
  };
}

/** On a terminal what is typed stays below the progress, and may be mended; elsewhere orders are lines of a file. */
function openKeyboard(status: StatusLine | null): Interface {
  if (status === null || !process.stdin.isTTY) return createInterface({ input: process.stdin });
  const typed = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
  // The terminal hands over Ctrl-C as a key.
  typed.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  status.typeBelow(typed);
  return typed;
}

/** By site; empty without links. */
async function openLinks(
  { links, sites }: Plan,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<ReadonlyMap<string, LinkEmulator>> {
  const opened = new Map<string, LinkEmulator>();
  if (links === null) return opened;
  for (const [index, { site }] of sites.entries()) {
    const port = links.firstPort === 0 ? 0 : links.firstPort + index;
    opened.set(site, await LinkEmulator.listen({ plan: links, site, port, clock, random }));
  }
  return opened;
}

function parseBrokers(command: string, pairs: readonly string[]): ReadonlyMap<string, string> {
  const brokers = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    const url = pair.slice(at + 1);
    if (at < 1 || !/^mqtts?:\/\//.test(url))
      throw wrongUsage(command, `--broker ${pair} is not SITE=mqtt://host:port`);
    brokers.set(pair.slice(0, at), url);
  }
  return brokers;
}

function parseAddress(command: string, text: string | undefined): string | undefined {
  if (text === undefined || /^[^\s/:]+:\d{1,5}$/.test(text)) return text;
  throw wrongUsage(command, `--links-to ${text} is not HOST:PORT`);
}

function parseSpeed(command: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const speed = text === "max" ? Infinity : Number(text);
  if (text.trim() === "" || !(speed > 0))
    throw wrongUsage(command, `--speed is ${text}; it must be a number above 0, or max`);
  return speed;
}

function wholeNumber(
  command: string,
  flag: string,
  value: number | undefined,
  max: number,
): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= max)) return value;
  throw wrongUsage(command, `--${flag} is ${value}; it must be a whole number from 0 to ${max}`);
}
