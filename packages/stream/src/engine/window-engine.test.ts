// When a window is shown, complete, revised and final: one case of the contract each.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { testFrontier } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { Frontier } from "../frontier.ts";
import { Membership } from "../membership.ts";
import { paneLayout } from "../pane-layout.ts";
import { PaneTable } from "../pane-table.ts";
import type { Labels } from "../series.ts";
import type { WindowResult } from "../window-result.ts";
import type { MetricSpec, WindowSpec } from "../window-spec.ts";
import { windowKeyRange } from "../window-key-range.ts";
import { parseStateKey } from "./state-key.ts";
import { WindowEngine } from "./window-engine.ts";
import { StoredEngine } from "./stored-engine.test-support.ts";
import { decodeWindow } from "./window-codec.ts";
import { LATE_WINDOWS_MAX } from "./window-engine.ts";
import type { WindowEngineOptions } from "./window-engine.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const metric: MetricSpec = { name: "t", unit: "°C", accumulate: ["mean"], isLive: true };
const minute: WindowSpec = {
  name: "minute",
  metric: "t",
  kind: "aligned",
  sizeMs: 60_000,
  slideMs: 60_000,
  offsetMs: 0,
  by: ["site"],
  latenessMs: 600_000,
};
const global: WindowSpec = { ...minute, name: "global", by: [] };

interface Site {
  readonly engine: StoredEngine;
  readonly membership: Membership;
  /** Hands one reading of an agent's only series to the engine. */
  read(labels: Labels, timeMs: number, value: number, nowMs: number): void;
  pass(agent: string, watermarkMs: number, pending?: Frontier["pending"]): void;
}

function plant(windows: readonly WindowSpec[], options: Partial<WindowEngineOptions> = {}): Site {
  const engine = new StoredEngine({ windows, metrics: [metric], ...options });
  const membership = new Membership();
  membership.join("a", "alpha", -1e9);
  membership.join("b", "beta", -1e9);
  engine.setMembership(membership);
  let number = 0;
  return {
    engine,
    membership,
    read(labels, timeMs, value, nowMs) {
      const table = new PaneTable("t", paneLayout(60_000, metric.accumulate), { rowsMax: 10 });
      table.add(0, timeMs, value);
      engine.apply(
        table.take(() => labels),
        nowMs,
      );
    },
    pass(agent, watermarkMs, pending = []) {
      engine.setFrontier(agent, testFrontier({ number: ++number, watermarkMs, pending }));
    },
  };
}

const brief = (results: readonly WindowResult[]) =>
  results.map((result) => [
    `${result.window}@${result.startMs}`,
    result.revision,
    result.state,
    result.values["count"],
    result.completeness.agentsMissing.join(),
  ]);

const byKey = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]) =>
  one < other ? -1 : 1;

test("windows that lack the same agents have one list of them between them", () => {
  const { engine, read, pass } = plant([global]);
  const both = (value: number, nowMs: number) => {
    for (const startMs of [0, 60_000]) read({ site: "alpha" }, startMs, value, nowMs);
    const [first, second] = engine.tick(nowMs);
    expect(first.completeness.agentsMissing).toEqual(["b"]);
    expect(second.completeness).toBe(first.completeness);
  };
  pass("a", 120_000);
  both(1, 130_000);
  engine.restart();
  both(2, 140_000);
});

test("a window is shown as soon as anything of it is there, then at most every emit interval", () => {
  const { engine, read } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 1_000);
  expect(engine.tick(1_000)).toEqual([
    {
      window: "global",
      metric: "t",
      group: {},
      startMs: 0,
      endMs: 60_000,
      revision: 1,
      state: "provisional",
      values: { count: 1, mean: 5, stddev: 0 },
      beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
      completeness: {
        agentsExpected: 2,
        agentsReporting: 0,
        agentsMissing: ["a", "b"],
        sitesExpected: 2,
        sitesReporting: 0,
        sitesMissing: ["alpha", "beta"],
      },
      updatedAtMs: 1_000,
    },
  ]);
  read({ site: "alpha" }, 1_100, 5, 1_100);
  read({ site: "beta" }, 1_100, 5, 1_100);
  expect(engine.tick(1_249)).toEqual([]);
  expect(brief(engine.tick(1_250))).toEqual([["global@0", 2, "provisional", 3, "a,b"]]);
  expect(engine.tick(9_000)).toEqual([]);
});

test("it is complete at once when every expected agent has passed, not before its end on central's clock", () => {
  const { engine, read, pass } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  engine.tick(59_000);
  pass("a", 60_000);
  pass("b", 61_000);
  expect(engine.tick(59_999)).toEqual([]);
  expect(brief(engine.tick(60_000))).toEqual([["global@0", 2, "complete", 1, ""]]);
  expect(engine.tick(70_000)).toEqual([]);
});

