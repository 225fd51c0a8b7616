import { emptyPane, mergePane, paneLayout, PaneTable, PaneTree, SlidingRun } from "@millrace/stream";
import type { Labels, PaneLayout, PaneRows, PaneState } from "@millrace/stream";
import { SeededRandom } from "@millrace/testkit";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";

const SERIES = 10;
const PANE_MS = 1_000;
const PANES = 60;
const SIZE_MS = PANES * PANE_MS;
const READINGS_PER_PANE = 100;
const START_MS = 1_700_000_040_000;
const ACCUMULATORS = ["count", "sum", "min", "max", "mean"];
const PANE = paneLayout(PANE_MS, ACCUMULATORS);
const WINDOW = paneLayout(SIZE_MS, ACCUMULATORS);
const GROUP = "[]";

interface Readings {
  readonly count: number;
  readonly value: Float64Array;
}

/** Readings in, results of every window out. */
export const engineSliding: Bench = {
  name: "engine-sliding",
  summary: "windows of 60 s that slide each second (SlidingRun) beside tumbling ones, per reading",
  async run({ isQuick }) {
    const readings = makeReadings(isQuick ? 300 : 900);
    const rates = measureRates(
      {
        tumbling: () => runTumbling(readings),
        sliding: () => runSliding(readings, SlidingRunOf),
        naive: () => runSliding(readings, NaiveRun),
        tree: () => runSliding(readings, TreeRun),
      },
      { warmupRounds: 3, rounds: isQuick ? 7 : 15 },
    );
    const costOf = ({ perSecond }: { readonly perSecond: number }) => rates.tumbling.perSecond / perSecond;
    return {
      value: rounded(costOf(rates.sliding)),
      unit: "× tumbling",
      better: "lower",
      peer: { name: "merging all 60 panes each second", value: rounded(costOf(rates.naive)) },
      further: {
        spread: rounded(rates.sliding.spread),
        centralTreeCost: rounded(costOf(rates.tree)),
        tumblingReadingsPerSecond: rounded(rates.tumbling.perSecond),
        slidingReadingsPerSecond: rounded(rates.sliding.perSecond),
        naiveReadingsPerSecond: rounded(rates.naive.perSecond),
        centralTreeReadingsPerSecond: rounded(rates.tree.perSecond),
        readingsPerPane: READINGS_PER_PANE,
        panesPerWindow: PANES,
        series: SERIES,
        readingsPerRound: readings.count,
      },
    };
  },
};

/** In order: each second every series has its readings of that second. */
function makeReadings(seconds: number): Readings {
  const random = new SeededRandom(1, "engine-sliding");
  const count = seconds * SERIES * READINGS_PER_PANE;
  const value = new Float64Array(count);
  for (let at = 0; at < count; at += 1) value[at] = random.integer(2_000, 8_000) / 100;
  return { count, value };
}

/** Adds a second's readings of all series. */
function addSecond(table: PaneTable, { value }: Readings, second: number): void {
  const from = second * SERIES * READINGS_PER_PANE;
  const startMs = START_MS + second * PANE_MS;
  for (let index = 0; index < READINGS_PER_PANE; index += 1) {
    const timeMs = startMs + index * (PANE_MS / READINGS_PER_PANE);
    for (let series = 0; series < SERIES; series += 1)
      table.add(series, timeMs, value[from + index * SERIES + series]);
  }
}

const NO_LABELS: Labels = {};

function runTumbling(readings: Readings) {
  const table = new PaneTable("temperature", WINDOW, { rowsMax: 1_000 });
  const seconds = readings.count / SERIES / READINGS_PER_PANE;
  let checkSum = 0;
  for (let second = 0; second < seconds; second += 1) {
    addSecond(table, readings, second);
    if ((second + 1) % PANES !== 0) continue;
    const rows = table.take(() => NO_LABELS);
    for (let row = 0; row < rows.rowCount; row += 1)
      checkSum += emit(WINDOW, rows.state, row * WINDOW.stride);
  }
  return { units: readings.count, checkSum };
}

/** The last panes of one series. */
interface Run {
  pushRow(rows: PaneRows, row: number): void;
  mergeInto(pane: PaneState): void;
}

function runSliding(readings: Readings, OwnRun: new () => Run) {
  const table = new PaneTable("temperature", PANE, { rowsMax: 1_000 });
  const runs = Array.from({ length: SERIES }, () => new OwnRun());
  const merged = emptyPane(PANE);
  const seconds = readings.count / SERIES / READINGS_PER_PANE;
  let checkSum = 0;
  for (let second = 0; second < seconds; second += 1) {
    addSecond(table, readings, second);
    const rows = table.take(() => NO_LABELS);
    for (let row = 0; row < rows.rowCount; row += 1) {
      const run = runs[rows.seriesIndex[row]];
      run.pushRow(rows, row);
      run.mergeInto(merged);
      checkSum += emit(PANE, merged.fields, 0);
    }
  }
  return { units: readings.count, checkSum };
}

/** What a rule on the window looks at. */
function emit({ accumulators, offsets }: PaneLayout, fields: Float64Array, at: number): number {
  return accumulators[MEAN_AT].finish(fields, at + offsets[MEAN_AT])["mean"];
}

const MEAN_AT = PANE.names.indexOf("mean");

class SlidingRunOf extends SlidingRun {
  constructor() {
    super(PANE, PANES);
  }
}

function paneOf({ state, layout: { stride } }: PaneRows, row: number): PaneState {
  return { fields: state.slice(row * stride, (row + 1) * stride), sketches: [] };
}

/** What a first program would do. */
class NaiveRun implements Run {
  readonly #panes: PaneState[] = [];

  pushRow(rows: PaneRows, row: number): void {
    this.#panes.push(paneOf(rows, row));
    if (this.#panes.length > PANES) this.#panes.shift();
  }

  mergeInto(pane: PaneState): void {
    pane.fields.set(EMPTY.fields);
    for (const one of this.#panes) mergePane(PANE, pane, one);
  }
}

const EMPTY = emptyPane(PANE);

/** As central keeps panes, which any batch may change. */
class TreeRun implements Run {
  readonly #panes = new Map<number, PaneState>();
  readonly #tree = new PaneTree(PANE, (startMs) => this.#panes.get(startMs));
  #startMs = START_MS - PANE_MS;

  pushRow(rows: PaneRows, row: number): void {
    this.#startMs += PANE_MS;
    this.#panes.set(this.#startMs, paneOf(rows, row));
    this.#tree.come(this.#startMs, GROUP);
    const oldMs = this.#startMs - SIZE_MS;
    if (!this.#panes.delete(oldMs)) return;
    this.#tree.go(oldMs, GROUP);
    if (oldMs % SIZE_MS === 0) this.#tree.forgetBefore(oldMs);
  }

  mergeInto(pane: PaneState): void {
    const { fields } = this.#tree.merged(GROUP, this.#startMs + PANE_MS - SIZE_MS, this.#startMs + PANE_MS);
    pane.fields.set(fields);
  }
}
