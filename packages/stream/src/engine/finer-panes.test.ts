// Windows that come, go and come back, so that panes get longer and shorter: what is shown is right, or says that it may not be.
import { testFrontier } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Membership } from "../membership.ts";
import { paneLayout } from "../pane-layout.ts";
import type { PaneRows } from "../pane-rows.ts";
import { paneMsOf } from "../pane-size.ts";
import { PaneTable } from "../pane-table.ts";
import type { WindowResult } from "../window-result.ts";
import type { MetricSpec, WindowSpec } from "../window-spec.ts";
import { StoredEngine } from "./stored-engine.test-support.ts";

const metric: MetricSpec = { name: "t", unit: "", accumulate: ["sum"], isLive: true };
const LATENESS_MS = 3_600_000;

function aligned(name: string, sizeMs: number, slideMs = sizeMs) {
  return {
    name,
    metric: "t",
    by: [],
    latenessMs: LATENESS_MS,
    kind: "aligned",
    sizeMs,
    slideMs,
    offsetMs: 0,
  } as const satisfies WindowSpec;
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
  readonly accumulate: readonly string[];
  tickBytesMax = Infinity;
  #frontiers = 0;

  /** See `WindowEngineOptions`. */
  readonly longWindowPanesMin: number | undefined;

  constructor(
    windows: readonly WindowSpec[],
    accumulate: readonly string[] = ["sum", "first", "last"],
    { longWindowPanesMin }: { readonly longWindowPanesMin?: number } = {},
  ) {
    this.windows = windows;
    this.accumulate = accumulate;
    this.longWindowPanesMin = longWindowPanesMin;
    this.engine = new StoredEngine(this.#options());
    const membership = new Membership();
    membership.join("a", "alpha", -1e9);
    this.engine.setMembership(membership);
    // Its start is committed.
    this.engine.tick(-1e9);
  }

  /** `reachedMs`: what time it is, where a metric may have been in no window. */
  restart(windows: readonly WindowSpec[], reachedMs = -Infinity, restoredMax = 1_000): void {
    this.windows = windows;
    this.engine.restart({ ...this.#options(), restoredMax }, () => reachedMs);
  }

  /** `groupings`: the only ones that they are for; absent: all. */
  read(timesMs: readonly number[], nowMs: number, groupings?: ReadonlySet<string>) {
    const rows = this.rowsOf(timesMs.map((timeMs) => ({ timeMs, value: 1, machine: "" })));
    return this.engine.apply(groupings === undefined ? rows : { ...rows, groupings }, nowMs);
  }

  get paneMs(): number {
    const size = paneMsOf(this.windows);
    if (!size.isPossible && this.windows.length > 0) throw new Error(size.reason);
    return size.isPossible ? size.paneMs : 1_000;
  }

  rowsOf(
    readings: readonly { timeMs: number; value: number; machine: string }[],
    paneMs = this.paneMs,
  ): PaneRows {
    const layout = paneLayout(paneMs, this.accumulate);
    const table = new PaneTable("t", layout, { rowsMax: 1_000 });
    const machines = [...new Set(readings.map(({ machine }) => machine))];
    for (const { timeMs, value, machine } of readings) table.add(machines.indexOf(machine), timeMs, value);
    return table.take((series) => ({ machine: machines[series] }));
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
    const accumulate = this.accumulate.filter((name) => name !== "first" && name !== "last");
    const metrics = [{ ...metric, accumulate }];
    const { windows, tickBytesMax, longWindowPanesMin } = this;
    return {
      windows,
      metrics,
      hotMs: 60_000,
      graceMs: 0,
      tickBytesMax,
      ...(longWindowPanesMin === undefined ? {} : { longWindowPanesMin }),
    };
  }
}

function brief({ startMs, state, values, completeness }: WindowResult) {
  return [startMs / 1_000, values["count"], state, completeness.agentsCoarse?.join() ?? ""];
}

/** Ten readings in each ten seconds of a minute, all of them passed. */
function full(...windows: readonly WindowSpec[]): Plant {
  const plant = new Plant(windows);
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
  plant.restart([minute]);
  plant.engine.tick(82_000);
  plant.restart([fine, minute]);
  plant.engine.tick(83_000);
  const outcome = plant.read([3_000, 33_000], 84_000);
  expect(outcome).toMatchObject({ merged: 2, tooLate: 0 });
  expect(outcome.late.map(({ window, startMs, reason }) => [window, startMs, reason])).toEqual([
    ["fine", 0, "too_late"],
    ["minute", 0, "after_complete"],
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
  plant.restart([fine, minute]);
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

test("windows that are kept with something new in them become final as they were shown, and leave nothing behind, also where a start takes them up as they are due", () => {
  for (const restoredMax of [3, 1_000]) {
    const plant = full(fine, minute);
    plant.read([3_000, 13_000, 23_000], 82_000);
    plant.restart([minute]);
    plant.engine.tick(83_000);
    plant.restart([fine, minute]);
    plant.engine.tick(84_000);
    plant.restart([fine, minute], -Infinity, restoredMax);
    for (let tick = 0; tick < 12; tick++) plant.engine.tick(2 * LATENESS_MS + tick);
    expect(plant.shown("fine", 2 * LATENESS_MS)).toEqual([
      ...[0, 10, 20, 30, 40, 50].map((at) => [at, 10, "final", "a"]),
      [80, 1, "final", "a"],
    ]);
    expect([...plant.engine.store.keys()].filter((key) => key.startsWith("o|"))).toEqual([]);
  }
});

test("it says so for as long as its own panes are there, be those by other labels final before", () => {
  const quick: WindowSpec = { ...aligned("quick", 10_000), by: ["machine"], latenessMs: 10_000 };
  const plant = full(fine, minute, quick);
  plant.restart([minute]);
  plant.engine.tick(82_000);
  plant.restart([fine, minute, quick]);
  plant.read([150_000], 151_000);
  for (let tick = 0; tick < 4; tick++) plant.engine.tick(200_000 + tick);
  expect(plant.engine.store.has("c|t@:")).toBe(true);
  const { late } = plant.read([3_000], 202_000);
  expect(late.find(({ window }) => window === "fine")).toMatchObject({ startMs: 0, reason: "too_late" });
  plant.engine.tick(204_000);
  expect(plant.shown("fine", 204_000)[0]).toEqual([0, 10, "complete", "a"]);
});

test("a finer window that is added begins behind the panes of before, whose readings it cannot tell apart", () => {
  const plant = full(minute);
  plant.restart([fine, minute]);
  expect(plant.engine.keptWindows).toEqual([{ window: "fine", metric: "t", toMs: 120_000 }]);
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
  plant.restart([aligned("sliding", 60_000, 10_000), minute]);
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
  plant.restart([fine]);
  expect(plant.read([3_000], 84_000)).toMatchObject({ merged: 0, tooLate: 1, tooLateFromMs: 0 });
  expect(plant.engine.tick(2 * LATENESS_MS)).toEqual([]);
});

test("until when no window takes anything is known, also where the longer window is put back once a reading was refused", () => {
  const plant = full(minute);
  const keptTo = (timeMs = Infinity) => plant.engine.keptToMsOf({ metric: "t" }, timeMs);
  expect(keptTo()).toBeNull();
  plant.restart([fine, minute]);
  expect(keptTo()).toBeNull();
  plant.restart([fine]);
  expect([keptTo(), keptTo(90_000)]).toEqual([120_000, 120_000]);
  expect(plant.engine.keptToMsOf({ metric: "other" }, 90_000)).toBeNull();
  plant.read([84_000], 85_000);
  plant.restart([{ ...minute, name: "anew" }, aligned("sliding", 60_000, 30_000)]);
  expect(plant.engine.keptWindows).toEqual([
    { window: "anew", metric: "t", toMs: 120_000 },
    { window: "sliding", metric: "t", toMs: 120_000 },
  ]);
  expect([keptTo(), plant.read([86_000], 87_000).tooLate]).toEqual([120_000, 1]);
  plant.engine.tick(2 * LATENESS_MS);
  expect(keptTo(100_000)).toBeNull();
});

test("panes that get longer leave nothing behind: windows of their length go on exactly", () => {
  const plant = full(fine, minute);
  plant.restart([minute]);
  expect(plant.engine.keptWindows).toEqual([]);
  plant.read([3_000], 84_000);
  plant.engine.tick(86_000);
  expect(plant.shown("minute", 86_000)[0]).toEqual([0, 61, "complete", ""]);
});

test("a session that runs while panes get shorter stays as it was, and the next begins behind it", () => {
  const plant = new Plant([run]);
  plant.read([35_000, 50_000], 51_000);
  plant.engine.tick(52_000);
  plant.restart([run, fine]);
  plant.engine.tick(53_000);
  plant.read([55_000, 65_000], 66_000);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("run", 300_000)).toEqual([
    [35, 2, "provisional", "a"],
    [65, 1, "complete", ""],
  ]);
});

/** Up to 80 s, in panes of a length, into windows of a minute. */
function cameTo80(paneMs: number): Plant {
  const plant = new Plant([minute]);
  const readings = [10_000, 61_000, 79_000].map((timeMs) => ({ timeMs, value: 1, machine: "" }));
  plant.engine.apply(plant.rowsOf(readings, paneMs), 81_000);
  plant.engine.tick(81_000);
  return plant;
}

test.each([1, 1_000, 10_000])(
  "finer windows that begin behind all that has come have none of the longer pane, and take all: what came in panes of %d ms",
  (paneMs) => {
    const plant = cameTo80(paneMs);
    plant.restart([fine]);
    plant.read([79_500, 81_000, 78_000, 95_000], 96_000);
    plant.engine.tick(96_000);
    const shown = [
      [80, 1, "provisional", ""],
      [90, 1, "provisional", ""],
    ];
    expect(plant.shown("fine", 96_000)).toEqual(shown);
    plant.restart([{ ...fine, name: "machine", by: ["machine"] }, fine]);
    plant.read([95_000, 101_000], 102_000);
    plant.engine.tick(102_000);
    expect(plant.shown("machine", 102_000)).toEqual([[100, 1, "provisional", ""]]);
    expect(plant.shown("fine", 102_000)[1]).toEqual([90, 2, "provisional", ""]);
  },
);

test("what came in panes as long as the windows were, or is of a store that has not noted it, they begin behind the last of these", () => {
  for (const paneMs of [60_000, 1]) {
    const plant = cameTo80(paneMs);
    if (paneMs === 1) {
      const key = "v|t@:";
      const entry = JSON.parse(new TextDecoder().decode(plant.engine.store.get(key)));
      const { cameToMs: _, ...before } = entry;
      plant.engine.store.set(key, new TextEncoder().encode(JSON.stringify(before)));
    }
    plant.restart([fine]);
    plant.read([81_000, 119_000, 121_000], 122_000);
    plant.engine.tick(122_000);
    expect(plant.shown("fine", 122_000).map(([start]) => start)).toEqual([120]);
  }
});

test("a crash while panes are moved: the next start goes on, and knows which are coarse", () => {
  const byMachine = { ...minute, name: "by", by: ["machine"] };
  for (let commits = 0; commits < 3; commits++) {
    const plant = full(minute, byMachine);
    plant.engine.startCommitsMax = commits;
    plant.restart([fine, minute, byMachine]);
    plant.engine.startCommitsMax = Infinity;
    plant.restart([fine, minute, byMachine]);
    plant.read([3_000], 84_000);
    plant.pass(200_000);
    plant.engine.tick(201_000);
    expect(plant.shown("fine", 201_000)).toEqual([]);
    expect(plant.shown("minute", 201_000)[0]).toEqual([0, 61, "complete", ""]);
  }
});

test("panes are coarse up to the last of their own grouping, whichever of them is moved last", () => {
  const byMachine = { ...minute, name: "by", by: ["machine"] };
  const plant = full(minute, byMachine);
  plant.read([130_000], 131_000, new Set(['["machine"]']));
  plant.restart([fine, minute, byMachine]);
  expect(plant.engine.keptWindows).toEqual([{ window: "fine", metric: "t", toMs: 120_000 }]);
});

test("a fine window of before that nobody had been shown is not there once its panes have been longer", () => {
  const plant = new Plant([fine, minute]);
  plant.read([3_000, 33_000], 34_000);
  plant.restart([minute]);
  plant.restart([fine, minute]);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("fine", 300_000)).toEqual([]);
  expect(plant.shown("minute", 300_000)).toEqual([[0, 2, "complete", ""]]);
});

test("a sliding window that was outdated when its panes got longer ends as it was shown", () => {
  const sliding = aligned("sliding", 60_000, 20_000);
  const plant = new Plant([sliding, minute]);
  plant.read([65_000], 66_000);
  plant.pass(200_000);
  plant.engine.tick(200_000);
  plant.read([66_000], 201_000);
  plant.engine.tick(203_000);
  plant.restart([minute]);
  plant.read([119_000], 204_000);
  plant.restart([sliding, minute]);
  plant.engine.tick(204_000);
  const final = plant.engine.tick(2 * LATENESS_MS).filter(({ window }) => window === "sliding");
  expect(final.map(brief)).toEqual([
    [20, 1, "final", "a"],
    [40, 1, "final", "a"],
    [60, 3, "final", ""],
  ]);
});

test("a window that was away while others of its panes were there has what came meanwhile: when asked for, and when final", () => {
  const plant = full(minute, { ...minute, name: "away" });
  plant.restart([minute]);
  plant.read([3_000], 84_000);
  plant.engine.tick(86_000);
  plant.restart([minute, { ...minute, name: "away" }]);
  plant.engine.tick(87_000);
  expect(plant.shown("away", 87_000)[0]).toEqual([0, 61, "complete", ""]);
  plant.restart([minute, { ...minute, name: "away" }]);
  const final = plant.engine.tick(2 * LATENESS_MS).filter(({ window }) => window === "away");
  expect(final.map(brief)[0]).toEqual([0, 61, "final", ""]);
});

test("windows that nobody has made while theirs was away are made of the panes that are there, through starts that break off", () => {
  const away = aligned("away", 20_000, 10_000);
  const plant = full(fine, away);
  plant.engine.tick(86_000);
  plant.restart([fine]);
  for (let second = 90; second < 300; second++) plant.read([second * 1_000], second * 1_000);
  plant.pass(290_000);
  plant.engine.tick(300_000);
  const all = new Plant([fine, away]);
  all.read([...Array.from({ length: 60 }, (_, second) => second * 1_000), 80_000], 80_000);
  for (let second = 90; second < 303; second++) all.read([second * 1_000], second * 1_000);
  all.pass(290_000);
  all.engine.tick(303_000);
  let count = plant.shown("away", 300_000).length;
  for (let start = 0; start < 20; start++) {
    plant.restart([fine, away], -Infinity, 4);
    if (start === 0) plant.read([300_000, 301_000, 302_000], 303_000);
    for (let tick = 0; tick < 3; tick++) plant.engine.tick(303_000);
    const shown = plant.shown("away", 303_000).length;
    expect(shown).toBeGreaterThanOrEqual(count);
    count = shown;
  }
  for (let tick = 0; tick < 60; tick++) plant.engine.tick(303_000);
  expect(plant.shown("away", 303_000)).toEqual(all.shown("away", 303_000));
});

test("windows of before the last that their window had shown are made, too: of a group that was silent, or where a clock was ahead", () => {
  const by = (name: string) => ({ ...aligned(name, 20_000), by: ["machine"] });
  const plant = new Plant([by("here"), by("away")]);
  const read = (machine: string, ...seconds: readonly number[]) => {
    const rows = plant.rowsOf(seconds.map((second) => ({ timeMs: second * 1_000, value: 1, machine })));
    plant.engine.apply(rows, 400_000);
  };
  read("m", 10, 300);
  plant.engine.tick(400_000);
  plant.restart([by("here")]);
  plant.engine.tick(400_000);
  read("n", 30, 50, 70);
  read("m", 50);
  plant.engine.tick(400_000);
  plant.restart([by("here"), by("away")]);
  for (let tick = 0; tick < 5; tick++) plant.engine.tick(402_000);
  expect(plant.shown("away", 402_000)).toEqual(plant.shown("here", 402_000));
});

test("one that was final before the others of its start, since a tick had no room, is not told again once its window is back", () => {
  const by = (name: string) => ({ ...aligned(name, 20_000), by: ["machine"] });
  const plant = new Plant([by("here"), { ...by("away"), latenessMs: 0 }]);
  const read = (machine: string, second: number) =>
    plant.engine.apply(plant.rowsOf([{ timeMs: second * 1_000, value: 1, machine }]), 15_000);
  read("m", 10);
  read("n", 10);
  plant.pass(30_000);
  plant.engine.tick(21_000, 15_000);
  plant.tickBytesMax = 1;
  plant.restart(plant.windows);
  const first = plant.engine.tick(22_000).map(({ group, state }) => [group["machine"], state]);
  expect(first).toEqual([["m", "final"]]);
  plant.tickBytesMax = Infinity;
  plant.restart([by("here")]);
  plant.engine.tick(23_000);
  read("n", 11);
  plant.engine.tick(24_000);
  plant.restart([by("here"), by("away")]);
  const told = [1, 2, 3, 4].flatMap((tick) => plant.engine.tick(24_000 + 2_000 * tick));
  expect(told.map(({ window, group, values }) => [window, group["machine"], values["count"]])).toEqual([
    ["away", "n", 2],
  ]);
});

test("a window that takes what is late for longer than those before begins where their panes are all there", () => {
  const plant = full({ ...minute, latenessMs: 0 });
  plant.engine.tick(125_000);
  const slow = { ...minute, name: "slow" };
  plant.restart([{ ...minute, latenessMs: 0 }, slow]);
  expect(plant.read([3_000], 126_000)).toMatchObject({ merged: 0, tooLate: 1 });
  plant.read([121_000], 127_000);
  plant.restart([slow]);
  plant.read([4_000, 122_000], 128_000);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("slow", 300_000)).toEqual([[120, 2, "complete", ""]]);
});

test("windows by labels that none was by before, and sessions, begin behind the panes that are there", () => {
  const plant = full(fine);
  plant.restart([fine, { ...fine, name: "machine", by: ["machine"] }, run]);
  plant.read([3_000, 85_000, 91_000], 92_000);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("fine", 300_000)[0]).toEqual([0, 11, "complete", ""]);
  expect(plant.shown("machine", 300_000)).toEqual([[90, 1, "complete", ""]]);
  expect(plant.shown("run", 300_000)).toEqual([[91, 1, "complete", ""]]);
});

/** Readings were refused by the offset window, whose own first panes were coarse. */
test("a window that was away while another refused what came is not made of the rest", () => {
  const offset = { ...minute, name: "offset", offsetMs: 5_000 };
  const plant = new Plant([fine]);
  for (let second = 0; second < 33; second++) plant.read([second * 1_000], second * 1_000);
  plant.restart([offset]);
  for (let second = 33; second < 113; second++) plant.read([second * 1_000], second * 1_000);
  plant.restart([fine]);
  for (let second = 113; second < 140; second++) plant.read([second * 1_000], second * 1_000);
  plant.read([45_000], 141_000);
  plant.pass(200_000);
  const final = plant.engine.tick(2 * LATENESS_MS);
  expect(final.map(brief)).toEqual([70, 80, 90, 100, 110, 120, 130].map((at) => [at, 10, "final", ""]));
});

test.each([[["fine by", "run"]], [["fine by"]]])(
  "a reading of behind the longer panes that its own pane begins in is not missed by windows by other labels: %j",
  (names) => {
    const plant = new Plant([byMachine(aligned("forty", 40_000)), run]);
    plant.read([260_000], 302_000);
    plant.engine.tick(302_000);
    plant.restart([aligned("sliding", 60_000, 20_000)], 304_000);
    plant.engine.tick(304_000);
    plant.restart([minute, aligned("ninety", 90_000)], 306_000);
    // In the pane of 270, which begins in the one of 260 to 280.
    plant.read([280_000], 306_000);
    plant.engine.tick(306_000);
    plant.restart(
      [byMachine(fine), run].filter(({ name }) => names.includes(name)),
      308_000,
    );
    plant.read([280_000], 308_000);
    plant.pass(400_000);
    plant.engine.tick(400_000);
    expect(plant.shown("fine by", 400_000)).toEqual([]);
  },
);

test("nor is one whose pane, which begins in a longer one, is gone by then", () => {
  const ninety = { ...aligned("ninety", 90_000), latenessMs: 0 };
  const thirty = { ...aligned("thirty", 30_000), latenessMs: 130_000 };
  const plant = new Plant([ninety]);
  plant.read([100_000], 150_000);
  plant.restart([ninety, thirty]);
  // In the pane of 90.
  plant.read([130_000], 150_000);
  for (let tick = 0; tick < 3; tick++) plant.engine.tick(255_000 + tick);
  expect([...plant.engine.store.keys()].filter((key) => key.startsWith("p|"))).toEqual([]);
  plant.restart([byMachine(thirty)], 256_000);
  expect(plant.read([125_000], 257_000)).toMatchObject({ merged: 0, tooLate: 1 });
});

test("windows by other labels begin behind what the former ones had, which are gone", () => {
  const plant = full(fine);
  plant.restart([{ ...fine, name: "machine", by: ["machine"] }]);
  plant.read([3_000, 85_000, 91_000], 92_000);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("machine", 300_000)).toEqual([[90, 1, "complete", ""]]);
});

test("a metric that was in no window for a time: none is made of what that time has left", () => {
  const plant = full(minute);
  plant.restart([], 81_000);
  expect(plant.read([90_000, 150_000], 151_000)).toMatchObject({ unwindowed: 2 });
  plant.restart([minute], 160_000);
  expect(plant.read([95_000, 170_000], 171_000)).toMatchObject({ tooLate: 2 });
  plant.read([190_000], 191_000);
  plant.restart([minute], 192_000);
  plant.pass(300_000);
  plant.engine.tick(300_000);
  expect(plant.shown("minute", 300_000)).toEqual([
    [0, 60, "complete", "a"],
    [60, 1, "provisional", "a"],
    [180, 1, "complete", ""],
  ]);
});

test("what is taken out is looked for where it went, however panes were moved since", () => {
  const long = aligned("long", 180_000);
  const plant = new Plant([long, minute], ["sum", "mean"]);
  const rowOf = (value: number) => plant.rowsOf([{ timeMs: 100_000, value, machine: "" }], 1);
  plant.engine.apply(rowOf(5), 101_000);
  plant.engine.apply(rowOf(7), 101_000);
  // Into the pane of 0, and from there it goes nowhere.
  plant.restart([long, aligned("ninety", 90_000)]);
  plant.restart([long, fine]);
  plant.engine.apply(rowOf(8), 102_000);
  plant.engine.apply({ ...rowOf(5), isRetraction: true }, 102_000);
  const [result] = plant.engine.tick(103_000);
  expect(result?.values).toMatchObject({ count: 2, sum: 15, mean: 7.5 });
});

test("long windows have what is moved once, also where the start that moved it into longer panes broke off, and its pipeline was taken back", () => {
  const quarter = aligned("quarter", 900_000);
  const ninety = aligned("ninety", 90_000);
  const plant = new Plant([fine, ninety], ["sum"], { longWindowPanesMin: 2 });
  const rowOf = (value: number) => plant.rowsOf([{ timeMs: 500_000, value, machine: "" }], 1);
  plant.engine.apply(rowOf(1), 501_000);
  plant.engine.startCommitsMax = 1;
  plant.restart([quarter]);
  plant.engine.startCommitsMax = Infinity;
  plant.restart([fine, ninety, quarter]);
  plant.engine.apply(rowOf(5), 502_000);
  plant.engine.apply({ ...rowOf(1), isRetraction: true }, 502_000);
  plant.engine.tick(503_000);
  const last = plant.engine.computed(503_000).find(({ window }) => window === "quarter");
  expect(last?.values).toMatchObject({ count: 1, sum: 5 });
});

const byMachine = (spec: WindowSpec): WindowSpec => ({ ...spec, name: `${spec.name} by`, by: ["machine"] });
const WINDOWS: readonly WindowSpec[] = [
  fine,
  { ...aligned("twenty", 20_000), latenessMs: 100_000 },
  aligned("thirty", 30_000),
  minute,
  { ...aligned("ninety", 90_000), latenessMs: 30_000 },
  aligned("sliding", 60_000, 20_000),
  { ...aligned("offset", 60_000), offsetMs: 5_000 },
  { ...aligned("gaps", 60_000, 40_000), offsetMs: 10_000 },
  byMachine(fine),
  byMachine(aligned("forty", 40_000)),
  run,
];
const anyWindows = fc.subarray([...WINDOWS], { minLength: 1 });
const nextWindows = fc.option(
  fc.oneof({ weight: 6, arbitrary: anyWindows }, { weight: 1, arbitrary: fc.constant([]) }),
  { nil: null },
);
/** With long panes wherever they may be, or for windows of so many as are none of these. */
const anyLong = fc.constantFrom(1, 240);
const isOfGroup = ({ group }: WindowResult, machine: string) => (group["machine"] ?? machine) === machine;

test("any readings, any windows over time: what is complete or final is the count of all that came for it, or says that it may not be", () => {
  const step = fc.record({
    readings: fc.array(
      fc.record({ at: fc.integer({ min: 0, max: 300 }), machine: fc.constantFrom("m", "n") }),
      { maxLength: 5 },
    ),
    windows: nextWindows,
    isPassed: fc.boolean(),
    stepMs: fc.integer({ min: 2_000, max: 30_000 }),
  });
  fc.assert(
    fc.property(
      anyWindows,
      anyLong,
      fc.array(step, { minLength: 3, maxLength: 12 }),
      (first, long, steps) => {
        const plant = new Plant(first, undefined, { longWindowPanesMin: long });
        let nowMs = 300_000;
        const came: { timeMs: number; machine: string; lateFor: ReadonlySet<string> }[] = [];
        const check = (results: readonly WindowResult[]) => {
          for (const result of results) {
            const { window, startMs, endMs, state, values, completeness, mergedIntoMs } = result;
            if (state === "provisional" || completeness.agentsCoarse !== undefined) continue;
            if (mergedIntoMs !== undefined) continue;
            const own = came.filter(
              ({ timeMs, machine, lateFor }) =>
                startMs <= timeMs &&
                timeMs < endMs &&
                isOfGroup(result, machine) &&
                !lateFor.has(`${window} ${startMs}`),
            );
            expect([window, startMs, state, values["count"]]).toEqual([window, startMs, state, own.length]);
          }
        };
        for (const { readings, windows, isPassed, stepMs } of steps) {
          nowMs += stepMs;
          if (windows !== null) plant.restart(windows, nowMs);
          for (const { at, machine } of readings) {
            const timeMs = at * 1_000;
            const { late } = plant.engine.apply(plant.rowsOf([{ timeMs, value: 1, machine }]), nowMs);
            const refused = late.filter(({ reason }) => reason === "too_late");
            const lateFor = new Set(refused.map(({ window, startMs }) => `${window} ${startMs}`));
            came.push({ timeMs, machine, lateFor });
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

test("any changes of rows, any windows over time: what does not say that it lacks some is the sum and the mean of the rows", () => {
  interface Row {
    readonly timeMs: number;
    readonly value: number;
    readonly machine: string;
  }
  const row = fc.record({
    agoMs: fc.integer({ min: 0, max: 300 }).map((at) => at * 1_000),
    value: fc.integer({ min: -50, max: 1_000 }),
    machine: fc.constantFrom("m", "n"),
  });
  const step = fc.record({
    changes: fc.array(fc.tuple(fc.nat(3), fc.option(row, { nil: null })), { maxLength: 5 }),
    windows: nextWindows,
  });
  const grids = (windows: readonly WindowSpec[]) => windows.filter(({ kind }) => kind !== "session");
  fc.assert(
    fc.property(anyLong, fc.array(step, { minLength: 3, maxLength: 12 }), (longWindowPanesMin, steps) => {
      const plant = new Plant([minute], ["sum", "mean"], { longWindowPanesMin });
      let nowMs = 300_000;
      const rows = new Map<number, { row: Row; groupings: ReadonlySet<string> }>();
      const groupingsNow = () => new Set(plant.windows.map(({ by }) => JSON.stringify(by)));
      for (const { changes, windows } of steps) {
        nowMs += 5_000;
        if (windows !== null) {
          plant.restart(grids(windows), nowMs);
          const now = groupingsNow();
          for (const [id, { row, groupings }] of rows)
            rows.set(id, { row, groupings: new Set([...groupings].filter((by) => now.has(by))) });
        }
        for (const [id, next] of changes) {
          const before = rows.get(id);
          rows.delete(id);
          if (next !== null) {
            const row = { ...next, timeMs: nowMs - next.agoMs };
            const { merged } = plant.engine.apply(plant.rowsOf([row], 1), nowMs);
            // What no window has taken nobody takes out.
            rows.set(id, { row, groupings: merged > 0 ? groupingsNow() : new Set() });
          }
          if (before === undefined) continue;
          const { groupings } = before;
          plant.engine.apply({ ...plant.rowsOf([before.row], 1), isRetraction: true, groupings }, nowMs);
        }
        plant.pass(nowMs);
        plant.engine.tick(nowMs);
        const names = new Set(plant.windows.map(({ name }) => name));
        for (const result of plant.engine.computed(nowMs)) {
          const { window, startMs, endMs, values, completeness } = result;
          if (!names.has(window) || completeness.agentsCoarse !== undefined || result.state === "final")
            continue;
          const own = [...rows.values()]
            .map((each) => each.row)
            .filter(
              (each) => startMs <= each.timeMs && each.timeMs < endMs && isOfGroup(result, each.machine),
            );
          const sum = own.reduce((total, { value }) => total + value, 0);
          expect([window, startMs, values["count"]]).toEqual([window, startMs, own.length]);
          expect(values["sum"] ?? 0).toBeCloseTo(sum, 6);
          if (own.length > 0) expect(values["mean"]).toBeCloseTo(sum / own.length, 6);
        }
      }
    }),
    { numRuns: 200 },
  );
});
