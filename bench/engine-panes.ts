import type { ReadingColumns } from "@millrace/stream";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";
import {
  addTo,
  emptyPane,
  inOrder,
  PANE_MS,
  type PaneObject,
  passedMs,
  reportOf,
  runBatches,
  runNestedMaps,
  runTable,
  SERIES,
  TICK_MS,
} from "./workload/pane-runs.ts";

/** Readings in, finished panes out: 10,000 series in random order, 100 readings a pane. */
export const enginePanes: Bench = {
  name: "engine-panes",
  summary: "readings into panes (PaneTable) beside Maps of objects, and a bare loop over a Float64Array",
  async run({ isQuick }) {
    const batches = inOrder(isQuick);
    const messages = messagesOf(batches);
    const rates = measureRates(
      {
        batch: () => runBatches(batches),
        single: () => runSingle(batches),
        bySeries: () => runBySeries(batches, messages),
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
        bySeriesReadingsPerSecond: rounded(rates.bySeries.perSecond),
        textKeysReadingsPerSecond: rounded(rates.textKeys.perSecond),
        bareSumReadingsPerSecond: rounded(rates.bareSum.perSecond),
        series: SERIES,
        readingsPerPane: PANE_MS / TICK_MS,
        readingsPerRound: batches.length * SERIES,
      },
    };
  },
};

function runSingle(batches: readonly ReadingColumns[]) {
  return runTable(batches, (table, { count, series, timeMs, value }) => {
    for (let at = 0; at < count; at += 1) table.add(series[at], timeMs[at], value[at]);
  });
}

interface Message {
  readonly series: number;
  readonly readings: Omit<ReadingColumns, "series">;
}

/** As the agent adds the readings of a message: one series after another, what each has gathered in a second. */
function runBySeries(batches: readonly ReadingColumns[], messages: ReadonlyMap<ReadingColumns, Message[]>) {
  return runTable(batches, (table, batch) => {
    for (const { series, readings } of messages.get(batch) ?? []) table.addSeries(series, readings);
  });
}

/** The same readings, by the last batch of their second. */
function messagesOf(batches: readonly ReadingColumns[]): ReadonlyMap<ReadingColumns, Message[]> {
  const messages = new Map<ReadingColumns, Message[]>();
  let gathered: { timeMs: number[]; value: number[] }[] = [];
  for (const [tick, batch] of batches.entries()) {
    for (let at = 0; at < batch.count; at += 1) {
      const own = (gathered[batch.series[at]] ??= { timeMs: [], value: [] });
      own.timeMs.push(batch.timeMs[at]);
      own.value.push(batch.value[at]);
    }
    if (passedMs(tick) === undefined) continue;
    messages.set(
      batch,
      Array.from(batch.series, (series) => {
        const { timeMs, value } = gathered[series];
        const columns = { timeMs: Float64Array.from(timeMs), value: Float64Array.from(value) };
        return { series, readings: { count: timeMs.length, ...columns } };
      }),
    );
    gathered = [];
  }
  return messages;
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
