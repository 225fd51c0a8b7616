// A window that keeps its name and gets another metric, or other labels: what it had said stays, and what comes is its own.
import { testFrontier } from "@millrace/testkit";
import { expect, test } from "vitest";
import { Membership } from "../membership.ts";
import { paneLayout } from "../pane-layout.ts";
import { PaneTable } from "../pane-table.ts";
import type { Labels } from "../series.ts";
import type { WindowResult } from "../window-result.ts";
import type { MetricSpec, SessionWindowSpec, WindowSpec } from "../window-spec.ts";
import { StoredEngine } from "./stored-engine.test-support.ts";

const T: MetricSpec = { name: "t", unit: "A", accumulate: ["sum", "first", "last"], isLive: true };
const U: MetricSpec = { ...T, name: "u" };
const minute: WindowSpec = {
  name: "w",
  metric: "t",
  kind: "aligned",
  sizeMs: 60_000,
  slideMs: 60_000,
  offsetMs: 0,
  by: ["site"],
  latenessMs: 600_000,
};
const sliding: WindowSpec = { ...minute, slideMs: 30_000 };
const run: SessionWindowSpec = {
  name: "w",
  metric: "t",
  kind: "session",
  gapMs: 10_000,
  lengthMsMax: 60_000,
  by: ["site"],
  latenessMs: 600_000,
};
const HOT_MS = 100_000;

function plant(window: WindowSpec) {
  const engine = new StoredEngine({ windows: [window], metrics: [T], hotMs: HOT_MS });
  const membership = new Membership();
  membership.join("a", "alpha", -1e9);
  engine.setMembership(membership);
  let number = 0;
  return {
    engine,
    read(metric: string, timeMs: number, nowMs: number, labels: Labels = { site: "alpha" }) {
      const table = new PaneTable(metric, paneLayout(1_000, T.accumulate), { rowsMax: 10 });
      table.add(0, timeMs, 1);
      engine.apply(
        table.take(() => labels),
        nowMs,
      );
    },
    pass(watermarkMs: number) {
      engine.setFrontier("a", testFrontier({ number: ++number, watermarkMs }));
    },
    /** Another metric has its place. */
    rename(to: Partial<WindowSpec> = { metric: "u" }) {
      const renamed: WindowSpec = Object.assign({ ...window }, to);
      engine.restart({ windows: [renamed], metrics: [T, U], hotMs: HOT_MS });
    },
  };
}

const brief = (results: readonly WindowResult[]) =>
  results.map(
    ({ metric, startMs, revision, state, values }) =>
      `${metric}@${startMs} ${revision} ${state}: ${values["count"]}`,
  );

const markers = (engine: StoredEngine) => [...engine.store.keys()].filter((key) => /^[os]\|/.test(key));

test.each([minute, sliding])(
  "open windows of $slideMs ms of the metric before say no 0, and stay",
  (window) => {
    const { engine, read, pass, rename } = plant(window);
    for (const timeMs of [70_000, 110_000, 130_000]) read("t", timeMs, 130_000);
    const said = brief(engine.tick(130_000));
    expect(said.length).toBeGreaterThan(1);
    rename();
    expect(engine.tick(131_000)).toEqual([]);
    expect(markers(engine)).toEqual([]);
    pass(400_000);
    for (const nowMs of [200_000, 400_000, 5e6]) expect(engine.tick(nowMs)).toEqual([]);
    expect(brief(engine.stored())).toEqual(said);
    expect(brief(engine.computed(5e6))).toEqual(said);
  },
);

test("a window that the metric before had opened and nobody was shown is none", () => {
  const { engine, read, rename } = plant(minute);
  read("t", 61_000, 62_000);
  rename();
  expect(engine.tick(63_000)).toEqual([]);
  engine.restart();
  expect(engine.tick(64_000)).toEqual([]);
  expect(markers(engine)).toEqual([]);
});

test("what comes of the new metric is a revision of its own, which goes on and ends as any", () => {
  const { engine, read, pass, rename } = plant(minute);
  read("t", 61_000, 62_000);
  read("t", 62_000, 63_000);
  expect(brief(engine.tick(63_000))).toEqual(["t@60000 1 provisional: 2"]);
  rename();
  read("u", 65_000, 66_000);
  // Stored, and not shown yet.
  engine.restart();
  expect(brief(engine.tick(66_000))).toEqual(["u@60000 2 provisional: 1"]);
  engine.restart();
  read("u", 66_000, 67_000);
  expect(brief(engine.tick(67_000))).toEqual(["u@60000 3 provisional: 2"]);
  pass(120_000);
  expect(brief(engine.tick(120_000))).toEqual(["u@60000 4 complete: 2"]);
  expect(brief(engine.tick(5e6))).toEqual(["u@60000 5 final: 2"]);
});

test("complete ones that have left memory are neither mixed with the new metric nor made final under its name", () => {
  const { engine, read, pass, rename } = plant(sliding);
  for (const timeMs of [10_000, 40_000, 70_000]) read("t", timeMs, 75_000);
  pass(1e6);
  engine.tick(120_000);
  // Of the windows over it only those on multiples of their size are published again.
  read("t", 41_000, 121_000);
  engine.tick(130_000);
  engine.tick(120_000 + 2 * HOT_MS);
  const said = brief(engine.stored());
  rename();
  const nowMs = 120_000 + 2 * HOT_MS;
  expect(brief(engine.computed(nowMs))).toEqual(said);
  read("u", 65_000, nowMs);
  expect(brief(engine.tick(nowMs))).toEqual(["u@30000 2 complete: 1", "u@60000 2 complete: 1"]);
  expect(brief(engine.tick(5e6))).toEqual(["u@30000 3 final: 1", "u@60000 3 final: 1"]);
  const stayed = said.filter((each) => !/@(3|6)0000 /.test(each));
  expect(brief(engine.stored()).filter((each) => each.startsWith("t@"))).toEqual(stayed);
  expect(markers(engine)).toEqual([]);
});

test("sessions of the metric before do not go on with the new one's readings", () => {
  const { engine, read, pass, rename } = plant(run);
  for (const timeMs of [60_000, 65_000, 90_000]) read("t", timeMs, 90_000);
  const said = brief(engine.tick(90_000));
  expect(said).toEqual(["t@60000 1 provisional: 2", "t@90000 1 provisional: 1"]);
  rename();
  expect(engine.tick(91_000)).toEqual([]);
  read("u", 68_000, 92_000);
  read("u", 69_000, 92_000);
  expect(brief(engine.tick(92_000))).toEqual(["u@68000 1 provisional: 2"]);
  pass(1e6);
  expect(brief(engine.tick(120_000))).toEqual(["u@68000 2 complete: 2"]);
  expect(brief(engine.stored())).toEqual([said[0], "u@68000 2 complete: 2", said[1]]);
});

test("a window that is grouped by other labels says no 0 of the groups before", () => {
  const { engine, read, rename } = plant(minute);
  read("t", 61_000, 62_000);
  const said = brief(engine.tick(62_000));
  rename({ by: ["site", "line"] });
  expect(engine.tick(63_000)).toEqual([]);
  // Where the panes of the former ones end.
  read("t", 120_000, 121_000, { site: "alpha", line: "1" });
  const [result, ...others] = engine.tick(121_000);
  expect(others).toEqual([]);
  expect(result).toMatchObject({ group: { site: "alpha", line: "1" }, revision: 1, values: { count: 1 } });
  expect(engine.tick(5e6)).toHaveLength(1);
  expect(brief(engine.stored())).toContain(said[0]);
});
