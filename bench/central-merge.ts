import type { PaneRows } from "@millrace/stream";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { METRIC_NAME, openCentralCore } from "./workload/central-core.ts";
import { paneTraffic } from "./workload/pane-traffic.ts";
import { ReturningAgent, storeIdOf } from "./workload/returning-agent.ts";
import { sealedPanes } from "./workload/sealed-panes.ts";

const SERIES_PER_AGENT = 100;
/** Of event time. Connecting a thousand agents is in the figure, and costs as much as six seconds of their panes. */
const SECONDS = 60;
/** Sketches are large. */
const SECONDS_WITH_QUANTILES = 20;
const PLAIN = ["count", "sum", "mean", "min", "max"];

interface Scale {
  readonly agentCount: number;
  readonly accumulate: readonly string[];
  readonly seconds: number;
  /** How many seconds' panes of its series an agent puts into a batch. */
  readonly secondsPerBatch: number;
  readonly rounds: number;
}

/** Panes of a thousand agents into windows, all the way to the disk. */
export const centralMerge: Bench = {
  name: "central-merge",
  summary:
    "batches of 1,000 agents of 100 series, panes of a second, into windows of 10 s by site and over all: opened, deduplicated, merged and durable in central's core, beside JSON.parse and objects in a Map",
  async run({ isQuick, say }) {
    const agentCount = isQuick ? 100 : 1_000;
    const rounds = isQuick ? 2 : 3;
    say("a batch a second");
    const plain = { agentCount, accumulate: PLAIN, seconds: SECONDS, rounds };
    const each = await panesPerSecond({ ...plain, secondsPerBatch: 1 });
    say("a batch in ten seconds");
    const tens = await panesPerSecond({ ...plain, secondsPerBatch: 10 });
    say("with quantiles");
    const sketched = await panesPerSecond({
      ...plain,
      accumulate: [...PLAIN, "quantiles"],
      seconds: SECONDS_WITH_QUANTILES,
      secondsPerBatch: 1,
    });
    say("the peer");
    const peer = peerPanesPerSecond(agentCount / 10, rounds);
    return {
      value: rounded(each.perSecond),
      unit: "panes/s",
      better: "higher",
      peer: {
        name: "JSON.parse and objects in a Map, a batch a second, nothing durable",
        value: rounded(peer),
      },
      further: {
        perSecondOfTheClock: rounded(each.perSecondOfTheClock),
        tenSecondsABatch: rounded(tens.perSecond),
        withQuantiles: rounded(sketched.perSecond),
        bytesPerPane: rounded(each.bytesPerPane),
        agents: agentCount,
        panesPerRound: agentCount * SERIES_PER_AGENT * SECONDS,
      },
    };
  },
};

/** Medians over the rounds, each with a new store; per second of processor time, all threads of the process. */
async function panesPerSecond(
  scale: Scale,
): Promise<{ perSecond: number; perSecondOfTheClock: number; bytesPerPane: number }> {
  const backlogs = Array.from({ length: scale.agentCount }, (_, number) => backlogOf(number, scale));
  const paneCount = scale.agentCount * SERIES_PER_AGENT * scale.seconds;
  const rates: number[] = [];
  const clockRates: number[] = [];
  for (let round = -1; round < scale.rounds; round += 1) {
    const { cpuSeconds, seconds } = await deliver(backlogs, scale.accumulate);
    if (round < 0) continue;
    rates.push(paneCount / cpuSeconds);
    clockRates.push(paneCount / seconds);
  }
  const bytes = backlogs.flat().reduce((sum, { length }) => sum + length, 0);
  return {
    perSecond: median(rates),
    perSecondOfTheClock: median(clockRates),
    bytesPerPane: bytes / paneCount,
  };
}

/** Until central holds all of it. */
async function deliver(
  backlogs: readonly (readonly Uint8Array[])[],
  accumulate: readonly string[],
): Promise<{ cpuSeconds: number; seconds: number }> {
  return inBenchFolder(async (folder) => {
    const windowsBy = [["site"], []];
    const core = await openCentralCore(folder, { agentCount: backlogs.length, accumulate, windowsBy });
    const { central } = core;
    const agents = backlogs.map(
      (backlog, number) =>
        new ReturningAgent({ central, number, backlog, live: rowsOf(number, 0, 1, accumulate) }),
    );
    const startedMs = performance.now();
    const before = process.cpuUsage();
    await Promise.all(agents.map((agent) => new Promise<void>((resolve) => agent.connect(resolve))));
    const { user, system } = process.cpuUsage(before);
    const seconds = (performance.now() - startedMs) / 1_000;
    await core.close();
    return { cpuSeconds: (user + system) / 1e6, seconds };
  });
}

