// Windows of very many panes beside short ones: they are merged from long panes, which hold all that the short ones do, whatever comes.
import { testFrontier } from "@millrace/testkit";
import { expect, test } from "vitest";
import { Membership } from "../membership.ts";
import { paneLayout } from "../pane-layout.ts";
import type { PaneRows } from "../pane-rows.ts";
import { longPaneMs } from "../pane-size.ts";
import { PaneTable } from "../pane-table.ts";
import type { AlignedWindowSpec, WindowSpec } from "../window-spec.ts";
import { StoredEngine } from "./stored-engine.test-support.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const T0 = 20_000 * DAY_MS;

function aligned(name: string, sizeMs: number, slideMs = sizeMs): AlignedWindowSpec {
  const kind = "aligned";
  return { name, metric: "t", by: ["machine"], latenessMs: 7 * DAY_MS, kind, sizeMs, slideMs, offsetMs: 0 };
}

const short = aligned("short", 10_000);
const hour = aligned("hour", HOUR_MS);
const day = aligned("day", DAY_MS);

class Plant {
  readonly engine: StoredEngine;
  readonly #accumulate: readonly string[];
  nowMs = T0;
  #frontiers = 0;

  constructor(windows: readonly WindowSpec[], accumulate: readonly string[] = ["sum", "max"]) {
    this.#accumulate = accumulate;
    this.engine = new StoredEngine(this.options(windows));
    const membership = new Membership();
    membership.join("a", "alpha", 0);
    this.engine.setMembership(membership);
    this.engine.tick(T0);
  }

