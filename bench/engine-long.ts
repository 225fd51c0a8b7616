import { Membership, paneLayout, PaneTable, WindowEngine } from "@millrace/stream";
import type { MetricSpec, PaneRows, StateRange, WindowSpec } from "@millrace/stream";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";

const PANE_MS = 10_000;
const DAY_MS = 86_400_000;
const START_MS = 20_000 * DAY_MS;
const MACHINES = 100;
const METRIC: MetricSpec = { name: "t", unit: "", accumulate: ["mean", "min", "max"], isLive: false };

/** Hours of a day that is open beside windows of ten seconds, and a start in the midst of it. */
export const engineLong: Bench = {
  name: "engine-long",
  summary:
    "panes of a hundred machines into windows of ten seconds and of a day (WindowEngine), with long panes and without",
  async run({ isQuick }) {
    const panes = isQuick ? 180 : 720;
    const traffic = Array.from({ length: panes }, (_, pane) => rowsOf(pane));
    const long = new Line(traffic, 240);
    const fine = new Line(traffic, Infinity);
    const units = panes * MACHINES;
    const rates = measureRates(
      {
        long: () => ({ units, checkSum: long.run() }),
        fine: () => ({ units, checkSum: fine.run() }),
      },
      { warmupRounds: 1, rounds: isQuick ? 3 : 5 },
    );
    return {
      value: rounded(rates.long.perSecond),
      unit: "panes/s",
      better: "higher",
      peer: { name: "every window merged from short panes", value: rounded(rates.fine.perSecond) },
      further: {
        spread: rounded(rates.long.spread),
        panesInMemory: long.panesInMemory,
        keysAtStart: long.keysAtStart(),
        finePanesInMemory: fine.panesInMemory,
        fineKeysAtStart: fine.keysAtStart(),
        machines: MACHINES,
        hours: rounded((panes * PANE_MS) / 3_600_000),
      },
    };
  },
};

/** One engine over a store in memory, called as central calls it. */
class Line {
  readonly #traffic: readonly PaneRows[];
  readonly #longWindowPanesMin: number;
  #store = new Map<string, Uint8Array>();
  panesInMemory = 0;

  constructor(traffic: readonly PaneRows[], longWindowPanesMin: number) {
    this.#traffic = traffic;
    this.#longWindowPanesMin = longWindowPanesMin;
  }

  run(): number {
    this.#store = new Map();
    const engine = this.#open();
    engine.restore([]);
    let resultCount = 0;
    for (const [pane, rows] of this.#traffic.entries()) {
      const nowMs = START_MS + (pane + 1) * PANE_MS;
      for (const key of engine.needs(rows)) engine.load(key, this.#store.get(key));
      engine.apply(rows, nowMs);
      engine.setFrontier("a", {
        epoch: 1,
        number: pane,
        watermarkMs: nowMs,
        pending: [],
        holds: { alarm: 0, live: 0, backfill: 0 },
        isIdle: false,
        isClockSynchronised: true,
      });
      // Nothing is due yet.
      for (const range of engine.dueRanges(nowMs)) engine.loadRange(range, []);
      resultCount += engine.tick(nowMs).length;
      this.#commit(engine);
    }
    this.panesInMemory = engine.counts.panesInMemory;
    return resultCount;
  }

  /** What a start asks for, one by one, behind what it reads as ranges. */
  keysAtStart(): number {
    const engine = this.#open();
    return engine.restore(engine.restoreRanges().flatMap((range) => this.#read(range))).length;
  }

  #open(): WindowEngine {
    const engine = new WindowEngine({
      windows: [windowOf("short", PANE_MS), windowOf("day", DAY_MS)],
      metrics: [METRIC],
      longWindowPanesMin: this.#longWindowPanesMin,
    });
    engine.setMembership(new Membership([{ agent: "a", site: "s", joinedMs: 0, leftMs: null }]));
    const build = engine.longPaneBuild();
    for (let range = build.nextRange(); range !== null; range = build.nextRange())
      for (const { key, bytes } of build.take(this.#read(range)))
        if (bytes !== null) this.#store.set(key, bytes);
    return engine;
  }

  #commit(engine: WindowEngine): void {
    for (const { key, bytes } of engine.takeChanges())
      if (bytes === null) this.#store.delete(key);
      else this.#store.set(key, bytes);
  }

  #read({ from, to, limit, isReverse }: StateRange) {
    const keys = [...this.#store.keys()].filter((key) => from <= key && key < to).sort();
    if (isReverse === true) keys.reverse();
    return keys.slice(0, limit).map((key) => ({ key, bytes: this.#store.get(key)! }));
  }
}

function windowOf(name: string, sizeMs: number): WindowSpec {
  return {
    name,
    metric: METRIC.name,
    kind: "aligned",
    sizeMs,
    slideMs: sizeMs,
    offsetMs: 0,
    by: ["machine"],
    latenessMs: 7 * DAY_MS,
  };
}

/** A pane of each machine. */
function rowsOf(pane: number): PaneRows {
  const table = new PaneTable(METRIC.name, paneLayout(PANE_MS, METRIC.accumulate), { rowsMax: MACHINES + 1 });
  for (let machine = 0; machine < MACHINES; machine++)
    table.add(machine, START_MS + pane * PANE_MS, machine + pane);
  return table.take((machine) => ({ machine: `m${machine}` }));
}