test("a window of one site waits for that site's agents only", () => {
  const { engine, read, pass } = plant([minute]);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  read({ site: "beta" }, 1_000, 5, 59_000);
  engine.tick(59_000);
  pass("b", 60_000);
  expect(
    engine.tick(60_000).map((result) => [result.group, result.state, result.completeness.agentsExpected]),
  ).toEqual([[{ site: "beta" }, "complete", 1]]);
});

test("when a site is missing, the window says so a grace after the first has passed, and completes when it is back", () => {
  const { engine, read, pass } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  engine.tick(59_000);
  pass("a", 65_000);
  expect(engine.tick(65_000)).toEqual([]);
  expect(engine.tick(66_999)).toEqual([]);
  expect(brief(engine.tick(67_000))).toEqual([["global@0", 2, "provisional", 1, "b"]]);
  expect(engine.tick(90_000)).toEqual([]);
  pass("b", 60_000);
  expect(brief(engine.tick(90_001))).toEqual([["global@0", 3, "complete", 1, ""]]);
});

test("a window that has ended and lacks a site is waited for until the grace is over: told once, at each revision, and after a restart", () => {
  const { engine, read, pass } = plant([global]);
  const waited = (nowMs: number) => {
    engine.tick(nowMs);
    return brief(engine.waitedFor);
  };
  read({ site: "alpha" }, 0, 1, 1_000);
  expect(waited(60_000)).toEqual([]);
  expect(waited(65_000)).toEqual([]);
  pass("a", 60_000);
  read({ site: "alpha" }, 1, 1, 65_500);
  // Shown with its new value, and with who is missing, before the grace is over.
  expect(waited(66_000)).toEqual([]);
  expect(waited(67_999)).toEqual([]);
  expect(waited(68_000)).toEqual([["global@0", 2, "provisional", 2, "b"]]);
  expect(waited(69_000)).toEqual([]);
  read({ site: "alpha" }, 2, 1, 70_000);
  expect(waited(70_000)).toEqual([["global@0", 3, "provisional", 3, "b"]]);
  engine.restart();
  expect(waited(71_000)).toEqual([["global@0", 3, "provisional", 3, "b"]]);
  pass("b", 60_000);
  expect(waited(72_000)).toEqual([]);
});

test("a window of which an agent lost some stays provisional and ends final with its name; complete ones stay complete", () => {
  const { engine, read, pass } = plant([global]);
  for (const timeMs of [1_000, 61_000, 121_000]) read({ site: "alpha" }, timeMs, 5, 121_000);
  for (const agent of ["a", "b"]) pass(agent, 60_000);
  expect(brief(engine.tick(121_000))[0]).toEqual(["global@0", 1, "complete", 1, ""]);
  engine.setLost("a", [{ startMs: 59_000, endMs: 119_000 }]);
  for (const agent of ["a", "b"]) pass(agent, 180_000);
  engine.restart();
  expect(brief(engine.tick(182_001))).toEqual([["global@120000", 2, "complete", 1, ""]]);
  const results = engine.tick(184_001);
  expect(brief(results)).toEqual([["global@60000", 2, "provisional", 1, "a"]]);
  expect(results[0].completeness.agentsWithLoss).toEqual(["a"]);
  expect(engine.tick(600_000)).toEqual([]);
  expect(brief(engine.tick(720_000))).toEqual([
    ["global@0", 2, "final", 1, ""],
    ["global@60000", 3, "final", 1, "a"],
  ]);
  expect(engine.finalToMs).toBe(120_000);
});

test("late data within the lateness revises a complete window, at most every revision interval; it stays complete", () => {
  const { engine, read, pass } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  pass("a", 60_000);
  pass("b", 60_000);
  expect(brief(engine.tick(60_000))).toEqual([["global@0", 1, "complete", 1, ""]]);
  read({ site: "beta" }, 2_000, 5, 60_100);
  expect(engine.tick(60_999)).toEqual([]);
  expect(brief(engine.tick(61_000))).toEqual([["global@0", 2, "complete", 2, ""]]);
});

test("a backlog shows every minute while it arrives, and completes its windows once it has left them", () => {
  const { engine, read, pass } = plant([global]);
  const pending = [{ startMs: 0, endMs: 120_000 }];
  read({ site: "alpha" }, 1_000, 5, 59_000);
  engine.tick(59_000);
  pass("a", 200_000);
  expect(brief(engine.tick(200_000))).toEqual([]);
  expect(brief(engine.tick(202_000))).toEqual([["global@0", 2, "provisional", 1, "b"]]);
  pass("b", 300_000, pending);
  read({ site: "beta" }, 1_000, 5, 210_000);
  expect(engine.tick(210_000)).toEqual([]);
  expect(engine.tick(261_999)).toEqual([]);
  expect(brief(engine.tick(262_000))).toEqual([["global@0", 3, "provisional", 2, "b"]]);
  read({ site: "beta" }, 1_500, 5, 262_100);
  expect(engine.tick(263_000)).toEqual([]);
  pass("b", 300_000, [{ startMs: 60_000, endMs: 120_000 }]);
  expect(brief(engine.tick(263_001))).toEqual([["global@0", 4, "complete", 3, ""]]);
});

