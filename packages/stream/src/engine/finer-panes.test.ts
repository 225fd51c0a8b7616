// Windows that come, go and come back, so that panes get longer and shorter: what is shown is right, or says that it may not be.
import { testFrontier } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Membership } from "../membership.ts";
import { paneLayout } from "../pane-layout.ts";
import { paneMsOf } from "../pane-size.ts";
import { PaneTable } from "../pane-table.ts";
import type { WindowResult } from "../window-result.ts";
import type { MetricSpec, WindowSpec } from "../window-spec.ts";
import { StoredEngine } from "./stored-engine.test-support.ts";

const metric: MetricSpec = { name: "t", unit: "", accumulate: ["sum"], isLive: true };
const LATENESS_MS = 3_600_000;

function aligned(name: string, sizeMs: number, slideMs = sizeMs): WindowSpec {
  return {
    name,
    metric: "t",
    by: [],
    latenessMs: LATENESS_MS,
    kind: "aligned",
    sizeMs,
    slideMs,
    offsetMs: 0,
  };
}

const fine = aligned("fine", 10_000);
const minute = aligned("minute", 60_000);
const run: WindowSpec = {
  name: "run",
  metric: "t",
  by: [],
  latenessMs: LATENESS_MS,
  kind: "session",
  gapMs: 30_000,
  lengthMsMax: 600_000,
};

/** An engine over one store, whatever windows it has by now. */
class Plant {
  readonly engine: StoredEngine;
  windows: readonly WindowSpec[];
  #frontiers = 0;

