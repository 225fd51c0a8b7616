// Sessions: where they begin and end to the millisecond, how late readings bring them together, and what readers see of it.
import { testFrontier } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Membership } from "../membership.ts";
import { paneLayout } from "../pane-layout.ts";
import { PaneTable } from "../pane-table.ts";
import type { WindowResult } from "../window-result.ts";
import type { MetricSpec, SessionWindowSpec } from "../window-spec.ts";
import { decodeSessions, encodeSessions } from "./session-codec.ts";
import type { SessionPart } from "./session-book.ts";
import { parseStateKey } from "./state-key.ts";
import { StoredEngine } from "./stored-engine.test-support.ts";

const metric: MetricSpec = { name: "t", unit: "A", accumulate: ["sum"], isLive: true };
const run: SessionWindowSpec = {
  name: "run",
  metric: "t",
  kind: "session",
  gapMs: 1_000,
  lengthMsMax: 10_000,
  by: [],
  latenessMs: 1e9,
};

function plant(spec: Partial<SessionWindowSpec> = {}, accumulate = ["sum", "first", "last"], graceMs = 0) {
  const engine = new StoredEngine({
    windows: [{ ...run, ...spec }],
    metrics: [metric],
    graceMs,
    hotMs: 2_000,
  });
  const membership = new Membership();
  membership.join("a", "alpha", -1e9);
  engine.setMembership(membership);
  let number = 0;
  return {
    engine,
    read(nowMs: number, ...timesMs: number[]) {
      const table = new PaneTable("t", paneLayout(1_000, accumulate), { rowsMax: 10_000 });
      for (const timeMs of timesMs) table.add(0, timeMs, 1);
      return engine.apply(
        table.take(() => ({})),
        nowMs,
      );
    },
    uncertain(nowMs: number, timeMs: number) {
      const table = new PaneTable("t", paneLayout(1_000, accumulate), { rowsMax: 100 });
      table.addBeside(0, timeMs, "uncertain");
      return engine.apply(
        table.take(() => ({})),
        nowMs,
      );
    },
    pass(watermarkMs: number, agent = "a") {
      engine.setFrontier(agent, testFrontier({ number: ++number, watermarkMs }));
    },
  };
}

/** start–end, state, revision, and the count or where it went. */
function brief(results: readonly WindowResult[]): string[] {
  return results.map(({ startMs, endMs, state, revision, values, mergedIntoMs }) => {
    const content = mergedIntoMs === undefined ? `${values["count"]}` : `into ${mergedIntoMs}`;
    return `${startMs}–${endMs} ${state} ${revision}: ${content}`;
  });
}

test("a silence of exactly the gap goes on, one of a millisecond more ends the session", () => {
  const { engine, read } = plant();
  read(100, 1_500, 2_500, 3_501);
  expect(brief(engine.tick(100))).toEqual(["1500–3500 provisional 1: 2", "3501–4501 provisional 1: 1"]);
});

test("a session is complete when its gap has been passed, not before", () => {
  const { engine, read, pass } = plant();
  read(1_500, 1_500);
  pass(2_500);
  expect(brief(engine.tick(2_500))).toEqual(["1500–2500 provisional 1: 1"]);
  pass(2_501);
  expect(brief(engine.tick(2_600))).toEqual(["1500–2500 complete 2: 1"]);
});

test.each([false, true])(
  "a late reading brings two sessions together, the later one is taken back (restart: %s)",
  (isRestarted) => {
    const { engine, read, pass } = plant();
    read(2_000, 1_000);
    read(3_000, 2_800);
    pass(4_000);
    expect(brief(engine.tick(5_000))).toEqual(["1000–2000 complete 1: 1", "2800–3800 complete 1: 1"]);
    if (isRestarted) engine.restart();
    expect(read(60_000, 1_900)).toMatchObject({ merged: 1, revising: 1 });
    if (isRestarted) engine.restart();
    expect(brief(engine.tick(60_000))).toEqual([
      "1000–3800 complete 2: 3",
      "2800–3800 complete 2: into 1000",
    ]);
    if (isRestarted) engine.restart();
    // Many memory sweeps later an earlier reading moves the start.
    for (let nowMs = 61_000; nowMs < 70_000; nowMs += 100) expect(engine.tick(nowMs)).toEqual([]);
    read(70_000, 900);
    expect(brief(engine.tick(70_000))).toEqual(["900–3800 complete 1: 4", "1000–3800 complete 3: into 900"]);
  },
);

