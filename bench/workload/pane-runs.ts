import { type Labels, paneLayout, PaneTable, type ReadingColumns } from "@millrace/stream";
import type { BenchReport } from "../bench.ts";
import { rounded } from "../measure/statistics.ts";
import { readingStream } from "./reading-stream.ts";

export const SERIES = 10_000;
export const PANE_MS = 10_000;
export const TICK_MS = 100;
const TICKS_PER_SECOND = 1_000 / TICK_MS;
const START_MS = 1_700_000_000_000;
const OUT_OF_ORDERNESS_MS = 5_000;
const ACCUMULATE = ["count", "sum", "min", "max", "mean"];
const LATE_MS = 30_000;

export function reportOf(
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

export function inOrder(isQuick: boolean): ReadingColumns[] {
  return readings(isQuick, { disorderShare: 0, lateShare: 0 });
}

/** Few enough that they stay in the processor's cache, as readings do that have just arrived. */
export function readings(
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
export function passedMs(tick: number): number | undefined {
  if (tick % TICKS_PER_SECOND !== TICKS_PER_SECOND - 1) return undefined;
  return START_MS + (tick + 1) * TICK_MS - OUT_OF_ORDERNESS_MS;
}

const NO_LABELS: Labels = {};

export function runTable(
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

export function runBatches(batches: readonly ReadingColumns[]) {
  return runTable(batches, (table, batch) => table.addBatch(batch));
}

export interface PaneObject {
  count: number;
  sum: number;
  min: number;
  max: number;
  mean: number;
  m2: number;
  readonly startMs: number;
}

export function addTo(pane: PaneObject, value: number): void {
  pane.count += 1;
  pane.sum += value;
  pane.min = Math.min(pane.min, value);
  pane.max = Math.max(pane.max, value);
  const distance = value - pane.mean;
  pane.mean += distance / pane.count;
  pane.m2 += distance * (value - pane.mean);
}

export function emptyPane(startMs: number): PaneObject {
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

/** The same without making a text for each reading: the quickest that plain objects go. */
export function runNestedMaps(batches: readonly ReadingColumns[]) {
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
