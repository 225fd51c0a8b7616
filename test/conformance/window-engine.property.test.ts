// Any input, however it is split over panes, agents and deltas, in any order, with restarts anywhere, ends as the batch
// oracle says; and an engine that was restarted gives, tick for tick, what one gives that never stopped.
import fc from "fast-check";
import {
  decodeWindow,
  Membership,
  paneLayout,
  PaneTable,
  parseStateKey,
  readingCount,
} from "@millrace/stream";
import type {
  Frontier,
  MetricSpec,
  PaneRows,
  Quality,
  Reading,
  WindowResult,
  WindowSpec,
} from "@millrace/stream";
import { testFrontier } from "@millrace/testkit";
import { expect, test } from "vitest";
import { StoredEngine } from "../../packages/stream/src/engine/stored-engine.test-support.ts";
import { batchWindows, windowKey } from "./oracle/batch-windows.ts";
import { differenceFrom } from "./oracle/difference.ts";

const metrics: MetricSpec[] = [
  {
    name: "t",
    unit: "°C",
    accumulate: [
      "sum",
      "min",
      "max",
      "mean",
      "first",
      "last",
      "range",
      "ratio(2,0)",
      "histogram(-10,0,10)",
      "quantiles",
      "distinct",
      "topk",
    ],
    isLive: true,
  },
];
function windows(latenessMs: number): WindowSpec[] {
  return [
    {
      name: "tumbling",
      metric: "t",
      kind: "aligned",
      sizeMs: 2_000,
      slideMs: 2_000,
      offsetMs: 0,
      by: ["site", "line"],
      latenessMs,
    },
    {
      name: "sliding",
      metric: "t",
      kind: "aligned",
      sizeMs: 2_000,
      slideMs: 400,
      offsetMs: 0,
      by: ["site", "line"],
      latenessMs,
    },
    {
      name: "odd|%",
      metric: "t",
      kind: "aligned",
      sizeMs: 1_000,
      slideMs: 400,
      offsetMs: 0,
      by: [],
      latenessMs,
    },
    {
      name: "all",
      metric: "t",
      kind: "aligned",
      sizeMs: 4_000,
      slideMs: 2_000,
      offsetMs: 0,
      by: ["line", "missing"],
      latenessMs: latenessMs + 1_000,
    },
    {
      name: "off",
      metric: "t",
      kind: "aligned",
      sizeMs: 1_000,
      slideMs: 600,
      offsetMs: 200,
      by: [],
      latenessMs,
    },
    {
      name: "session",
      metric: "t",
      kind: "session",
      gapMs: 400,
      lengthMsMax: 2_000,
      by: ["site"],
      latenessMs,
    },
    { name: "short", metric: "t", kind: "session", gapMs: 200, lengthMsMax: 400, by: ["line"], latenessMs },
    {
      name: "rare",
      metric: "t",
      kind: "session",
      gapMs: 600,
      lengthMsMax: 1_200,
      by: ["site", "line"],
      latenessMs,
    },
  ];
}
const timing = {
  graceMs: 300,
  emitIntervalMs: 250,
  revisionIntervalMs: 500,
  backlogRevisionMs: 1_500,
  hotMs: 700,
};
const layout = paneLayout(200, metrics[0].accumulate);

const agents = [
  { agent: "a1", site: "alpha" },
  { agent: "a2", site: "alpha" },
  { agent: "b1", site: "beta" },
];
const series = agents.flatMap(({ site }, agent) =>
  ["1", '2|"', ""].map((line) => ({ agent, labels: { site, line, machine: `m${agent}` } })),
);

