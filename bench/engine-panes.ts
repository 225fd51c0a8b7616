import { type Labels, paneLayout, PaneTable, type ReadingColumns } from "@millrace/stream";
import type { Bench, BenchReport } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";
import { readingStream } from "./workload/reading-stream.ts";

const SERIES = 10_000;
const PANE_MS = 10_000;
const TICK_MS = 100;
const TICKS_PER_SECOND = 1_000 / TICK_MS;
const START_MS = 1_700_000_000_000;
const OUT_OF_ORDERNESS_MS = 5_000;
const ACCUMULATE = ["count", "sum", "min", "max", "mean"];
const LATE_MS = 30_000;

/** Readings in, finished panes out: 10,000 series in random order, 100 readings a pane. */
export const enginePanes: Bench = {
  name: "engine-panes",
  summary: "readings into panes (PaneTable) beside Maps of objects, and a bare loop over a Float64Array",
  async run({ isQuick }) {
    const batches = inOrder(isQuick);
    const rates = measureRates(
      {
        batch: () => runBatches(batches),
        single: () => runSingle(batches),
        textKeys: () => runTextKeys(batches),
        nestedMaps: () => runNestedMaps(batches),
        bareSum: () => runBareSum(batches),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 11 },
    );
    return {
      ...reportOf(rates.batch, rates.nestedMaps),
      further: {
        spread: rounded(rates.batch.spread),
        single: rounded(rates.single.perSecond),
        textKeysReadingsPerSecond: rounded(rates.textKeys.perSecond),
        bareSumReadingsPerSecond: rounded(rates.bareSum.perSecond),
        series: SERIES,
        readingsPerPane: PANE_MS / TICK_MS,
        readingsPerRound: batches.length * SERIES,
      },
    };
  },
};

/** The same with 10 % of the readings up to 5 s out of order and 1 % behind the watermark. */
export const engineDisorder: Bench = {
  name: "engine-disorder",
  summary: "engine-panes with readings out of order and late, beside itself in order and Maps of objects",
  async run({ isQuick }) {
    const ordered = inOrder(isQuick);
    const disordered = readings(isQuick, { disorderShare: 0.1, lateShare: 0.01 });
    const rates = measureRates(
      {
        disorder: () => runBatches(disordered),
        order: () => runBatches(ordered),
        nestedMaps: () => runNestedMaps(disordered),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 11 },
    );
    return {
      ...reportOf(rates.disorder, rates.nestedMaps),
      further: {
        spread: rounded(rates.disorder.spread),
        inOrderReadingsPerSecond: rounded(rates.order.perSecond),
        shareOfInOrder: rounded(rates.disorder.perSecond / rates.order.perSecond),
      },
    };
  },
};

function reportOf(
  ours: { readonly perSecond: number },
  peer: { readonly perSecond: number },
): Omit<BenchReport, "further"> {
  return {
    value: rounded(ours.perSecond),
    unit: "readings/s",
    better: "higher",
    peer: { name: "objects in a Map of Maps: series, then pane", value: rounded(peer.perSecond) },
  };
}

function inOrder(isQuick: boolean): ReadingColumns[] {
  return readings(isQuick, { disorderShare: 0, lateShare: 0 });
}

/** Few enough that they stay in the processor's cache, as readings do that have just arrived. */
function readings(
  isQuick: boolean,
  shares: { readonly disorderShare: number; readonly lateShare: number },
): ReadingColumns[] {
  return readingStream({
    series: SERIES,
    ticks: isQuick ? 120 : 200,
    tickMs: TICK_MS,
    startMs: START_MS,
    disorderMs: OUT_OF_ORDERNESS_MS,
    lateMs: LATE_MS,
    ...shares,
  });
}

/** Once in a second of event time the finished panes leave. */
function passedMs(tick: number): number | undefined {
  if (tick % TICKS_PER_SECOND !== TICKS_PER_SECOND - 1) return undefined;
  return START_MS + (tick + 1) * TICK_MS - OUT_OF_ORDERNESS_MS;
}

const NO_LABELS: Labels = {};