  constructor(...windows: readonly WindowSpec[]) {
    this.windows = windows;
    this.engine = new StoredEngine(this.#options());
    this.engine.restart();
    const membership = new Membership();
    membership.join("a", "alpha", -1e9);
    this.engine.setMembership(membership);
  }

  restart(...windows: readonly WindowSpec[]): void {
    this.windows = windows;
    this.engine.restart(this.#options());
  }

  /** `groupings`: the only ones that they are for; absent: all. */
  read(timesMs: readonly number[], nowMs: number, groupings?: ReadonlySet<string>) {
    const size = paneMsOf(this.windows);
    if (!size.isPossible) throw new Error(size.reason);
    const layout = paneLayout(size.paneMs, ["sum", "first", "last"]);
    const table = new PaneTable("t", layout, { rowsMax: 1_000 });
    for (const timeMs of timesMs) table.add(0, timeMs, 1);
    const rows = table.take(() => ({}));
    return this.engine.apply(groupings === undefined ? rows : { ...rows, groupings }, nowMs);
  }

  pass(watermarkMs: number): void {
    this.engine.setFrontier("a", testFrontier({ number: ++this.#frontiers, watermarkMs }));
  }

  /** The last results of a window, as a query has them. */
  shown(window: string, nowMs: number) {
    return this.engine
      .computed(nowMs)
      .filter((result) => result.window === window)
      .map(brief);
  }

  #options() {
    return { windows: this.windows, metrics: [metric], hotMs: 60_000, graceMs: 0 };
  }
}

function brief({ startMs, state, values, completeness }: WindowResult) {
  return [startMs / 1_000, values["count"], state, completeness.agentsCoarse?.join() ?? ""];
}

/** Ten readings in each ten seconds of a minute, all of them passed. */
function full(...windows: readonly WindowSpec[]): Plant {
  const plant = new Plant(...windows);
  plant.read(
    Array.from({ length: 60 }, (_, second) => second * 1_000),
    60_000,
  );
  plant.read([80_000], 80_000);
  plant.pass(80_000);
  plant.engine.tick(81_000);
  return plant;
}

test("a fine window that is taken out and put back stays as it was where late readings come, and says that it may lack some", () => {
  const plant = full(fine, minute);
  expect(plant.shown("fine", 81_000)[0]).toEqual([0, 10, "complete", ""]);
  plant.restart(minute);
  plant.engine.tick(82_000);
  plant.restart(fine, minute);
  plant.engine.tick(83_000);
  const outcome = plant.read([3_000, 33_000], 84_000);
  expect(outcome).toMatchObject({ merged: 2, tooLate: 0 });
  expect(outcome.late.map(({ window, startMs, reason }) => [window, startMs, reason])).toEqual([
    ["fine", 0, "too_late"],
    ["minute", 0, "after_complete"],
    ["fine", 30_000, "too_late"],
  ]);
  plant.engine.tick(86_000);
  const seconds = [0, 10, 20, 30, 40, 50];
  expect(plant.shown("fine", 86_000).slice(0, 6)).toEqual(seconds.map((at) => [at, 10, "complete", "a"]));
  expect(plant.shown("minute", 86_000)[0]).toEqual([0, 62, "complete", ""]);
  // The last minute's only fine window was not complete, and is not any more; those of the next minute are as ever.
  expect(plant.shown("fine", 86_000)[6]).toEqual([80, 1, "provisional", "a"]);
  plant.read([121_000, 131_000, 131_500], 132_000);
  plant.pass(200_000);
  plant.engine.tick(201_000);
  expect(plant.shown("fine", 201_000).slice(6)).toEqual([
    [80, 1, "provisional", "a"],
    [120, 1, "complete", ""],
    [130, 2, "complete", ""],
  ]);
  plant.restart(fine, minute);
  const final = plant.engine.tick(2 * LATENESS_MS);
  expect(final.filter(({ window }) => window === "fine").map(brief)).toEqual([
    ...seconds.map((at) => [at, 10, "final", "a"]),
    [80, 1, "final", "a"],
    [120, 1, "final", ""],
    [130, 2, "final", ""],
  ]);
  expect(final.filter(({ window }) => window === "minute").map(brief)[0]).toEqual([0, 62, "final", ""]);
  expect([...plant.engine.store.keys()].filter((key) => key.startsWith("c|"))).toEqual([]);
});

test("it says so for as long as its own panes are there, be those by other labels final before", () => {
  const quick: WindowSpec = { ...aligned("quick", 10_000), by: ["machine"], latenessMs: 10_000 };
  const plant = full(fine, minute, quick);
  plant.restart(minute);
  plant.engine.tick(82_000);
  plant.restart(fine, minute, quick);
  plant.engine.tick(200_000);
  plant.engine.tick(201_000);
  expect(plant.engine.store.has("c|t")).toBe(true);
  const { late } = plant.read([3_000], 202_000);
  expect(late.find(({ window }) => window === "fine")).toMatchObject({ startMs: 0, reason: "too_late" });
  plant.engine.tick(204_000);
  expect(plant.shown("fine", 204_000)[0]).toEqual([0, 10, "complete", "a"]);
});

test("a finer window that is added begins behind the panes of before, whose readings it cannot tell apart", () => {
  const plant = full(minute);
  plant.restart(fine, minute);
  expect(plant.engine.keptWindows).toEqual([{ window: "fine", toMs: 120_000 }]);
  plant.engine.tick(83_000);
  expect(plant.read([3_000, 33_000, 90_000], 84_000)).toMatchObject({ merged: 3 });
  plant.read([121_000], 122_000);
  plant.pass(200_000);
  plant.engine.tick(201_000);
  expect(plant.shown("fine", 201_000)).toEqual([[120, 1, "complete", ""]]);
  expect(plant.shown("minute", 201_000)).toEqual([
    [0, 62, "complete", ""],
    [60, 2, "complete", ""],
    [120, 1, "complete", ""],
  ]);
});

test("of a sliding window those whose boundaries lie between the panes of before go on", () => {
  const plant = full(minute);
  plant.restart(aligned("sliding", 60_000, 10_000), minute);
  plant.read([3_000, 90_000], 91_000);
  plant.pass(400_000);
  plant.engine.tick(401_000);
  expect(plant.shown("sliding", 401_000)).toEqual([
    [0, 61, "complete", ""],
    [60, 2, "complete", ""],
  ]);
});

test("where no window takes a reading any more it is too late", () => {
  const plant = full(minute);
  plant.restart(fine);
  expect(plant.read([3_000], 84_000)).toMatchObject({ merged: 0, tooLate: 1, tooLateFromMs: 0 });
  expect(plant.engine.tick(2 * LATENESS_MS)).toEqual([]);
});

test("panes that get longer leave nothing behind: windows of their length go on exactly", () => {
  const plant = full(fine, minute);
  plant.restart(minute);
  expect(plant.engine.keptWindows).toEqual([]);
  plant.read([3_000], 84_000);
  plant.engine.tick(86_000);
  expect(plant.shown("minute", 86_000)[0]).toEqual([0, 61, "complete", ""]);
});

test("a session that runs while panes get shorter stays as it was, and the next begins behind it", () => {
  const plant = new Plant(run);
  plant.read([35_000, 50_000], 51_000);
  plant.engine.tick(52_000);
  plant.restart(run, fine);
  plant.engine.tick(53_000);
  plant.read([55_000, 65_000], 66_000);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("run", 300_000)).toEqual([
    [35, 2, "provisional", "a"],
    [65, 1, "complete", ""],
  ]);
});

test("a crash while panes are moved: the next start goes on, and knows which are coarse", () => {
  const byMachine = { ...minute, name: "by", by: ["machine"] };
  for (let commits = 0; commits < 3; commits++) {
    const plant = full(minute, byMachine);
    plant.engine.moveCommitsMax = commits;
    plant.restart(fine, minute, byMachine);
    plant.engine.moveCommitsMax = Infinity;
    plant.restart(fine, minute, byMachine);
    plant.read([3_000], 84_000);
    plant.pass(200_000);
    plant.engine.tick(201_000);
    expect(plant.shown("fine", 201_000)).toEqual([]);
    expect(plant.shown("minute", 201_000)[0]).toEqual([0, 61, "complete", ""]);
  }
});

test("panes are coarse up to the last of any grouping, whichever of them is moved last", () => {
  const byMachine = { ...minute, name: "by", by: ["machine"] };
  const plant = full(minute, byMachine);
  plant.read([130_000], 131_000, new Set(['["machine"]']));
  plant.restart(fine, minute, byMachine);
  expect(plant.engine.keptWindows).toEqual([{ window: "fine", toMs: 180_000 }]);
});

test("a fine window of before that nobody had been shown is not there once its panes have been longer", () => {
  const plant = new Plant(fine, minute);
  plant.read([3_000, 33_000], 34_000);
  plant.restart(minute);
  plant.restart(fine, minute);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("fine", 300_000)).toEqual([]);
  expect(plant.shown("minute", 300_000)).toEqual([[0, 2, "complete", ""]]);
});

test("a sliding window that was outdated when its panes got longer ends as it was shown", () => {
  const sliding = aligned("sliding", 60_000, 20_000);
  const plant = new Plant(sliding, minute);
  plant.read([65_000], 66_000);
  plant.pass(200_000);
  plant.engine.tick(200_000);
  plant.read([66_000], 201_000);
  plant.engine.tick(203_000);
  plant.restart(minute);
  plant.read([119_000], 204_000);
  plant.restart(sliding, minute);
  const final = plant.engine.tick(2 * LATENESS_MS).filter(({ window }) => window === "sliding");
  expect(final.map(brief)).toEqual([
    [20, 1, "final", "a"],
    [40, 1, "final", "a"],
    [60, 3, "final", ""],
  ]);
});

test("a window that was away while others of its panes were there has what came meanwhile: when asked for, and when final", () => {
  const plant = full(minute, { ...minute, name: "away" });
  plant.restart(minute);
  plant.read([3_000], 84_000);
  plant.engine.tick(86_000);
  plant.restart(minute, { ...minute, name: "away" });
  plant.engine.tick(87_000);
  expect(plant.shown("away", 87_000)[0]).toEqual([0, 61, "complete", ""]);
  plant.restart(minute, { ...minute, name: "away" });
  const final = plant.engine.tick(2 * LATENESS_MS).filter(({ window }) => window === "away");
  expect(final.map(brief)[0]).toEqual([0, 61, "final", ""]);
});

test("a window that takes what is late for longer than those before begins where their panes are all there", () => {
  const plant = full({ ...minute, latenessMs: 0 });
  plant.engine.tick(125_000);
  const slow = { ...minute, name: "slow" };
  plant.restart({ ...minute, latenessMs: 0 }, slow);
  expect(plant.read([3_000], 126_000)).toMatchObject({ merged: 0, tooLate: 1 });
  plant.read([121_000], 127_000);
  plant.restart(slow);
  plant.read([4_000, 122_000], 128_000);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("slow", 300_000)).toEqual([[120, 2, "complete", ""]]);
});

test("windows by labels that none was by before, and sessions, begin behind the panes that are there", () => {
  const plant = full(fine);
  plant.restart(fine, { ...fine, name: "machine", by: ["machine"] }, run);
  plant.read([3_000, 85_000, 91_000], 92_000);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("fine", 300_000)[0]).toEqual([0, 11, "complete", ""]);
  expect(plant.shown("machine", 300_000)).toEqual([[90, 1, "complete", ""]]);
  expect(plant.shown("run", 300_000)).toEqual([[91, 1, "complete", ""]]);
});