test("a retired agent owes only what came before it left; one that joins later is not expected before", () => {
  const { engine, membership, read, pass } = plant([global]);
  for (const timeMs of [1_000, 61_000, 121_000]) read({ site: "alpha" }, timeMs, 5, 179_000);
  engine.tick(180_000);
  pass("a", 180_000);
  pass("b", 70_000);
  expect(brief(engine.tick(181_000))).toEqual([["global@0", 2, "complete", 1, ""]]);
  membership.retire("b", 70_000);
  membership.join("c", "gamma", 130_000);
  engine.setMembership(membership);
  expect(brief(engine.tick(181_001))).toEqual([["global@60000", 2, "complete", 1, ""]]);
  expect(brief(engine.tick(190_000))).toEqual([["global@120000", 2, "provisional", 1, "c"]]);
  pass("c", 180_000);
  expect(brief(engine.tick(190_001))).toEqual([["global@120000", 3, "complete", 1, ""]]);
});

test("when the lateness is over the window is final once; what comes later is counted, not merged", () => {
  const { engine, read, pass } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  pass("a", 60_000);
  engine.tick(63_000);
  expect(engine.tick(659_999)).toEqual([]);
  expect(brief(engine.tick(660_000))).toEqual([["global@0", 2, "final", 1, "b"]]);
  expect(engine.tick(700_000)).toEqual([]);
  const table = new PaneTable("t", paneLayout(60_000, metric.accumulate), { rowsMax: 10 });
  table.add(0, 2_000, 1);
  table.add(0, 100_000, 1);
  const rows = table.take(() => ({ site: "beta" }));
  expect(engine.apply(rows, 700_000)).toEqual({
    merged: 1,
    tooLate: 1,
    tooLateFromMs: 0,
    unwindowed: 0,
    revising: 0,
    late: [
      {
        window: "global",
        group: {},
        startMs: 0,
        endMs: 60_000,
        reason: "too_late",
        readings: 1,
        lateMs: 640_000,
      },
    ],
  });
  expect(engine.apply({ ...rows, metric: "unknown" }, 700_000)).toEqual({
    merged: 0,
    tooLate: 0,
    tooLateFromMs: null,
    unwindowed: 2,
    revising: 0,
    late: [],
  });
  expect([...engine.store.keys()].filter((key) => parseStateKey(key)?.startMs === 0)).toEqual(
    [...engine.store.keys()].filter((key) => key.startsWith("w|global|10000000000000|")),
  );
});

test("a clock days ahead of the trusted one shows windows, and neither makes one final nor takes data as too late", () => {
  const { engine, read, pass } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  pass("a", 60_000);
  pass("b", 60_000);
  expect(brief(engine.tick(60_000))).toEqual([["global@0", 1, "complete", 1, ""]]);
  expect(engine.tick(1e9, 90_000)).toEqual([]);
  read({ site: "alpha" }, 2_000, 6, 1e9);
  expect(brief(engine.tick(1e9, 92_000))).toEqual([["global@0", 2, "complete", 2, ""]]);
  engine.restart();
  expect(engine.tick(1e9, 659_999)).toEqual([]);
  expect(brief(engine.tick(1e9, 660_000))).toEqual([["global@0", 3, "final", 2, ""]]);
});

test("a clock that went back does not stretch the grace of a window that was first passed under it", () => {
  const { engine, membership, read, pass } = plant([global]);
  membership.join("c", "gamma", -1e9);
  engine.setMembership(membership);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  pass("a", 60_000);
  expect(brief(engine.tick(1e9, 60_000))).toEqual([["global@0", 1, "provisional", 1, "b,c"]]);
  engine.tick(60_000);
  pass("b", 60_000);
  expect(engine.tick(61_999)).toEqual([]);
  expect(brief(engine.tick(62_000))).toEqual([["global@0", 2, "provisional", 1, "c"]]);
});

test("what comes when the lateness is over and the final result is not out yet is in it: who passes lacks nothing", () => {
  const { engine, read, pass } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  pass("a", 60_000);
  engine.tick(63_000);
  // Central was down over the end of the lateness; the backlog is there before the first tick.
  read({ site: "beta" }, 2_000, 1, 700_000);
  pass("b", 690_000);
  expect(brief(engine.tick(700_000))).toEqual([["global@0", 2, "final", 2, ""]]);
});