function runTable(
  batches: readonly ReadingColumns[],
  add: (table: PaneTable, batch: ReadingColumns) => void,
) {
  const table = new PaneTable("temperature", paneLayout(PANE_MS, ACCUMULATE), { rowsMax: 1_000_000 });
  let rowCount = 0;
  for (const [tick, batch] of batches.entries()) {
    add(table, batch);
    const watermarkMs = passedMs(tick);
    if (watermarkMs === undefined) continue;
    const accept = (_series: number, startMs: number) => startMs + PANE_MS <= watermarkMs;
    rowCount += table.take(() => NO_LABELS, { accept }).rowCount;
  }
  return { units: batches.length * SERIES, checkSum: rowCount + table.rowCount };
}

function runBatches(batches: readonly ReadingColumns[]) {
  return runTable(batches, (table, batch) => table.addBatch(batch));
}

function runSingle(batches: readonly ReadingColumns[]) {
  return runTable(batches, (table, { count, series, timeMs, value }) => {
    for (let at = 0; at < count; at += 1) table.add(series[at], timeMs[at], value[at]);
  });
}

interface PaneObject {
  count: number;
  sum: number;
  min: number;
  max: number;
  mean: number;
  m2: number;
  readonly startMs: number;
}

function addTo(pane: PaneObject, value: number): void {
  pane.count += 1;
  pane.sum += value;
  pane.min = Math.min(pane.min, value);
  pane.max = Math.max(pane.max, value);
  const distance = value - pane.mean;
  pane.mean += distance / pane.count;
  pane.m2 += distance * (value - pane.mean);
}

function emptyPane(startMs: number): PaneObject {
  return {
    count: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    mean: 0,
    m2: 0,
    startMs,
  };
}

/** What a first program would do: one Map, series and pane in the key. */
function runTextKeys(batches: readonly ReadingColumns[]) {
  const panes = new Map<string, PaneObject>();
  let rowCount = 0;
  for (const [tick, { count, series, timeMs, value }] of batches.entries()) {
    for (let at = 0; at < count; at += 1) {
      const startMs = Math.floor(timeMs[at] / PANE_MS) * PANE_MS;
      const key = `${series[at]}:${startMs}`;
      let pane = panes.get(key);
      if (pane === undefined) {
        pane = emptyPane(startMs);
        panes.set(key, pane);
      }
      addTo(pane, value[at]);
    }
    const watermarkMs = passedMs(tick);
    if (watermarkMs === undefined) continue;
    for (const [key, open] of panes) {
      if (open.startMs + PANE_MS > watermarkMs) continue;
      panes.delete(key);
      rowCount += 1;
    }
  }
  return { units: batches.length * SERIES, checkSum: rowCount + panes.size };
}

/** The same without making a text for each reading: the quickest that plain objects go. */
function runNestedMaps(batches: readonly ReadingColumns[]) {
  const panesOf = new Map<number, Map<number, PaneObject>>();
  let rowCount = 0;
  for (const [tick, { count, series, timeMs, value }] of batches.entries()) {
    for (let at = 0; at < count; at += 1) {
      const startMs = Math.floor(timeMs[at] / PANE_MS) * PANE_MS;
      let panes = panesOf.get(series[at]);
      if (panes === undefined) {
        panes = new Map();
        panesOf.set(series[at], panes);
      }
      let pane = panes.get(startMs);
      if (pane === undefined) {
        pane = emptyPane(startMs);
        panes.set(startMs, pane);
      }
      addTo(pane, value[at]);
    }
    const watermarkMs = passedMs(tick);
    if (watermarkMs === undefined) continue;
    for (const own of panesOf.values()) {
      for (const open of own.values()) {
        if (open.startMs + PANE_MS > watermarkMs) continue;
        own.delete(open.startMs);
        rowCount += 1;
      }
    }
  }
  for (const own of panesOf.values()) rowCount += own.size;
  return { units: batches.length * SERIES, checkSum: rowCount };
}

/** The least that can be done with a reading: one addition. */
function runBareSum(batches: readonly ReadingColumns[]) {
  let sum = 0;
  for (let pass = 0; pass < BARE_PASSES; pass += 1) {
    for (const { count, value } of batches) for (let at = 0; at < count; at += 1) sum += value[at];
  }
  return { units: batches.length * SERIES * BARE_PASSES, checkSum: sum };
}

/** One pass is too short for the clock. */
const BARE_PASSES = 20;