const reading = fc.record({
  series: fc.integer({ min: 0, max: series.length - 1 }),
  timeMs: fc.integer({ min: -3_000, max: 6_000 }),
  value: fc.oneof(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.constantFrom(0, -0, 1, 1)),
  quality: fc.constantFrom<Quality>("good", "good", "good", "uncertain", "bad"),
});
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant("readings" as const),
      readings: fc.array(reading, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("send" as const),
      agent: fc.nat({ max: 2 }),
      modulo: fc.integer({ min: 1, max: 3 }),
      order: fc.nat(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant("tick" as const), afterMs: fc.integer({ min: 0, max: 900 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("frontier" as const),
      agent: fc.nat({ max: 2 }),
      watermarkMs: fc.integer({ min: -3_000, max: 7_000 }),
      pendingMs: fc.option(fc.integer({ min: -3_000, max: 6_000 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("restart" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("membership" as const),
      agent: fc.nat({ max: 2 }),
      isIn: fc.boolean(),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function frontier(number: number, watermarkMs: number, pendingMs: number | null): Frontier {
  const pending = pendingMs === null ? [] : [{ startMs: pendingMs, endMs: pendingMs + 600 }];
  return testFrontier({ number, watermarkMs, pending });
}

interface Run {
  readonly results: WindowResult[][];
  readonly outcomes: object[];
  readonly engine: StoredEngine;
  readonly merged: number;
  readonly refused: number;
  readonly sent: number;
  readonly readings: Reading[];
}

/** Times of the steps count from here: 1970, where signs change; beyond what 32 bits number the panes of; long ago. */
const origin = fc.constantFrom(0, 1_800_000_000_000, -1_000_000_000_000);

interface Play {
  readonly steps: readonly Step[];
  readonly originMs: number;
  readonly latenessMs: number;
  readonly hasRestarts: boolean;
  /** Open windows that a restart takes up at once, and with each tick. */
  readonly restoredMax?: number;
  readonly tickBytesMax?: number;
  /** What becomes final, and has left memory, is read in pages of so many. */
  readonly dueEntriesMax?: number;
}

/** Plays the steps, then hands everything over and lets every agent pass everything, 60 s later. */
function play(options: Play): Run {
  const { steps, originMs, latenessMs, hasRestarts } = options;
  const { restoredMax = 1_000, tickBytesMax = Infinity, dueEntriesMax = 1_000 } = options;
  const bounds = { ...timing, restoredMax, tickBytesMax, dueEntriesMax };
  const engine = new StoredEngine({ windows: windows(latenessMs), metrics, ...bounds });
  const membership = new Membership();
  for (const { agent, site } of agents) membership.join(agent, site, originMs - 1e6);
  engine.setMembership(membership);
  const tables = agents.map(() => new PaneTable("t", layout, { rowsMax: 1e6 }));
  const results: WindowResult[][] = [];
  const outcomes: object[] = [];
  const readings: Reading[] = [];
  let [nowMs, merged, refused, sent, number] = [originMs, 0, 0, 0, 0];
  const labelsOf = (index: number) => series[index].labels;
  const send = (rows: PaneRows) => {
    if (rows.rowCount === 0) return;
    const outcome = engine.apply(rows, nowMs);
    outcomes.push(outcome);
    expect(outcome.unwindowed).toBe(0);
    merged += outcome.merged;
    refused += outcome.tooLate;
    sent += readingCount(rows);
  };
  /** With what of it had no room. */
  const tick = () => {
    const due = engine.tick(nowMs);
    for (let count = 1; engine.isCutShort; count++) {
      // After each it is longer to the next: of a start that is cut short, what is final is passed over anew.
      if (hasRestarts && Number.isInteger(Math.log2(count))) engine.restart();
      for (const result of engine.tick(nowMs)) due.push(result);
    }
    results.push(due);
  };
  const waiting: PaneRows[] = [];
  for (const next of steps) {
    switch (next.type) {
      case "readings":
        for (const one of next.readings) {
          const { agent, labels } = series[one.series];
          const timeMs = originMs + one.timeMs;
          if (one.quality === "good") tables[agent].add(one.series, timeMs, one.value);
          else tables[agent].addBeside(one.series, timeMs, one.quality);
          readings.push({
            metric: "t",
            labels,
            timeMs,
            value: one.value,
            quality: one.quality,
            hasOwnTime: true,
          });
        }
        break;
      case "send":
        waiting.push(
          tables[next.agent].take(labelsOf, {
            accept: (index, startMs) => (index + startMs / 200) % next.modulo === 0,
          }),
        );
        send(waiting.splice(next.order % waiting.length, 1)[0]);
        break;
      case "tick":
        nowMs += next.afterMs;
        tick();
        break;
      case "frontier": {
        const pendingMs = next.pendingMs === null ? null : originMs + next.pendingMs;
        const told = frontier(++number, originMs + next.watermarkMs, pendingMs);
        engine.setFrontier(agents[next.agent].agent, told);
        break;
      }
      case "restart":
        if (hasRestarts) engine.restart();
        break;
      case "membership": {
        const { agent, site } = agents[next.agent];
        if (next.isIn) membership.join(agent, site, nowMs);
        else membership.retire(agent, nowMs);
        engine.setMembership(membership);
      }
    }
  }
  for (const rows of waiting) send(rows);
  for (const table of tables) send(table.take(labelsOf));
  for (const { agent } of agents) engine.setFrontier(agent, frontier(++number, originMs + 1e6, null));
  if (hasRestarts) engine.restart();
  nowMs = Math.max(nowMs, originMs + 20_000);
  const lastTicks = 4 + 2_000 / restoredMax;
  for (let count = 0; count < lastTicks; count++) {
    nowMs += 700;
    tick();
  }
  return { results, outcomes, engine, merged, refused, sent, readings };
}

/** The greatest revision of each window; revisions must count up by one, and complete and final must stay. */
function latest(results: readonly WindowResult[][]): Map<string, WindowResult> {
  const last = new Map<string, WindowResult>();
  for (const tick of results) {
    for (const result of tick) {
      const key = windowKey(result.window, result.startMs, result.group);
      const previous = last.get(key);
      expect(result.revision).toBe((previous?.revision ?? 0) + 1);
      expect(previous?.state).not.toBe("final");
      // Other windows never wait again, but a session may that has become longer.
      if (previous?.state === "complete" && previous.endMs === result.endMs)
        expect(result.state).not.toBe("provisional");
      if (result.state === "complete") expect(result.completeness.agentsMissing).toEqual([]);
      if (previous !== undefined)
        expect({ ...result, revision: 0, updatedAtMs: 0 }).not.toEqual({
          ...previous,
          revision: 0,
          updatedAtMs: 0,
        });
      last.set(key, result);
    }
    expectNothingTwice(last.values());
  }
  return last;
}

/** What has been published of a group's sessions never overlaps. */
function expectNothingTwice(last: Iterable<WindowResult>): void {
  const endsMs = new Map<string, number>();
  for (const result of [...last].sort((a, b) => a.startMs - b.startMs)) {
    const spec = windows(0).find(({ name }) => name === result.window);
    if (spec?.kind !== "session" || result.mergedIntoMs !== undefined) continue;
    const key = windowKey(result.window, 0, result.group);
    expect(result.startMs).toBeGreaterThan(endsMs.get(key) ?? -Infinity);
    endsMs.set(key, result.endMs - spec.gapMs);
  }
}

/** Who follows a merged session comes to one that is shown. */
function expectMergedIsShown(result: WindowResult, last: ReadonlyMap<string, WindowResult>): void {
  let at: WindowResult | undefined = result;
  for (let step = 0; at?.mergedIntoMs !== undefined; step++) {
    expect(step).toBeLessThan(100);
    expect(at.values).toEqual({});
    at = last.get(windowKey(at.window, at.mergedIntoMs, at.group));
  }
  expect(at).toBeDefined();
}

function isShown(result: WindowResult): boolean {
  return result.mergedIntoMs === undefined;
}

const byKey = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]) =>
  one < other ? -1 : 1;

/** All at once, or so few that many wait for further ticks. */
const restored = fc.constantFrom(1_000, 5);

test("however readings are split, sent, delayed and interrupted, every window ends complete and as the oracle has it", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120, size: "max" }),
      origin,
      restored,
      (steps, originMs, restoredMax) => {
        const run = play({ steps, originMs, latenessMs: 1e9, hasRestarts: true, restoredMax });
        expect([run.merged, run.refused]).toEqual([run.sent, 0]);
        expect(run.sent).toBe(run.readings.length);
        const last = latest(run.results);
        const oracle = batchWindows(run.readings, windows(0), [{ ...metrics[0], paneMs: layout.paneMs }]);
        const shown = [...last].filter(([, result]) => isShown(result)).map(([key]) => key);
        expect(shown.sort()).toEqual([...oracle.keys()].sort());
        for (const result of last.values()) expectMergedIsShown(result, last);
        const computed = new Map(
          run.engine.computed(0).map((one) => [windowKey(one.window, one.startMs, one.group), one]),
        );
        for (const [key, expected] of oracle) {
          expect([key, last.get(key)!.state]).toEqual([key, "complete"]);
          expect(last.get(key)!.endMs).toBe(expected.endMs);
          // What is not published again is computed for whoever asks.
          expect(differenceFrom(computed.get(key)!, expected)).toBeUndefined();
          if (computed.get(key)!.computedAtMs === undefined)
            expect(differenceFrom(last.get(key)!, expected)).toBeUndefined();
        }
      },
    ),
    { numRuns: 40 },
  );
});

/** A session of a backlog that a reading moves, by its end alone, to what is shown at once. */
const MOVED_END: Step[] = [
  { type: "tick", afterMs: 3_459 },
  {
    type: "readings",
    readings: [
      { series: 0, timeMs: 2_010, value: 0, quality: "good" },
      { series: 3, timeMs: 2_000, value: 0, quality: "good" },
    ],
  },
  { type: "frontier", agent: 0, watermarkMs: 0, pendingMs: 1_541 },
  { type: "send", agent: 1, modulo: 1, order: 0 },
  { type: "tick", afterMs: 242 },
  { type: "restart" },
  { type: "send", agent: 0, modulo: 1, order: 14 },
  { type: "tick", afterMs: 9 },
];

test("an engine restarted anywhere gives, tick for tick, what one gives that never stopped", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120, size: "max" }),
      fc.constantFrom(1_000, 3_000, 1e9),
      origin,
      (steps, latenessMs, originMs) => {
        const whole = play({ steps, originMs, latenessMs, hasRestarts: false });
        const interrupted = play({ steps, originMs, latenessMs, hasRestarts: true });
        expect(interrupted.outcomes).toEqual(whole.outcomes);
        expect(interrupted.results).toEqual(whole.results);
        latest(whole.results);
        expect(whole.merged + whole.refused).toBe(whole.sent);
      },
    ),
    { numRuns: 40, examples: [[MOVED_END, 1_000, 1_800_000_000_000]] },
  );
});

