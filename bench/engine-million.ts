import { paneLayout, PaneTable } from "@millrace/stream";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";

const SERIES = 1_000_000;
const PANE_MS = 60_000;
/** A pane begins here. */
const START_MS = 1_700_000_040_000;
const BATCH = 10_000;
/** Rows that leave in one call. */
const TAKE_ROWS = 20_000;

/** A million series with an open pane each: what they take, and the longest pause on the way. */
export const engineMillion: Bench = {
  name: "engine-million",
  summary: "bytes a series with a million panes open, and the longest pause, beside a Map of objects",
  async run({ say }) {
    const before = residentBytes();
    const table = new PaneTable("temperature", paneLayout(PANE_MS, ["count", "sum", "min", "max", "mean"]), {
      rowsMax: 10_000_000,
    });
    const pausesMs: number[] = [];
    const threadPausesMs: number[] = [];
    const timed = (work: () => void) => {
      const atMs = performance.now();
      const before = process.threadCpuUsage();
      work();
      const { user, system } = process.threadCpuUsage(before);
      threadPausesMs.push((user + system) / 1000);
      pausesMs.push(performance.now() - atMs);
    };
    const fill = (startMs: number) => {
      for (let from = 0; from < SERIES; from += BATCH) {
        const series = Uint32Array.from({ length: BATCH }, (_, at) => from + at);
        const timeMs = new Float64Array(BATCH).fill(startMs + 1);
        const value = Float64Array.from(series, (own) => own % 97);
        timed(() => table.addBatch({ count: BATCH, series, timeMs, value }));
      }
    };
    fill(START_MS);
    const afterOne = residentBytes();
    say("one pane each");
    // The next pane begins: the first ones wait for the watermark, then leave in parts.
    fill(START_MS + PANE_MS);
    const afterTwo = residentBytes();
    let left = SERIES;
    while (left > 0) {
      timed(() => {
        const accept = (_series: number, startMs: number) => startMs === START_MS;
        left -= table.take(() => NO_LABELS, { accept, rowsMax: TAKE_ROWS }).rowCount;
      });
    }
    if (table.rowCount !== SERIES) throw new Error("invariant: every series has one open pane");
    const peer = bytesOfObjects();
    return {
      value: rounded((afterOne - before) / SERIES),
      unit: "bytes/series",
      better: "lower",
      peer: { name: "objects in a Map", value: rounded(peer) },
      further: {
        bytesPerSeriesWithTwoPanes: rounded((afterTwo - before) / SERIES),
        pauseMsMax: rounded(Math.max(...pausesMs)),
        threadPauseMsMax: rounded(Math.max(...threadPausesMs)),
        series: SERIES,
      },
    };
  },
};

const NO_LABELS = {};

/** What the process holds, garbage collected first. */
function residentBytes(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function bytesOfObjects(): number {
  const before = residentBytes();
  const panes = new Map<number, object>();
  for (let series = 0; series < SERIES; series += 1) {
    const value = (series % 97) + 0.5;
    panes.set(series, {
      startMs: START_MS,
      count: 1,
      sum: value,
      min: value,
      max: value,
      mean: value,
      m2: 0.5,
    });
  }
  const bytes = (residentBytes() - before) / SERIES;
  if (panes.size !== SERIES) throw new Error("invariant: one pane each");
  return bytes;
}