test("a frontier ahead of central's clock is held back to it", () => {
  const { engine, read, pass } = plant([global], { maxFutureMs: 5_000 });
  read({ site: "alpha" }, 61_000, 5, 60_000);
  engine.tick(60_000);
  pass("a", 1e12);
  pass("b", 1e12);
  expect(engine.tick(119_999)).toEqual([]);
  expect(brief(engine.tick(120_000))).toEqual([["global@60000", 2, "complete", 1, ""]]);
});

test("an agent whose clock runs ahead does not complete windows before they end on central's clock", () => {
  const { engine, read, pass } = plant([global], { maxFutureMs: 5_000 });
  read({ site: "alpha" }, 1_000, 5, 50_000);
  engine.tick(50_000);
  pass("a", 64_000);
  pass("b", 64_000);
  expect(engine.tick(59_999)).toEqual([]);
  expect(brief(engine.tick(60_000))).toEqual([["global@0", 2, "complete", 1, ""]]);
});

test("where nobody is expected the window completes after the grace", () => {
  const { engine, read } = plant([minute]);
  read({ site: "ghost" }, 1_000, 5, 59_000);
  expect(brief(engine.tick(60_000))).toEqual([["minute@0", 1, "provisional", 1, ""]]);
  expect(engine.tick(61_999)).toEqual([]);
  expect(brief(engine.tick(62_000))).toEqual([["minute@0", 2, "complete", 1, ""]]);
});

test("a clock that goes back does not stop results", () => {
  const { engine, read } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 500_000);
  engine.tick(500_000);
  read({ site: "alpha" }, 1_000, 5, 60_000);
  expect(brief(engine.tick(60_000))).toEqual([["global@0", 2, "provisional", 2, "a,b"]]);
});

test("stored results are found by window and start, and read back as they were published", () => {
  const { engine, read } = plant([minute, global]);
  for (const timeMs of [-61_000, -1_000, 1_000]) read({ site: "alpha" }, timeMs, 5, 1_000);
  const published = engine.tick(1_000);
  const { from, to } = windowKeyRange("minute", -60_000, 60_000);
  const found = [...engine.store].filter(([key]) => from <= key && key < to).sort(byKey);
  expect(found.map(([, bytes]) => decodeWindow(bytes))).toEqual(
    published.filter((result) => result.window === "minute" && result.startMs >= -60_000),
  );
});

test("a backlog leaves memory as it is committed, not only every half minute", () => {
  const nowMs = 1e11;
  const { engine, pass } = plant([{ ...global, latenessMs: nowMs }], { panesComeMax: 500 });
  for (const agent of ["a", "b"]) pass(agent, nowMs);
  let panesMax = 0;
  for (let batch = 0; batch < 12; batch++) {
    const table = new PaneTable("t", paneLayout(60_000, metric.accumulate), { rowsMax: 100 });
    for (let row = 0; row < 100; row++) table.add(0, 60_000 * (row * 12 + batch), 1);
    engine.apply(
      table.take(() => ({})),
      nowMs + batch * 250,
    );
    engine.tick(nowMs + batch * 250);
    panesMax = Math.max(panesMax, engine.counts.panesInMemory);
    expect(engine.counts.windowsInMemory).toBeLessThanOrEqual(engine.counts.panesInMemory);
  }
  // Those of two batches are not yet committed, or not yet decided on.
  expect(panesMax).toBeLessThanOrEqual(700);
  expect(engine.stored()).toHaveLength(1_200);
});

test("more windows waiting for an agent than the bound: the oldest are let go, counted, and still revised and final", () => {
  const { engine, read, pass } = plant([global], { openWindowsMax: 3, hotMs: 60_000 });
  for (let start = 0; start < 600_000; start += 60_000) {
    read({ site: "alpha" }, start, 5, start + 60_000);
    pass("a", start + 60_000);
    for (let nowMs = start + 60_000; nowMs < start + 120_000; nowMs += 3_000) engine.tick(nowMs);
  }
  expect(engine.counts.windowsOpen).toBeLessThanOrEqual(5);
  expect(engine.counts.windowsForgotten).toBeGreaterThan(0);
  read({ site: "beta" }, 30_000, 5, 600_000);
  expect(brief(engine.tick(657_000))).toEqual([["global@0", 2, "provisional", 2, "b"]]);
  const finals = Array.from({ length: 60 }, (_, minutes) => engine.tick(660_000 + minutes * 60_000)).flat();
  expect(finals.map((result) => [result.startMs, result.state])).toEqual(
    Array.from({ length: 10 }, (_, index) => [index * 60_000, "final"]),
  );
});

/** Ticks until no more is due: what each gave, and the most that one of them put into the store. */
function ticksOf(engine: StoredEngine, fromMs: number, stepMs = 0) {
  const ticks: WindowResult[][] = [];
  let committedBytesMax = 0;
  do {
    ticks.push(engine.tick(fromMs + stepMs * ticks.length));
    committedBytesMax = Math.max(committedBytesMax, engine.committedBytes);
  } while (engine.isCutShort && ticks.length < 1_000);
  return { ticks, committedBytesMax };
}