/** A session that another one is merged into, where nobody is expected: it is complete by its grace alone. */
const MOVED_UNEXPECTED: Step[] = [
  { type: "membership", agent: 1, isIn: false },
  { type: "readings", readings: [{ series: 0, timeMs: 1_601, value: 0, quality: "good" }] },
  { type: "tick", afterMs: 453 },
  { type: "readings", readings: [{ series: 4, timeMs: 1_600, value: 0, quality: "good" }] },
  { type: "membership", agent: 0, isIn: false },
  { type: "send", agent: 0, modulo: 1, order: 20 },
  { type: "tick", afterMs: 899 },
  { type: "tick", afterMs: 57 },
  { type: "send", agent: 1, modulo: 3, order: 707_822_762 },
  { type: "tick", afterMs: 892 },
];

test("ticks that have room for a few results each, perhaps with restarts between them, give together what one tick gives", () => {
  const inOrder = ({ results }: Run) =>
    results.map((due) =>
      due
        .map((result) => [windowKey(result.window, result.startMs, result.group), result] as const)
        .sort(byKey),
    );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60, size: "max" }),
      fc.constantFrom(1_000, 3_000, 1e9),
      origin,
      fc.boolean(),
      fc.constantFrom(1, 3_000),
      (steps, latenessMs, originMs, hasRestarts, tickBytesMax) => {
        const whole = play({ steps, originMs, latenessMs, hasRestarts });
        const cut = play({ steps, originMs, latenessMs, hasRestarts, tickBytesMax });
        expect(cut.outcomes).toEqual(whole.outcomes);
        expect(inOrder(cut)).toEqual(inOrder(whole));
        expect([...cut.engine.store].sort(byKey)).toEqual([...whole.engine.store].sort(byKey));
        latest(cut.results);
      },
    ),
    { numRuns: 15, examples: [[MOVED_UNEXPECTED, 3_000, 1_800_000_000_000, false, 1]] },
  );
});