test.each([false, true])(
  "what merges when the lateness is over and the final result is not out yet is in both in one tick (restart: %s)",
  (isRestarted) => {
    const { engine, read, pass } = plant({ latenessMs: 5_000 });
    read(2_000, 1_000);
    read(3_000, 2_800);
    pass(4_000);
    engine.tick(5_000);
    if (isRestarted) engine.restart();
    expect(read(18_000, 1_900)).toMatchObject({ merged: 1, tooLate: 0 });
    if (isRestarted) engine.restart();
    expect(brief(engine.tick(18_000))).toEqual(["1000–3800 final 2: 3", "2800–3800 complete 2: into 1000"]);
    expect(read(18_100, 1_950)).toMatchObject({ merged: 0, tooLate: 1 });
  },
);

test("a session that nobody has seen is merged without a word", () => {
  const { engine, read } = plant();
  read(0, 1_000);
  read(0, 400);
  expect(brief(engine.tick(0))).toEqual(["400–2000 provisional 1: 2"]);
  engine.restart();
  expect(engine.tick(1_000)).toEqual([]);
  expect([...engine.store.keys()].filter((key) => key.startsWith("o|"))).toHaveLength(1);
});

test("a complete session that goes on waits for its new end", () => {
  const { engine, read, pass } = plant();
  read(1_000, 1_000);
  pass(2_001);
  expect(brief(engine.tick(3_000))).toEqual(["1000–2000 complete 1: 1"]);
  read(4_000, 2_000);
  expect(brief(engine.tick(4_000))).toEqual(["1000–3000 provisional 2: 2"]);
  engine.restart();
  pass(3_001);
  expect(brief(engine.tick(5_000))).toEqual(["1000–3000 complete 3: 2"]);
});

test("one that becomes longer than the greatest length is cut at its multiples, one that only lies across a line is not", () => {
  const { engine, read } = plant();
  const times = (fromMs: number, toMs: number) =>
    Array.from({ length: (toMs - fromMs) / 1_000 + 1 }, (_, index) => fromMs + index * 1_000);
  read(0, ...times(5_000, 15_000));
  expect(brief(engine.tick(0))).toEqual(["5000–16000 provisional 1: 11"]);
  read(1_000, 16_000);
  expect(brief(engine.tick(1_000))).toEqual(["5000–10000 provisional 2: 5", "10000–17000 provisional 1: 7"]);
  read(2_000, ...times(17_000, 35_000));
  expect(brief(engine.tick(2_000))).toEqual([
    "10000–20000 provisional 2: 10",
    "20000–30000 provisional 1: 10",
    "30000–36000 provisional 1: 6",
  ]);
  expect(engine.counts.sessionsInMemory).toBe(4);
});

test("where the times inside a pane are not known, a session is made of whole panes", () => {
  const { engine, read } = plant({}, ["sum"]);
  read(0, 1_500, 2_500, 4_500);
  expect(brief(engine.tick(0))).toEqual(["1000–3999 provisional 1: 2", "4000–5999 provisional 1: 1"]);
});

test("a reading that is not good makes no session, and is counted beside the one in whose panes it lies", () => {
  const { engine, read, uncertain } = plant();
  expect(uncertain(0, 2_900)).toMatchObject({ merged: 1 });
  expect(engine.tick(0)).toEqual([]);
  read(300, 2_000, 3_000);
  expect(engine.tick(300)).toMatchObject([
    { startMs: 2_000, values: { count: 2 }, beside: { uncertain: 1 } },
  ]);
});

test("a session is final its lateness after the greatest length, and takes nothing then, nor is continued", () => {
  const { engine, read, pass } = plant({ latenessMs: 5_000 });
  read(9_000, 8_500, 9_000);
  pass(1e6);
  expect(brief(engine.tick(20_000))).toEqual(["8500–10000 complete 1: 2"]);
  expect(read(24_900, 9_900)).toMatchObject({ merged: 1 });
  // 8,500 + 10,000 + 1,000 + 5,000, to the next multiple of the gap.
  expect(brief(engine.tick(25_000))).toEqual(["8500–10900 final 2: 3"]);
  engine.restart();
  expect(read(25_000, 9_500)).toMatchObject({
    merged: 0,
    tooLate: 1,
    late: [{ startMs: 8_500, reason: "too_late" }],
  });
  read(25_000, 10_500);
  expect(brief(engine.tick(25_500))).toEqual(["10500–11500 complete 1: 1"]);
  engine.tick(1e6);
  engine.tick(1e6);
  expect([...engine.store.keys()].map((key) => key.slice(0, 6)).sort()).toEqual([
    "f|run",
    "n|run",
    "v|t@:",
    "w|run|",
    "w|run|",
  ]);
});