test("where an agent's return ends very many windows, a tick takes up no more than its bound: the present first, then the oldest, each once", () => {
  const tickBytesMax = 20_000;
  const { engine, read, pass } = plant([{ ...global, by: ["machine"], latenessMs: 1e9 }], { tickBytesMax });
  const starts = Array.from({ length: 100 }, (_, index) => index * 60_000);
  for (const startMs of starts)
    for (const machine of ["1", "2", "3"]) read({ machine }, startMs, 5, startMs + 1_000);
  pass("a", 6_000_000);
  ticksOf(engine, 6_000_000);
  ticksOf(engine, 6_003_000);
  pass("b", 6_000_000);
  const { ticks, committedBytesMax } = ticksOf(engine, 6_006_000);
  expect(committedBytesMax).toBeLessThan(2 * tickBytesMax);
  expect(ticks.length).toBeGreaterThan(3);
  const complete = ticks.flat();
  expect(complete.map(({ state, completeness }) => [state, completeness.agentsMissing])).toEqual(
    complete.map(() => ["complete", []]),
  );
  const places = (results: readonly WindowResult[]) =>
    results.map(({ startMs, group }) => `${startMs} ${group["machine"]}`);
  const all = starts.flatMap((startMs) => ["1", "2", "3"].map((machine) => `${startMs} ${machine}`));
  const present = all.slice(-3);
  expect(places(ticks[0]).slice(-3)).toEqual(present);
  expect([...places(complete).filter((place) => !present.includes(place)), ...present]).toEqual(all);
  expect(engine.tick(6_006_000)).toEqual([]);
});

test("what waits for room when the engine is stopped is shown after it", () => {
  const { engine, read, pass } = plant([global], { tickBytesMax: 2_000 });
  const starts = Array.from({ length: 60 }, (_, index) => index * 60_000);
  for (const startMs of starts) read({ site: "alpha" }, startMs, 5, 3_600_000);
  pass("a", 3_600_000);
  pass("b", 3_600_000);
  const shown = new Map<number, string[]>();
  const note = (results: readonly WindowResult[]) => {
    for (const { startMs, revision, state } of results)
      shown.set(startMs, [...(shown.get(startMs) ?? []), `${revision} ${state}`]);
  };
  for (let count = 0; count < 5; count++) note(engine.tick(3_600_000));
  expect(engine.isCutShort).toBe(true);
  engine.restart();
  for (const results of ticksOf(engine, 3_600_250).ticks) note(results);
  for (const results of ticksOf(engine, 3_600_500).ticks) note(results);
  expect([...shown].sort(([one], [other]) => one - other)).toEqual(
    starts.map((startMs) => [startMs, startMs < 3_000_000 ? ["1 final"] : ["1 complete"]]),
  );
});

test("what waits for room is not let go though too many windows wait for agents", () => {
  const options = { tickBytesMax: 2_000, openWindowsMax: 30, hotMs: 1_000 };
  const { engine, read, pass } = plant([{ ...global, latenessMs: 1e9 }], options);
  const starts = Array.from({ length: 30 }, (_, index) => index * 60_000);
  for (const startMs of starts) read({ site: "alpha" }, startMs, 5, startMs);
  pass("a", 1_800_000);
  ticksOf(engine, 1_900_000);
  ticksOf(engine, 1_903_000);
  const present = Array.from({ length: 10 }, (_, index) => 1_900_000 + index * 60_000);
  for (const startMs of present) read({ site: "alpha" }, startMs, 5, 1_904_000);
  pass("b", 1_800_000);
  const complete = ticksOf(engine, 1_904_000, 60)
    .ticks.flat()
    .filter(({ state }) => state === "complete");
  expect(complete.map(({ startMs }) => startMs)).toEqual(starts);
});

test("windows that come from the store to become final do so, the oldest first, however little room there is", () => {
  const { engine, read, pass } = plant([{ ...global, latenessMs: 60_000 }], {
    tickBytesMax: 2_000,
    hotMs: 1_000,
  });
  const starts = Array.from({ length: 20 }, (_, index) => index * 60_000);
  for (const startMs of starts) read({ site: "alpha" }, startMs, 5, startMs);
  pass("a", 1_200_000);
  pass("b", 1_200_000);
  for (let nowMs = 1_200_000; nowMs < 1_210_000; nowMs += 60) engine.tick(nowMs, 0);
  expect(engine.counts.windowsInMemory).toBe(0);
  const { ticks } = ticksOf(engine, 1_300_000, 60);
  expect(ticks.length).toBeGreaterThan(3);
  expect(ticks.flat().map(({ startMs, state }) => [startMs, state])).toEqual(
    starts.map((startMs) => [startMs, "final"]),
  );
});

