// npm run bench [name…] [-- --quick]: each benchmark ends with one line of JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { MillraceError, nearestName, reasonOf, toExitCode } from "@millrace/runtime";
import { agentBacklog } from "./agent-backlog.ts";
import { agentBatch } from "./agent-batch.ts";
import { agentQos0 } from "./agent-qos0.ts";
import { agentQos1 } from "./agent-qos1.ts";
import { agentSize } from "./agent-size.ts";
import { agentSoak } from "./agent-soak.ts";
import { agentStop } from "./agent-stop.ts";
import { agentUplinkBytes } from "./agent-uplink-bytes.ts";
import { agentWear } from "./agent-wear.ts";
import type { Bench, BenchOptions } from "./bench.ts";
import { centralFraud } from "./central-fraud.ts";
import { centralHerd } from "./central-herd.ts";
import { centralLatency } from "./central-latency.ts";
import { centralMerge } from "./central-merge.ts";
import { centralHistory } from "./central-history.ts";
import { centralOrders } from "./central-orders.ts";
import { centralRecords } from "./central-records.ts";
import { centralRestart } from "./central-restart.ts";
import { engineDisorder } from "./engine-disorder.ts";
import { engineDedupe } from "./engine-dedupe.ts";
import { engineLong } from "./engine-long.ts";
import { engineMerge } from "./engine-merge.ts";
import { engineMillion } from "./engine-million.ts";
import { enginePanes } from "./engine-panes.ts";
import { engineQuantiles } from "./engine-quantiles.ts";
import { engineSliding } from "./engine-sliding.ts";
import { jsonLine } from "./measure/json-line.ts";
import { thisMachine } from "./measure/machine.ts";
import { paneCodec } from "./pane-codec.ts";
import { simConnections } from "./sim-connections.ts";
import { simGenerate } from "./sim-generate.ts";
import { simKafka } from "./sim-kafka.ts";
import { simRecords } from "./sim-records.ts";
import { simMqtt } from "./sim-mqtt.ts";

const BENCHES: readonly Bench[] = [
  enginePanes,
  engineDisorder,
  engineQuantiles,
  engineDedupe,
  engineMillion,
  engineSliding,
  engineLong,
  engineMerge,
  agentQos0,
  agentBatch,
  agentQos1,
  agentStop,
  agentUplinkBytes,
  agentBacklog,
  agentSize,
  agentWear,
  agentSoak,
  paneCodec,
  centralMerge,
  centralHerd,
  centralLatency,
  centralRecords,
  centralHistory,
  centralRestart,
  centralOrders,
  centralFraud,
  simGenerate,
  simRecords,
  simMqtt,
  simKafka,
  simConnections,
];

const HELP = `npm run bench [name…] [-- --quick] [-- --minutes N]

Measures the hot paths beside peers on this machine; without a name, all of them, each in a process of its own. Each ends
with one line of JSON; docs/benchmarks.md explains the figures. Measure when the machine is calm.

${BENCHES.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join("\n")}

  --quick         each within 20 s; rougher figures
  --minutes N     of agent-soak: how long it lasts (60); of agent-backlog: how long the outage was (1440)`;

type RunOptions = Omit<BenchOptions, "say">;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    if (values.help) {
      console.log(HELP);
      return 0;
    }
    const benches = positionals.length === 0 ? BENCHES : positionals.map(benchNamed);
    const options = { isQuick: values.quick, minutes: readMinutes(values.minutes) };
    if (benches.length === 1) return await runHere(benches[0], options);
    return await runEach(benches, options);
  } catch (error) {
    console.error(error instanceof MillraceError ? error.explain() : error);
    return toExitCode(error);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        minutes: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw wrongUsage(reasonOf(error));
  }
}

function benchNamed(name: string): Bench {
  const bench = BENCHES.find((known) => known.name === name);
  if (bench !== undefined) return bench;
  const names = BENCHES.map((known) => known.name);
  const nearest = nearestName(name, names);
  const hint = nearest === undefined ? `there are ${names.join(", ")}` : `did you mean ${nearest}?`;
  throw wrongUsage(`unknown benchmark ${JSON.stringify(name)}; ${hint}`);
}

function wrongUsage(reason: string): MillraceError {
  return new MillraceError("wrong_usage", { command: "npm run bench --", reason });
}

function readMinutes(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const minutes = Number(text);
  if (minutes > 0 && minutes < Infinity) return minutes;
  throw wrongUsage(`--minutes takes a number over 0, not ${JSON.stringify(text)}`);
}

async function runHere(bench: Bench, options: RunOptions): Promise<number> {
  const machine = thisMachine();
  const report = await bench.run({ ...options, say: (line) => console.error(`${bench.name}: ${line}`) });
  console.log(jsonLine(bench.name, report, machine));
  return 0;
}

/** One process each: what one has made of the heap and the compiled code is no matter to the next. */
async function runEach(benches: readonly Bench[], { isQuick, minutes }: RunOptions): Promise<number> {
  let exitCode = 0;
  for (const { name } of benches) {
    const args = [import.meta.filename, name];
    if (isQuick) args.push("--quick");
    if (minutes !== undefined) args.push("--minutes", String(minutes));
    const child = spawn(process.execPath, args, { stdio: "inherit" });
    const [code] = await once(child, "exit");
    if (code !== 0) exitCode = 1;
  }
  return exitCode;
}