test("after its gap has been changed a session window begins anew, and what was stored of it does no harm", () => {
  const { engine, read, pass } = plant();
  read(2_000, 1_000);
  engine.tick(2_000);
  engine.restart({ windows: [{ ...run, gapMs: 2_000 }], metrics: [metric], graceMs: 0 });
  expect(engine.tick(3_000)).toEqual([]);
  read(4_000, 3_000);
  pass(5_001);
  expect(brief(engine.tick(5_001))).toEqual(["3000–5000 complete 1: 1"]);
  expect([...engine.store.keys()].filter((key) => key.startsWith("o|"))).toEqual([]);
});

/** What the store says of where sessions lie, by start of the page. */
function storedSessions(engine: StoredEngine) {
  const pages = new Map<number, { key: string; bytes: Uint8Array; parts: readonly SessionPart[] }>();
  for (const [key, bytes] of engine.store) {
    if (!key.startsWith("s|")) continue;
    const { parts } = decodeSessions(bytes)!;
    pages.set(parseStateKey(key)!.startMs, { key, bytes, parts });
  }
  return pages;
}

test("with thousands of sessions a reading writes only those near it again", () => {
  const { engine, read } = plant({ lengthMsMax: 1e8 });
  read(6e6, ...Array.from({ length: 3_000 }, (_, index) => index * 2_000));
  const before = storedSessions(engine);
  // Two that it brings together lie in two pages.
  read(6e6, 31_500, 31_600, 32_500);
  const changed = [...storedSessions(engine)].filter(
    ([pageMs, { bytes }]) => before.get(pageMs)?.bytes !== bytes,
  );
  expect(changed.map(([pageMs]) => pageMs)).toEqual([0, 32_000]);
  for (const [, { bytes }] of changed) expect(bytes.length).toBeLessThan(600);
});

