import { Membership, type MetricSpec, type PaneRows, WindowEngine, type WindowSpec } from "@millrace/stream";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";
import { paneTraffic } from "./workload/pane-traffic.ts";

const SITES = 100;
const LINES = 5;
const MACHINES_PER_LINE = 20;
const SECONDS = 60;
const START_MS = 1_700_000_040_000;
const PANE_MS = 1_000;
const WINDOW_MS = 60_000;

const METRIC: MetricSpec = {
  name: "temperature",
  unit: "°C",
  accumulate: ["count", "sum", "mean", "min", "max"],
  isLive: true,
};

/** Panes of a hundred sites into windows, in memory. */
export const engineMerge: Bench = {
  name: "engine-merge",
  summary: "panes of a hundred sites into windows of a minute (WindowEngine) beside objects in a Map",
  async run({ isQuick }) {
    const seconds = trafficOf(isQuick ? 10 : SECONDS);
    const panesPerSecond = SITES * LINES * MACHINES_PER_LINE;
    const units = seconds.length * panesPerSecond;
    const objects = seconds.map((batches) => batches.flatMap(toObjects));
    const of = (by: readonly string[], tickS: number) => () => ({
      units,
      checkSum: runEngine(seconds, by, tickS),
    });
    const rates = measureRates(
      {
        bySite: of(["site"], SECONDS),
        ofAll: of([], SECONDS),
        bySeries: of(["site", "line", "machine"], SECONDS),
        bySiteRevised: of(["site"], 1),
        bySeriesRevised: of(["site", "line", "machine"], 1),
        objects: () => ({ units, checkSum: runObjects(objects) }),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 9 },
    );
    return {
      value: rounded(rates.bySite.perSecond),
      unit: "panes/s",
      better: "higher",
      peer: { name: "objects merged into windows by site in a Map", value: rounded(rates.objects.perSecond) },
      further: {
        spread: rounded(rates.bySite.spread),
        ofAllPanesPerSecond: rounded(rates.ofAll.perSecond),
        bySeriesPanesPerSecond: rounded(rates.bySeries.perSecond),
        bySiteRevisedEverySecondPanesPerSecond: rounded(rates.bySiteRevised.perSecond),
        bySeriesRevisedEverySecondPanesPerSecond: rounded(rates.bySeriesRevised.perSecond),
        sites: SITES,
        panesPerBatch: LINES * MACHINES_PER_LINE,
        panesPerRound: units,
      },
    };
  },
};

/** Every second a batch from each site: the panes of that second of its machines. */
function trafficOf(seconds: number): PaneRows[][] {
  const ofOneSecond = Array.from({ length: SITES }, (_, site) =>
    paneTraffic({
      site: `site-${site}`,
      lines: LINES,
      machinesPerLine: MACHINES_PER_LINE,
      metric: METRIC.name,
      paneMs: PANE_MS,
      panes: 1,
      readingsPerPane: 10,
      startMs: START_MS,
      seed: site,
    }),
  );
  return Array.from({ length: seconds }, (_, second) =>
    ofOneSecond.map((rows) => ({
      ...rows,
      startMs: rows.startMs.map((startMs) => startMs + second * PANE_MS),
    })),
  );
}

/** As central calls it, with a tick every so many seconds, which shows all windows anew, and what there is to commit. */
function runEngine(seconds: readonly (readonly PaneRows[])[], by: readonly string[], tickS: number): number {
  const window: WindowSpec = {
    name: "temperature_1m",
    metric: METRIC.name,
    kind: "aligned",
    sizeMs: WINDOW_MS,
    slideMs: WINDOW_MS,
    offsetMs: 0,
    by,
    latenessMs: 7 * 24 * 3_600_000,
  };
  const engine = new WindowEngine({ windows: [window], metrics: [METRIC] });
  const agents = Array.from({ length: SITES }, (_, site) => `agent-${site}`);
  engine.setMembership(
    new Membership(agents.map((agent, site) => ({ agent, site: `site-${site}`, joinedMs: 0, leftMs: null }))),
  );
  let windowCount = 0;
  for (const [second, batches] of seconds.entries()) {
    const nowMs = START_MS + (second + 1) * PANE_MS;
    for (const rows of batches) {
      for (const key of engine.needs(rows)) engine.load(key, undefined);
      engine.apply(rows, nowMs);
    }
    if ((second + 1) % tickS !== 0 && second + 1 < seconds.length) continue;
    for (const range of engine.dueRanges(nowMs)) engine.loadRange(range, []);
    windowCount += engine.tick(nowMs).length;
    engine.takeChanges();
  }
  return windowCount;
}

/** Offsets of the layout count, sum (2), min, max, mean (3). */
function toObjects(rows: PaneRows): RowObject[] {
  const { stride } = rows.layout;
  return Array.from({ length: rows.rowCount }, (_, row) => {
    const [count, sum, , min, max, , mean] = rows.state.subarray(row * stride, (row + 1) * stride);
    const { site } = rows.series[rows.seriesIndex[row]];
    return { site, startMs: rows.startMs[row], count, sum, min, max, mean };
  });
}

interface Totals {
  count: number;
  sum: number;
  min: number;
  max: number;
  mean: number;
}

interface RowObject extends Readonly<Totals> {
  readonly site: string;
  readonly startMs: number;
}

/** What a first program would do; it keeps no panes, so it could revise nothing. */
function runObjects(seconds: readonly (readonly RowObject[])[]): number {
  const windows = new Map<string, Totals>();
  for (const rows of seconds) {
    for (const { site, startMs, count, sum, min, max, mean } of rows) {
      const key = `${Math.floor(startMs / WINDOW_MS) * WINDOW_MS}|${site}`;
      const window = windows.get(key);
      if (window === undefined) {
        windows.set(key, { count, sum, min, max, mean });
        continue;
      }
      window.count += count;
      window.sum += sum;
      window.min = Math.min(window.min, min);
      window.max = Math.max(window.max, max);
      window.mean += ((mean - window.mean) * count) / window.count;
    }
  }
  return windows.size;
}