test("when the lateness is over every window with data is final once, stored as such, and its panes and marker are gone", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120, size: "max" }),
      origin,
      restored,
      fc.constantFrom(1, 3, 1_000),
      fc.constantFrom(3_000, Infinity),
      (steps, originMs, restoredMax, dueEntriesMax, tickBytesMax) => {
        const bounds = { restoredMax, dueEntriesMax, tickBytesMax };
        const run = play({ steps, originMs, latenessMs: 3_000, hasRestarts: true, ...bounds });
        const last = latest(run.results);
        for (const [key, result] of last) expect([key, result.state]).toEqual([key, "final"]);
        const stored = [...run.engine.store].map(([key, bytes]) => ({ parts: parseStateKey(key), bytes }));
        expect(stored.filter(({ parts }) => parts !== null && parts.kind !== "w")).toEqual([]);
        const results = stored
          .filter(({ parts }) => parts?.kind === "w")
          .map(({ bytes }) => decodeWindow(bytes));
        expect(
          results.map((one) => [windowKey(one.window, one.startMs, one.group), one] as const).sort(byKey),
        ).toEqual([...last].sort(byKey));
      },
    ),
    { numRuns: 40 },
  );
});

test("memory holds no more than what is hot or open", () => {
  const engine = new StoredEngine({ windows: windows(1e9), metrics, ...timing });
  const membership = new Membership();
  membership.join("a1", "alpha", -1e6);
  engine.setMembership(membership);
  const table = new PaneTable("t", layout, { rowsMax: 1e6 });
  let panesMost = 0;
  let windowsMost = 0;
  for (let nowMs = 0; nowMs < 100_000; nowMs += 200) {
    table.add(0, nowMs, nowMs);
    engine.apply(
      table.take(() => series[0].labels),
      nowMs,
    );
    engine.setFrontier("a1", frontier(nowMs, nowMs, null));
    engine.tick(nowMs);
    panesMost = Math.max(panesMost, engine.counts.panesInMemory);
    windowsMost = Math.max(windowsMost, engine.counts.windowsInMemory);
  }
  expect(panesMost).toBeLessThan(150);
  expect(windowsMost).toBeLessThan(100);
});