test("where sessions lie is the same after a restart at any point, in pages of few parts, and gone once all are final", () => {
  const times = fc.array(
    fc.array(fc.integer({ min: -60_000, max: 60_000 }), { minLength: 1, maxLength: 20 }),
    {
      maxLength: 10,
    },
  );
  fc.assert(
    fc.property(times, fc.constantFrom(2_000, 50_000, 1e6), (batches, lengthMsMax) => {
      const [whole, stopped] = [plant({ lengthMsMax }), plant({ lengthMsMax })];
      for (const batch of batches) {
        for (const { read } of [whole, stopped]) read(70_000, ...batch);
        stopped.engine.restart();
        expect(brief(stopped.engine.tick(70_000))).toEqual(brief(whole.engine.tick(70_000)));
        expect(stopped.engine.counts.sessionsInMemory).toBe(whole.engine.counts.sessionsInMemory);
        expect(storedSessions(stopped.engine)).toEqual(storedSessions(whole.engine));
        for (const { parts } of storedSessions(whole.engine).values()) expect(parts.length).toBeLessThan(34);
      }
      expect(stopped.engine.counts.unreadable).toBe(0);
      whole.engine.tick(1e10);
      expect(storedSessions(whole.engine).size).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test("sessions that an older program stored in one piece are taken up, and stored in pages", () => {
  const timesMs = [1_000, 30_000, 40_000, 90_000, 99_000];
  const { engine, read } = plant({ lengthMsMax: 100_000 });
  read(100_000, ...timesMs);
  engine.tick(100_000);
  const pages = storedSessions(engine);
  expect([...pages.keys()]).toEqual([0, 32_000, 64_000, 96_000]);
  const parts = [...pages.values()].flatMap((page) => page.parts);
  for (const { key } of pages.values()) engine.store.delete(key);
  engine.store.set(
    pages.get(0)!.key,
    encodeSessions({ gapMs: 1_000, lengthMsMax: 100_000, of: null }, parts),
  );
  engine.restart();
  read(101_000, 90_500);
  expect(brief(engine.tick(101_000))).toEqual(["90000–91500 provisional 2: 2"]);
  expect([...storedSessions(engine).keys()].sort((a, b) => a - b)).toEqual([0, 32_000, 64_000, 96_000]);
  engine.restart();
  expect(engine.counts).toMatchObject({ sessionsInMemory: 5, unreadable: 0 });
});

test("what cannot be read of where sessions lie is counted, not thrown", () => {
  const { engine, read } = plant();
  read(2_000, 1_000);
  engine.tick(2_000);
  for (const key of engine.store.keys()) if (key.startsWith("s|")) engine.store.set(key, new Uint8Array(3));
  engine.restart();
  expect(engine.counts.unreadable).toBe(1);
  read(3_000, 1_200);
  expect(brief(engine.tick(4_000))).toEqual(["1000–2200 provisional 2: 2"]);
});

test("a session that continues a final one stays what it was, when what lies before that one is forgotten", () => {
  const { engine, read, pass } = plant({ gapMs: 1_000, lengthMsMax: 2_000, latenessMs: 0 });
  pass(1e6);
  // Three parts, each within a gap of the next: the first two are one session, the third is its own.
  read(4_900, 1_950, 2_900, 3_100, 4_050);
  expect(brief(engine.tick(4_900))).toEqual(["1950–4100 complete 1: 3", "4050–5050 provisional 1: 1"]);
  for (let nowMs = 5_000; nowMs <= 7_600; nowMs += 100) {
    engine.tick(nowMs);
    engine.restart();
  }
  expect(read(7_600, 4_500)).toMatchObject({ merged: 1 });
  expect(brief(engine.tick(9_000))).toEqual(["4050–5500 final 3: 2"]);
});

test("a session beside a final one becomes longer without the final one being said again", () => {
  const { engine, read, pass } = plant({ latenessMs: 0 });
  pass(1e6);
  read(12_000, 1_500);
  expect(brief(engine.tick(13_000))).toEqual(["1500–2500 final 1: 1"]);
  read(13_000, 2_300);
  read(13_000, 3_100);
  expect(brief(engine.tick(13_000))).toEqual(["2300–4100 complete 1: 2"]);
  expect(brief(engine.tick(20_000))).toEqual(["2300–4100 final 2: 2"]);
});

test.each([false, true])(
  "the grace of a session that waits again begins anew (restart: %s)",
  (isRestarted) => {
    const { engine, read, pass } = plant({}, undefined, 1_000);
    const membership = new Membership();
    for (const agent of ["a", "b"]) membership.join(agent, "alpha", -1e9);
    engine.setMembership(membership);
    read(1_000, 1_000);
    pass(2_001, "a");
    pass(2_001, "b");
    expect(brief(engine.tick(3_000))).toEqual(["1000–2000 complete 1: 1"]);
    if (isRestarted) engine.restart();
    read(4_000, 2_000);
    expect(brief(engine.tick(4_000))).toEqual(["1000–3000 provisional 2: 2"]);
    pass(3_001, "a");
    expect(engine.tick(6_000)).toEqual([]);
    expect(engine.tick(7_000)).toMatchObject([{ revision: 3, completeness: { agentsMissing: ["b"] } }]);
  },
);

test("sessions of many groups that move at once are all shown in their tick, however little room its parts have", () => {
  const fine = { ...run, name: "fine", kind: "aligned", sizeMs: 1_000, slideMs: 1_000, offsetMs: 0 } as const;
  const engine = new StoredEngine({
    windows: [
      { ...run, by: ["machine"] },
      { ...fine, by: ["machine"] },
    ],
    metrics: [metric],
    graceMs: 0,
    tickBytesMax: 1,
  });
  const readAll = (nowMs: number, timeMs: number) => {
    const table = new PaneTable("t", paneLayout(1_000, ["sum", "first", "last"]), { rowsMax: 100 });
    for (let machine = 0; machine < 5; machine++) table.add(machine, timeMs, 1);
    engine.apply(
      table.take((machine) => ({ machine: `m${machine}` })),
      nowMs,
    );
    const shown: WindowResult[] = [];
    do for (const result of engine.tick(nowMs)) shown.push(result);
    while (engine.isCutShort);
    return shown;
  };
  readAll(3_000, 2_500);
  readAll(3_500, 1_200);
  // Each group's two sessions become one.
  const merged = readAll(4_000, 1_900).filter(({ window }) => window === "run");
  expect(brief(merged).filter((each) => each.includes("into"))).toHaveLength(5);
});