test("of windows of one start some are final while others have no room yet: those take what comes, these do not, and each is final once", () => {
  const window = { ...global, by: ["machine"], latenessMs: 60_000 };
  const { engine, read, pass } = plant([window], { tickBytesMax: 2_000, hotMs: 1_000 });
  const machines = Array.from({ length: 40 }, (_, machine) => String(10 + machine));
  for (const machine of machines) read({ machine }, 0, 5, 1_000);
  pass("a", 60_000);
  pass("b", 60_000);
  ticksOf(engine, 60_000);
  const first = engine.tick(120_000);
  expect(engine.isCutShort).toBe(true);
  expect(first.map(({ state }) => state)).toEqual(first.map(() => "final"));
  const finals = first.map(({ group }) => group["machine"]);
  read({ machine: finals[0] }, 1_000, 5, 120_000);
  read({ machine: machines.at(-1)! }, 1_000, 5, 120_000);
  const rest = ticksOf(engine, 120_000).ticks.flat();
  expect([...finals, ...rest.map(({ group }) => group["machine"])].sort()).toEqual(machines);
  const counts = engine.stored().map(({ values, state }) => [state, values["count"]]);
  expect(counts).toEqual(machines.map((machine) => ["final", machine === machines.at(-1) ? 2 : 1]));
  engine.tick(120_250);
  expect([...engine.store.keys()].filter((key) => key.startsWith("p|") || key.startsWith("o|"))).toEqual([]);
});

test("an accumulator that some agent does not send has no result, rather than one of part of the readings", () => {
  const { engine, read } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 1_000);
  const table = new PaneTable("t", paneLayout(20_000, ["max"]), { rowsMax: 10 });
  table.add(0, 21_000, 7);
  engine.apply(
    table.take(() => ({ site: "beta" })),
    1_000,
  );
  engine.restart();
  read({ site: "alpha" }, 2_000, 5, 1_000);
  expect(engine.tick(1_000).map(({ values }) => values)).toEqual([{ count: 3 }]);
});

test("more windows become final at once than are read at a time: each is final once, over some ticks", () => {
  const { engine, pass } = plant([{ ...global, by: ["machine"] }], { hotMs: 60_000 });
  const machines = 1_300;
  pass("a", 1e9);
  pass("b", 1e9);
  const finals: string[] = [];
  for (const startMs of [0, 60_000, 120_000]) {
    const table = new PaneTable("t", paneLayout(60_000, metric.accumulate), { rowsMax: 1e4 });
    for (let machine = 0; machine < machines; machine++) table.add(machine, startMs, 1);
    engine.apply(
      table.take((machine) => ({ machine: String(machine) })),
      startMs,
    );
    for (let nowMs = startMs; nowMs < startMs + 60_000; nowMs += 5_000) engine.tick(nowMs);
  }
  for (let nowMs = 180_000; nowMs < 500_000; nowMs += 5_000) engine.tick(nowMs);
  expect(engine.counts.windowsInMemory).toBe(0);
  engine.restart();
  for (let tick = 0; tick < 12; tick++) {
    for (const result of engine.tick(900_000 + tick))
      finals.push(`${result.startMs} ${result.group["machine"]} ${result.state}`);
  }
  expect(finals).toHaveLength(3 * machines);
  expect(new Set(finals).size).toBe(3 * machines);
  expect([...engine.store.keys()].filter((key) => key.startsWith("p|") || key.startsWith("o|"))).toEqual([]);
});

test("a shorter window added beside one: the running and the complete window keep what they hold, and their revisions", () => {
  const tenSeconds: WindowSpec = { ...global, name: "ten", sizeMs: 10_000, slideMs: 10_000 };
  const { engine, read, pass } = plant([global]);
  for (let second = 1; second <= 5; second++) {
    read({ site: "alpha" }, second * 1_000, 5, 59_000);
    read({ site: "alpha" }, 60_000 + second * 1_000, 5, 66_000);
  }
  pass("a", 60_000);
  pass("b", 60_000);
  expect(brief(engine.tick(66_000))).toEqual([
    ["global@0", 1, "complete", 5, ""],
    ["global@60000", 1, "provisional", 5, "a,b"],
  ]);
  engine.restart({ windows: [global, tenSeconds], metrics: [metric] });
  expect(engine.tick(67_000)).toEqual([]);
  const minutes = (results: readonly WindowResult[]) =>
    brief(results.filter((result) => result.window === "global"));
  for (const timeMs of [2_000, 62_000]) read({ site: "beta" }, timeMs, 5, 67_000);
  expect(minutes(engine.tick(68_000))).toEqual([
    ["global@0", 2, "complete", 6, ""],
    ["global@60000", 2, "provisional", 6, "a,b"],
  ]);
  engine.restart({ windows: [global], metrics: [metric] });
  read({ site: "beta" }, 3_000, 5, 69_000);
  expect(brief(engine.tick(70_000))).toEqual([["global@0", 3, "complete", 7, ""]]);
  const paneSizes = [...engine.store.keys()]
    .filter((key) => key.startsWith("p|"))
    .map((key) => key.slice(0, 10));
  expect(new Set(paneSizes)).toEqual(new Set(["p|t@60000:"]));
});

