import { MemoryStore, type Change } from "@millrace/queue";
import {
  Membership,
  type MetricSpec,
  type PaneRows,
  type StateChange,
  WindowEngine,
  type AlignedWindowSpec,
  windowGrid,
} from "@millrace/stream";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { median, rounded } from "./measure/statistics.ts";
import { paneTraffic } from "./workload/pane-traffic.ts";

const SITES = 10;
const SECONDS = 60;
const START_MS = 1_700_000_040_000;
const PANE_MS = 1_000;
const TICKS_PER_SECOND = 4;

const METRIC: MetricSpec = {
  name: "temperature",
  unit: "°C",
  accumulate: ["count", "sum", "mean", "min", "max"],
  isLive: true,
};
const LATENESS_MS = 7 * 24 * 3_600_000;
/** As in the pipeline of `npm start`, but with panes of one second. */
const WINDOWS: readonly AlignedWindowSpec[] = [
  {
    name: "temperature_5s",
    metric: METRIC.name,
    kind: "aligned",
    sizeMs: 5_000,
    slideMs: 1_000,
    offsetMs: 0,
    by: ["site"],
    latenessMs: LATENESS_MS,
  },
  {
    name: "temperature_1m",
    metric: METRIC.name,
    kind: "aligned",
    sizeMs: 60_000,
    slideMs: 10_000,
    offsetMs: 0,
    by: ["site", "line"],
    latenessMs: LATENESS_MS,
  },
];

/** Panes of many sites into windows. */
export const centralMerge: Bench = {
  name: "central-merge",
  summary:
    "pane rows of ten sites into windows (WindowEngine) beside a plain merge of objects into each window",
  async run({ isQuick, say }) {
    const seconds = isQuick ? 20 : SECONDS;
    const batches = batchesOf(seconds);
    const rowCount = batches.reduce((sum, { rows }) => sum + rows.rowCount, 0);
    const objects = batches.map(({ rows }) => toObjects(rows));
    const options = { warmupRounds: 2, rounds: isQuick ? 5 : 9 };
    const rates = measureRates(
      {
        apply: () => ({ units: rowCount, checkSum: runEngine(batches, false).windowCount }),
        committed: () => ({ units: rowCount, checkSum: runEngine(batches, true).windowCount }),
        objects: () => ({ units: rowCount, checkSum: runObjects(objects) }),
      },
      options,
    );
    say("store");
    const stored = await storeRate(batches, rowCount, isQuick ? 3 : 5);
    return {
      value: rounded(rates.apply.perSecond),
      unit: "rows/s",
      better: "higher",
      peer: {
        name: "objects merged into each window in a Map",
        value: rounded(rates.objects.perSecond),
      },
      further: {
        spread: rounded(rates.apply.spread),
        withTicksRowsPerSecond: rounded(rates.committed.perSecond),
        withMemoryStoreRowsPerSecond: rounded(stored),
        sites: SITES,
        rowsPerBatch: batches[0].rows.rowCount,
        rowsPerRound: rowCount,
        windowsPerRow: WINDOWS.reduce((sum, { sizeMs, slideMs }) => sum + sizeMs / slideMs, 0),
      },
    };
  },
};

interface TimedBatch {
  readonly rows: PaneRows;
  readonly atMs: number;
}

/** Every second, from each site, one batch: 60 machines' panes of that second. */
function batchesOf(seconds: number): TimedBatch[] {
  const batches: TimedBatch[] = [];
  for (let second = 0; second < seconds; second += 1) {
    for (let site = 0; site < SITES; site += 1) {
      const startMs = START_MS + second * 1_000;
      const rows = paneTraffic({
        site: `site-${site}`,
        lines: 3,
        machinesPerLine: 20,
        metric: METRIC.name,
        paneMs: PANE_MS,
        panes: 1,
        readingsPerPane: 10,
        startMs,
        seed: second * SITES + site,
      });
      batches.push({ rows, atMs: startMs + PANE_MS + Math.floor((site * 1_000) / SITES) });
    }
  }
  return batches;
}

interface EngineRun {
  readonly windowCount: number;
  readonly commits: StateChange[][];
}

/** As central calls it; with `hasTicks`, emitting four times a second and encoding what has changed. */
function runEngine(batches: readonly TimedBatch[], hasTicks: boolean): EngineRun {
  const engine = new WindowEngine({ windows: WINDOWS, metrics: [METRIC] });
  engine.setMembership(
    new Membership(
      Array.from({ length: SITES }, (_, site) => ({
        agent: `agent-${site}`,
        site: `site-${site}`,
        joinedMs: 0,
        leftMs: null,
      })),
    ),
  );
  const commits: StateChange[][] = [];
  let tickAtMs = START_MS;
  for (const { rows, atMs } of batches) {
    for (const key of engine.needs(rows)) engine.load(key, undefined);
    engine.apply(rows, atMs);
    if (!hasTicks || atMs < tickAtMs) continue;
    tickAtMs = atMs + 1_000 / TICKS_PER_SECOND;
    for (const range of engine.dueRanges(atMs)) engine.loadRange(range, []);
    engine.tick(atMs);
    commits.push(engine.takeChanges());
  }
  return { windowCount: engine.counts.windowsInMemory, commits };
}

/** Median rows per second of processor time, with every tick's changes committed; waits, so not among the others. */
async function storeRate(batches: readonly TimedBatch[], rowCount: number, rounds: number): Promise<number> {
  const rates: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const store = new MemoryStore();
    const before = process.cpuUsage();
    for (const changes of runEngine(batches, true).commits)
      await store.commit(changes.map(toChange), { isSync: true });
    const used = process.cpuUsage(before);
    if (round >= 0) rates.push(rowCount / ((used.user + used.system) / 1e6));
  }
  return median(rates);
}

function toChange({ key, bytes }: StateChange): Change {
  const stored = Buffer.from(key);
  return bytes === null ? { type: "del", key: stored } : { type: "put", key: stored, value: bytes };
}

interface RowObject {
  readonly site: string;
  readonly line: string;
  readonly startMs: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/** Offsets of the layout count, sum (2), min, max, mean (3). */
function toObjects(rows: PaneRows): RowObject[] {
  const { stride } = rows.layout;
  return Array.from({ length: rows.rowCount }, (_, row) => {
    const { site, line } = rows.series[rows.seriesIndex[row]];
    const [count, sum, , min, max, , mean] = rows.state.subarray(row * stride, (row + 1) * stride);
    return { site, line, startMs: rows.startMs[row], count, sum, min, max, mean };
  });
}

interface WindowObject {
  count: number;
  sum: number;
  min: number;
  max: number;
  mean: number;
}

const GRIDS = WINDOWS.map(windowGrid);

/** What a first program would do: every row into every window it belongs to. */
function runObjects(batches: readonly (readonly RowObject[])[]): number {
  const windows = new Map<string, WindowObject>();
  for (const rows of batches) {
    for (const row of rows) {
      for (const [index, spec] of WINDOWS.entries()) {
        const group = spec.by.length === 1 ? row.site : `${row.site}|${row.line}`;
        for (const startMs of GRIDS[index].startsAt(row.startMs)) {
          const key = `${spec.name}|${startMs}|${group}`;
          const window = windows.get(key);
          if (window === undefined) {
            const { count, sum, min, max, mean } = row;
            windows.set(key, { count, sum, min, max, mean });
            continue;
          }
          window.count += row.count;
          window.sum += row.sum;
          window.min = Math.min(window.min, row.min);
          window.max = Math.max(window.max, row.max);
          window.mean += ((row.mean - window.mean) * row.count) / window.count;
        }
      }
    }
  }
  return windows.size;
}