test("any readings, any windows over time: what is complete or final is the count of all that it took, or says that it may not be", () => {
  const WINDOWS = [
    fine,
    { ...aligned("twenty", 20_000), latenessMs: 100_000 },
    aligned("thirty", 30_000),
    minute,
    { ...aligned("ninety", 90_000), latenessMs: 30_000 },
    aligned("sliding", 60_000, 20_000),
    run,
  ];
  const step = fc.record({
    timesMs: fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 5 }),
    windows: fc.option(fc.subarray(WINDOWS, { minLength: 1 }), { nil: null }),
    isPassed: fc.boolean(),
    stepMs: fc.integer({ min: 2_000, max: 30_000 }),
  });
  fc.assert(
    fc.property(
      fc.subarray(WINDOWS, { minLength: 1 }),
      fc.array(step, { minLength: 3, maxLength: 12 }),
      (first, steps) => {
        const plant = new Plant(...first);
        let nowMs = 300_000;
        const readings: { readonly timeMs: number; readonly lateFor: ReadonlySet<string> }[] = [];
        const check = (results: readonly WindowResult[]) => {
          for (const result of results) {
            const { window, startMs, endMs, state, values, completeness, mergedIntoMs } = result;
            if (state === "provisional" || completeness.agentsCoarse !== undefined) continue;
            if (mergedIntoMs !== undefined) continue;
            const own = readings.filter(
              ({ timeMs, lateFor }) =>
                startMs <= timeMs && timeMs < endMs && !lateFor.has(`${window} ${startMs}`),
            );
            expect([window, startMs, state, values["count"]]).toEqual([window, startMs, state, own.length]);
          }
        };
        for (const { timesMs, windows, isPassed, stepMs } of steps) {
          nowMs += stepMs;
          if (windows !== null) plant.restart(...windows);
          for (const at of timesMs) {
            const timeMs = at * 1_000;
            const { late, tooLate } = plant.read([timeMs], nowMs);
            if (tooLate > 0) continue;
            const refused = late.filter(({ reason }) => reason === "too_late");
            const lateFor = new Set(refused.map(({ window, startMs }) => `${window} ${startMs}`));
            readings.push({ timeMs, lateFor });
          }
          if (isPassed) plant.pass(nowMs);
          check(plant.engine.tick(nowMs));
          const names = new Set(plant.windows.map(({ name }) => name));
          // What is final takes nothing, whether it is there or not.
          const isOpen = ({ window, state }: WindowResult) => names.has(window) && state !== "final";
          check(plant.engine.computed(nowMs).filter(isOpen));
        }
        check(plant.engine.tick(nowMs + 2 * LATENESS_MS));
      },
    ),
    { numRuns: 200 },
  );
});