test("more panes than are moved at a time change their size: none is lost or counted twice", () => {
  const tenSeconds: WindowSpec = { ...global, name: "ten", sizeMs: 10_000, slideMs: 10_000 };
  const byMachine = (spec: WindowSpec): WindowSpec => ({ ...spec, by: ["machine"] });
  const { engine } = plant([byMachine(global), byMachine(tenSeconds)]);
  const machines = 700;
  const table = new PaneTable("t", paneLayout(10_000, metric.accumulate), { rowsMax: 1e4 });
  for (let machine = 0; machine < machines; machine++) {
    for (let timeMs = 0; timeMs < 60_000; timeMs += 10_000) table.add(machine, timeMs, 1);
  }
  engine.apply(
    table.take((machine) => ({ machine: String(machine) })),
    0,
  );
  engine.restart({ windows: [byMachine(global)], metrics: [metric] });
  expect(engine.tick(60_000).map((result) => result.values["count"])).toEqual(
    Array.from({ length: machines }, () => 6),
  );
});

test("readings for a window that was complete are told of: which window, how many, how late", () => {
  const { engine, read, pass } = plant([global]);
  read({ site: "alpha" }, 1_000, 5, 59_000);
  pass("a", 60_000);
  pass("b", 60_000);
  expect(brief(engine.tick(60_000))).toEqual([["global@0", 1, "complete", 1, ""]]);
  const table = new PaneTable("t", paneLayout(60_000, metric.accumulate), { rowsMax: 10 });
  table.add(0, 2_000, 1);
  table.add(0, 3_000, 1);
  const outcome = engine.apply(
    table.take(() => ({ site: "alpha" })),
    75_000,
  );
  expect(outcome).toMatchObject({ merged: 2, revising: 2, tooLate: 0 });
  const place = { window: "global", group: {}, startMs: 0, endMs: 60_000 };
  expect(outcome.late).toEqual([{ ...place, reason: "after_complete", readings: 2, lateMs: 15_000 }]);
});

test("of very many late windows only some are told of, and all are counted", () => {
  const { engine, read } = plant([{ ...global, latenessMs: 0 }]);
  read({ site: "alpha" }, 1e9, 5, 1e9);
  engine.tick(1e9);
  const table = new PaneTable("t", paneLayout(60_000, metric.accumulate), { rowsMax: 1_000 });
  for (let index = 0; index < 100; index++) table.add(0, index * 60_000, 1);
  const outcome = engine.apply(
    table.take(() => ({ site: "alpha" })),
    1e9,
  );
  expect([outcome.tooLate, outcome.late.length]).toEqual([100, LATE_WINDOWS_MAX]);
});

test("days of a time zone are windows of 23, 24 and 25 hours", () => {
  const latenessMs = 1e12;
  const day: WindowSpec = {
    name: "day",
    metric: "t",
    kind: "day",
    timeZone: "Europe/Berlin",
    by: [],
    latenessMs,
  };
  const { engine, read, pass } = plant([day, global]);
  const inMarch = Date.parse("2024-03-31T00:30+01:00");
  const inOctober = Date.parse("2024-10-27T23:30+01:00");
  read({ site: "alpha" }, inMarch - 3_600_000, 1, inMarch);
  read({ site: "alpha" }, inMarch, 2, inMarch);
  read({ site: "alpha" }, inMarch + 79_200_000, 4, inMarch);
  expect(lengthsOfDays(engine.tick(inMarch))).toEqual([
    [24, 1],
    [23, 2],
  ]);
  engine.restart();
  read({ site: "alpha" }, inOctober, 8, inOctober);
  pass("a", inOctober + 1_800_000);
  pass("b", inOctober + 1_800_000);
  expect(lengthsOfDays(engine.tick(inOctober + 1_800_000))).toEqual([
    [24, 1],
    [23, 2],
    [25, 1],
  ]);
});

function lengthsOfDays(results: readonly WindowResult[]): number[][] {
  return results
    .filter(({ window }) => window === "day")
    .map(({ startMs, endMs, values }) => [(endMs - startMs) / 3_600_000, values["count"]]);
}

