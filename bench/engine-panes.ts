import { paneLayout, PaneTable, type Labels } from "@millrace/stream";
import { SeededRandom } from "@millrace/testkit";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";

const SERIES = 1_000;
const PANE_MS = 5_000;
const INTERVAL_MS = 500;
const START_MS = 1_700_000_000_000;
const OUT_OF_ORDERNESS_MS = 5_000;
const LATE_SHARE = 0.05;

/** Readings in order of arrival: all series once per interval. */
interface Readings {
  readonly count: number;
  readonly series: Uint32Array;
  readonly timeMs: Float64Array;
  readonly value: Float64Array;
}

/** Readings in, finished panes out. */
export const enginePanes: Bench = {
  name: "engine-panes",
  summary: "readings into panes (PaneTable) beside Maps of objects, and a bare loop over a Float64Array",
  async run({ isQuick }) {
    const ticks = isQuick ? 400 : 1_000;
    const inOrder = makeReadings(ticks, 0);
    const late = makeReadings(ticks, LATE_SHARE);
    const rates = measureRates(
      {
        ours: () => runPaneTable(inOrder),
        oursLate: () => runPaneTable(late),
        textKeys: () => runTextKeys(inOrder),
        textKeysLate: () => runTextKeys(late),
        nestedMaps: () => runNestedMaps(inOrder),
        nestedMapsLate: () => runNestedMaps(late),
        bareSum: () => runBareSum(inOrder),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 11 },
    );
    return {
      value: rounded(rates.ours.perSecond),
      unit: "readings/s",
      better: "higher",
      peer: {
        name: "objects in a Map of Maps: series, then pane",
        value: rounded(rates.nestedMaps.perSecond),
      },
      further: {
        spread: rounded(rates.ours.spread),
        lateReadingsPerSecond: rounded(rates.oursLate.perSecond),
        peerLateReadingsPerSecond: rounded(rates.nestedMapsLate.perSecond),
        textKeysReadingsPerSecond: rounded(rates.textKeys.perSecond),
        textKeysLateReadingsPerSecond: rounded(rates.textKeysLate.perSecond),
        bareSumReadingsPerSecond: rounded(rates.bareSum.perSecond),
        lateShare: LATE_SHARE,
        series: SERIES,
        readingsPerRound: inOrder.count,
      },
    };
  },
};

function makeReadings(ticks: number, lateShare: number): Readings {
  const random = new SeededRandom(1, "engine-panes");
  const count = ticks * SERIES;
  const series = new Uint32Array(count);
  const timeMs = new Float64Array(count);
  const value = new Float64Array(count);
  for (let at = 0; at < count; at += 1) {
    const nowMs = START_MS + Math.floor(at / SERIES) * INTERVAL_MS;
    series[at] = at % SERIES;
    timeMs[at] = random.chance(lateShare) ? nowMs - random.integer(1, OUT_OF_ORDERNESS_MS) : nowMs;
    value[at] = random.integer(2_000, 8_000) / 100;
  }
  return { count, series, timeMs, value };
}

/** Once in each pane's time the finished panes leave. */
function isPaneEnd(at: number): boolean {
  return at % ((PANE_MS / INTERVAL_MS) * SERIES) === 0;
}

function watermarkMs(at: number): number {
  return START_MS + Math.floor(at / SERIES) * INTERVAL_MS - OUT_OF_ORDERNESS_MS;
}

const NO_LABELS: Labels = {};

function runPaneTable(readings: Readings) {
  const table = new PaneTable("temperature", paneLayout(PANE_MS, ["count", "sum", "min", "max", "mean"]), {
    rowsMax: 1_000_000,
  });
  let rowCount = 0;
  for (let at = 0; at < readings.count; at += 1) {
    table.add(readings.series[at], readings.timeMs[at], readings.value[at]);
    if (!isPaneEnd(at)) continue;
    const passedMs = watermarkMs(at);
    rowCount += table.take(() => NO_LABELS, {
      accept: (_series, startMs) => startMs + PANE_MS <= passedMs,
    }).rowCount;
  }
  rowCount += table.take(() => NO_LABELS).rowCount;
  return { units: readings.count, checkSum: rowCount };
}

interface PaneObject {
  count: number;
  sum: number;
  min: number;
  max: number;
  mean: number;
  readonly startMs: number;
}

function addTo(pane: PaneObject, value: number): void {
  pane.count += 1;
  pane.sum += value;
  pane.min = Math.min(pane.min, value);
  pane.max = Math.max(pane.max, value);
  pane.mean += (value - pane.mean) / pane.count;
}

function emptyPane(startMs: number): PaneObject {
  return {
    count: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    mean: 0,
    startMs,
  };
}

/** What a first program would do: one Map, series and pane in the key. */
function runTextKeys(readings: Readings) {
  const panes = new Map<string, PaneObject>();
  let rowCount = 0;
  for (let at = 0; at < readings.count; at += 1) {
    const startMs = Math.floor(readings.timeMs[at] / PANE_MS) * PANE_MS;
    const key = `${readings.series[at]}:${startMs}`;
    let pane = panes.get(key);
    if (pane === undefined) {
      pane = emptyPane(startMs);
      panes.set(key, pane);
    }
    addTo(pane, readings.value[at]);
    if (!isPaneEnd(at)) continue;
    const passedMs = watermarkMs(at);
    for (const [name, open] of panes) {
      if (open.startMs + PANE_MS > passedMs) continue;
      panes.delete(name);
      rowCount += 1;
    }
  }
  return { units: readings.count, checkSum: rowCount + panes.size };
}

/** The same without making a text for each reading: the quickest that plain objects go. */
function runNestedMaps(readings: Readings) {
  const panesOf = new Map<number, Map<number, PaneObject>>();
  let rowCount = 0;
  for (let at = 0; at < readings.count; at += 1) {
    const startMs = Math.floor(readings.timeMs[at] / PANE_MS) * PANE_MS;
    let panes = panesOf.get(readings.series[at]);
    if (panes === undefined) {
      panes = new Map();
      panesOf.set(readings.series[at], panes);
    }
    let pane = panes.get(startMs);
    if (pane === undefined) {
      pane = emptyPane(startMs);
      panes.set(startMs, pane);
    }
    addTo(pane, readings.value[at]);
    if (!isPaneEnd(at)) continue;
    const passedMs = watermarkMs(at);
    for (const own of panesOf.values()) {
      for (const open of own.values()) {
        if (open.startMs + PANE_MS > passedMs) continue;
        own.delete(open.startMs);
        rowCount += 1;
      }
    }
  }
  for (const own of panesOf.values()) rowCount += own.size;
  return { units: readings.count, checkSum: rowCount };
}

/** The least that can be done with a reading: one addition. */
function runBareSum(readings: Readings) {
  let sum = 0;
  for (let pass = 0; pass < BARE_PASSES; pass += 1) {
    for (let at = 0; at < readings.count; at += 1) sum += readings.value[at];
  }
  return { units: readings.count * BARE_PASSES, checkSum: sum };
}

/** One pass is too short for the clock. */
const BARE_PASSES = 20;