  options(windows: readonly WindowSpec[]) {
    const metrics = [{ name: "t", unit: "", accumulate: this.#accumulate, isLive: false }];
    return { windows, metrics, hotMs: 60_000, graceMs: 0 };
  }

  rowsOf(fromS: number, toS: number, machines = ["m", "n"], value = 2): PaneRows {
    const table = new PaneTable("t", paneLayout(10_000, this.#accumulate), { rowsMax: 100_000 });
    for (let atS = fromS; atS < toS; atS += 10)
      for (const series of machines.keys()) table.add(series, T0 + atS * 1_000, value);
    return table.take((series) => ({ machine: machines[series] }));
  }

  /** A reading of each machine in each ten seconds, as they come. */
  read(fromS: number, toS: number, machines?: string[]): void {
    for (let atS = fromS; atS < toS; atS += 600) {
      this.nowMs = T0 + Math.min(atS + 600, toS) * 1_000;
      this.engine.apply(this.rowsOf(atS, Math.min(atS + 600, toS), machines), this.nowMs);
      const frontier = { number: ++this.#frontiers, watermarkMs: this.nowMs };
      this.engine.setFrontier("a", testFrontier(frontier));
      this.engine.tick(this.nowMs);
    }
  }

  restart(windows: readonly WindowSpec[]): void {
    this.engine.restart(this.options(windows), () => this.nowMs);
    this.engine.tick(this.nowMs);
  }

  countsOf(window: string) {
    this.nowMs += 1_000;
    this.engine.tick(this.nowMs);
    const results = this.engine.computed(this.nowMs).filter((result) => result.window === window);
    return results.map(({ group, values }) => [group["machine"], values["count"], values["sum"]]);
  }

  keysOf(kind: string): string[] {
    return [...this.engine.store.keys()].filter((key) => key.startsWith(`${kind}|`));
  }
}

test("a start, and a machine that is new behind it, ask for the long panes of a day that is open, not for thousands of short ones", () => {
  const plant = new Plant([short, day]);
  plant.read(0, 7_200);
  expect(plant.engine.counts.panesInMemory).toBeLessThan(200);
  plant.restart([short, day]);
  // For each of the last short windows and the day that are open: result, marker, pane.
  expect(plant.engine.neededCount).toBeLessThan(20);
  plant.engine.apply(plant.rowsOf(7_190, 7_200, ["new"]), plant.nowMs);
  expect(plant.engine.neededCount).toBeLessThan(10);
  plant.read(7_200, 7_800);
  expect(plant.countsOf("day")).toEqual([
    ["m", 780, 1_560],
    ["n", 780, 1_560],
    ["new", 1, 2],
  ]);
});

test("late readings, and rows that are taken out again, change the short window and the long one, before and after a start", () => {
  const plant = new Plant([short, day], ["sum"]);
  plant.read(0, 3_600, ["m"]);
  plant.engine.apply(plant.rowsOf(100, 110, ["m"], 5), plant.nowMs);
  plant.restart([short, day]);
  plant.engine.apply(plant.rowsOf(100, 110, ["m"], 7), plant.nowMs);
  expect(plant.countsOf("day")).toEqual([["m", 362, 732]]);
  expect(plant.countsOf("short")[10]).toEqual(["m", 3, 14]);
  plant.engine.apply({ ...plant.rowsOf(100, 110, ["m"], 5), isRetraction: true }, plant.nowMs);
  expect(plant.countsOf("day")).toEqual([["m", 361, 727]]);
  expect(plant.countsOf("short")[10]).toEqual(["m", 2, 9]);
});

test("a long window that is added to a store has all that is there, wherever starts break off; one of another length makes them anew", () => {
  const plant = new Plant([short]);
  plant.read(0, 7_200);
  for (let commits = 0; commits < 4; commits++) {
    plant.engine.startCommitsMax = commits;
    plant.engine.restart(plant.options([short, day]));
    plant.engine.startCommitsMax = Infinity;
    // Back to what it was, now and then.
    if (commits === 2) plant.restart([short, hour, day]);
  }
  plant.restart([short, day]);
  plant.read(7_200, 7_800);
  expect(plant.countsOf("day")).toEqual([
    ["m", 780, 1_560],
    ["n", 780, 1_560],
  ]);
  expect(plant.keysOf("l")).toHaveLength(2);
  plant.restart([short, hour, day]);
  expect(plant.keysOf("l")).toHaveLength(6);
  expect(plant.countsOf("hour").map(([, count]) => count)).toEqual([60, 60]);
  // What comes while no window is long is in the panes alone.
  plant.restart([short]);
  expect([...plant.keysOf("l"), ...plant.keysOf("m")]).toEqual([]);
  plant.read(7_800, 8_400);
  plant.restart([short, hour, day]);
  expect(plant.countsOf("day").map(([, count]) => count)).toEqual([840, 840]);
});

test("long panes that no window needs any more are gone, wherever the starts that clear or make them broke off", () => {
  for (let commits = 0; commits < 4; commits++) {
    for (const windows of [[short], [short, hour, day]]) {
      const plant = new Plant([short, day]);
      plant.read(0, 600);
      plant.engine.startCommitsMax = commits;
      plant.engine.restart(plant.options(windows));
      plant.engine.startCommitsMax = Infinity;
      plant.restart([short]);
      expect([...plant.keysOf("l"), ...plant.keysOf("m")]).toEqual([]);
    }
  }
});

test("a start that makes long panes of another length and breaks off leaves none that count as whole, should the former be needed again", () => {
  for (let commits = 0; commits < 5; commits++) {
    const plant = new Plant([short, hour, day]);
    plant.read(0, 4_200);
    plant.engine.startCommitsMax = commits;
    plant.engine.restart(plant.options([short, day]));
    plant.engine.startCommitsMax = Infinity;
    plant.restart([short, hour, day]);
    plant.read(4_200, 4_800);
    expect(plant.countsOf("hour").map(([, count]) => count)).toEqual([360, 360, 120, 120]);
    expect(plant.countsOf("day").map(([, count]) => count)).toEqual([480, 480]);
  }
});

test("once all windows are final no pane of either length is left", () => {
  const plant = new Plant([short, day]);
  plant.read(0, 3_600);
  plant.restart([short, day]);
  plant.nowMs += 9 * DAY_MS;
  for (let tick = 0; tick < 10; tick++) plant.engine.tick((plant.nowMs += 1_000));
  expect([...plant.keysOf("l"), ...plant.keysOf("p")]).toEqual([]);
  expect(plant.engine.counts.panesInMemory).toBe(0);
});

test("runs of a counter, of which a long pane could not keep enough, are merged from the short panes", () => {
  const plant = new Plant([short, day], ["increase"]);
  plant.read(0, 600);
  expect(plant.keysOf("l")).toEqual([]);
});

test.each([
  ["of a day and ten seconds", [short, day], 10_000, DAY_MS],
  ["of an hour and a day", [short, hour, day], 10_000, HOUR_MS],
  ["a day that slides has its slide", [aligned("sliding", DAY_MS, 600_000)], 10_000, 600_000],
  [
    "one that slides in short steps leaves the others theirs",
    [day, aligned("s", DAY_MS, 20_000)],
    10_000,
    DAY_MS,
  ],
  [
    "a calendar day has quarters of an hour",
    [{ ...day, kind: "day" as const, timeZone: "UTC" }],
    10_000,
    900_000,
  ],
  ["of few panes none is long", [hour], 60_000, null],
])("the length of long panes: %s", (_, windows, paneMs, expected) => {
  expect(longPaneMs(windows, paneMs, 240)).toBe(expected);
});