test("the rows of a batch that is never applied, as a duplicate's, are not kept until the next tick", async () => {
  const engine = new WindowEngine({ windows: [global], metrics: [metric] });
  const ask = () => {
    const table = new PaneTable("t", paneLayout(60_000, metric.accumulate), { rowsMax: 10 });
    table.add(0, 1_000, 5);
    const rows = table.take(() => ({ site: "alpha" }));
    engine.needs(rows);
    return new WeakRef(rows);
  };
  const rows = ask();
  engine.forgetRows();
  // Until the turn's end a new WeakRef holds what it refers to (ECMA-262, KeepDuringJob).
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(rows.deref()).toBeUndefined();
});

test("of many windows that wait the newest are taken up at a restart, the others some with each tick, and none is lost", () => {
  const { engine, read, pass } = plant([minute], { restoredMax: 2, graceMs: 0 });
  const starts = Array.from({ length: 10 }, (_, index) => index * 60_000);
  for (const startMs of starts) read({ site: "alpha" }, startMs, 1, startMs + 1_000);
  engine.tick(600_000);
  engine.restart();
  // One that is still in the store only goes on all the same, and is not shown twice.
  read({ site: "alpha" }, 60_000, 2, 601_000);
  pass("a", 700_000);
  pass("b", 700_000);
  expect(brief(engine.tick(601_000)).map(([name, , state, count]) => [name, state, count])).toEqual([
    ["minute@60000", "complete", 2],
    ["minute@360000", "complete", 1],
    ["minute@420000", "complete", 1],
    ["minute@480000", "complete", 1],
    ["minute@540000", "complete", 1],
  ]);
  engine.restart();
  const later = [601_250, 601_500, 601_750].map((nowMs) => brief(engine.tick(nowMs)).map(([name]) => name));
  expect(later).toEqual([
    ["minute@120000", "minute@180000", "minute@240000", "minute@300000"],
    ["minute@0"],
    [],
  ]);
  expect(engine.counts.windowsOpen).toBe(0);
  expect(engine.stored().map(({ state }) => state)).toEqual(starts.map(() => "complete"));
});

test.each([true, false])(
  "what a restart takes up after its lateness is over is final once (shown before: %s)",
  (isShown) => {
    const { engine, read } = plant([minute], { restoredMax: 1 });
    for (const startMs of [0, 60_000, 120_000]) read({ site: "alpha" }, startMs, 1, startMs + 1_000);
    if (isShown) engine.tick(180_000);
    engine.restart();
    const ticks = Array.from({ length: 8 }, (_, index) => 780_000 + 250 * index);
    const shown = ticks.flatMap((nowMs) => brief(engine.tick(nowMs)));
    const final = shown.filter(([, , state]) => state === "final");
    expect(final.map(([name, , , count]) => [name, count])).toEqual([
      ["minute@0", 1],
      ["minute@60000", 1],
      ["minute@120000", 1],
    ]);
    expect([...engine.store.keys()].filter((key) => key.startsWith("o|"))).toEqual([]);
    expect(engine.counts.windowsOpen).toBe(0);
  },
);

test("an engine is not built of what makes no sense, and says why", () => {
  expect(() => plant([{ ...minute, slideMs: 90_000 }])).toThrow(
    "cannot compute window minute: slide 90000 ms must be at most the size, 60000 ms",
  );
  expect(() => plant([minute, { ...minute, sizeMs: 120_000, slideMs: 120_000 }])).toThrow(
    "two windows are named minute",
  );
  expect(() => plant([minute, { ...global, sizeMs: 60_050, slideMs: 60_050 }])).toThrow("50 ms in common");
  expect(() => plant([minute], { metrics: [] })).toThrow(
    "cannot compute window minute: there is no metric t",
  );
  expect(() => plant([minute], { openWindowsMax: 0 })).toThrow("openWindowsMax is 0, at least 1 is needed");
  expect(() => plant([minute], { graceMs: -1 })).toThrow("graceMs is -1, at least 0 is needed");
  expect(() => plant([minute], { hotMs: NaN })).toThrow("hotMs is NaN, at least 1 is needed");
});

test("windows of a stream of records are final by the stream's own time, however far the trusted one is ahead", () => {
  const metrics = [
    { name: "amount", unit: "1", accumulate: ["sum"], isLive: true, stream: "orders" },
    { name: "t", unit: "1", accumulate: ["sum"], isLive: true },
  ];
  const window = { kind: "aligned", sizeMs: 1_000, slideMs: 1_000, offsetMs: 0, by: [] } as const;
  const windows = metrics.map(({ name }) => ({
    ...window,
    name: `${name}_1s`,
    metric: name,
    latenessMs: 5_000,
  }));
  const engine = new WindowEngine({ metrics, windows });
  engine.setStreamTime("orders", 6_500);
  engine.tick(1e6, 1e6);
  expect(engine.finalToMs).toBe(995_000);
  expect(engine.finalToMsOf("orders")).toBe(1_000);
});