function backlogOf(number: number, { accumulate, seconds, secondsPerBatch }: Scale): Uint8Array[] {
  return Array.from({ length: seconds / secondsPerBatch }, (_, index) => {
    const rows = rowsOf(number, index * secondsPerBatch, secondsPerBatch, accumulate);
    const watermarkMs = START_MS + (index + 1) * secondsPerBatch * 1_000;
    return sealedPanes({
      storeId: storeIdOf(number),
      lane: "backfill",
      sequence: index + 1,
      rows,
      watermarkMs,
    });
  });
}

/** The last minute but one, from a boundary of the windows on. */
const START_MS = (Math.floor(Date.now() / 60_000) - 2) * 60_000;

function rowsOf(number: number, second: number, seconds: number, accumulate: readonly string[]): PaneRows {
  return paneTraffic({
    site: `site-${number}`,
    lines: 5,
    machinesPerLine: SERIES_PER_AGENT / 5,
    metric: METRIC_NAME,
    paneMs: 1_000,
    panes: seconds,
    readingsPerPane: 10,
    startMs: START_MS + second * 1_000,
    seed: number * SECONDS + second,
    accumulate,
  });
}

interface PaneObject {
  readonly site: string;
  readonly startMs: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly m2: number;
}

/** What a first program would do with rows of JSON: each batch once, every pane into an object of each window. */
function peerPanesPerSecond(agentCount: number, rounds: number): number {
  const texts = Array.from({ length: agentCount }, (_, number) =>
    Array.from({ length: SECONDS }, (_unused, second) =>
      JSON.stringify({ agent: number, sequence: second, panes: toObjects(rowsOf(number, second, 1, PLAIN)) }),
    ),
  ).flat();
  const rates: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const before = process.cpuUsage();
    const windowCount = mergeTexts(texts);
    const { user, system } = process.cpuUsage(before);
    if (windowCount !== (agentCount + 1) * (SECONDS / 10))
      throw new Error("invariant: each site has two windows");
    if (round >= 0) rates.push((agentCount * SECONDS * SERIES_PER_AGENT) / ((user + system) / 1e6));
  }
  return median(rates);
}

/** Offsets of the layout count, sum (2), mean (3), min, max. */
function toObjects(rows: PaneRows): PaneObject[] {
  const { offsets, accumulators, stride } = rows.layout;
  const offsetOf = (name: string): number => offsets[accumulators.findIndex((one) => one.name === name)];
  return Array.from({ length: rows.rowCount }, (_, row) => {
    const at = (name: string, field = 0): number => rows.state[row * stride + offsetOf(name) + field];
    return {
      ...rows.series[rows.seriesIndex[row]],
      site: rows.series[rows.seriesIndex[row]]["site"],
      startMs: rows.startMs[row],
      count: at("count"),
      sum: at("sum") + at("sum", 1),
      min: at("min"),
      max: at("max"),
      mean: at("mean", 1),
      m2: at("mean", 2),
    };
  });
}

function mergeTexts(texts: readonly string[]): number {
  const seen = new Set<string>();
  const windows = new Map<string, PaneObject>();
  for (const text of texts) {
    const batch: { agent: number; sequence: number; panes: PaneObject[] } = JSON.parse(text);
    const id = `${batch.agent}|${batch.sequence}`;
    if (seen.has(id)) continue;
    seen.add(id);
    for (const pane of batch.panes) {
      const startMs = Math.floor(pane.startMs / 10_000) * 10_000;
      for (const key of [`${startMs}|${pane.site}`, `${startMs}|`]) {
        const window = windows.get(key);
        windows.set(key, window === undefined ? pane : merged(window, pane));
      }
    }
  }
  return windows.size;
}

function merged(a: PaneObject, b: PaneObject): PaneObject {
  const count = a.count + b.count;
  const distance = b.mean - a.mean;
  return {
    site: a.site,
    startMs: a.startMs,
    count,
    sum: a.sum + b.sum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    mean: a.mean + (distance * b.count) / count,
    m2: a.m2 + b.m2 + (distance * distance * a.count * b.count) / count,
  };
}
