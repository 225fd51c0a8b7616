// Windows that have left memory become final from the store: each read once and final once, however many groups begin at
// once, however little room a tick has, and whatever comes or stops meanwhile.
import fc from "fast-check";
import { expect, test } from "vitest";
import { paneLayout } from "../pane-layout.ts";
import { PaneTable } from "../pane-table.ts";
import type { WindowResult } from "../window-result.ts";
import type { AlignedWindowSpec, MetricSpec, WindowSpec } from "../window-spec.ts";
import { stateKey, windowKeyName } from "./state-key.ts";
import { StoredEngine } from "./stored-engine.test-support.ts";
import type { WindowEngineOptions } from "./window-engine.ts";

const LATENESS_MS = 600_000;
const metric: MetricSpec = { name: "t", unit: "", accumulate: ["sum"], isLive: true };
const minute: AlignedWindowSpec = {
  name: "minute",
  metric: "t",
  kind: "aligned",
  sizeMs: 60_000,
  slideMs: 60_000,
  offsetMs: 0,
  by: ["user"],
  latenessMs: LATENESS_MS,
};

const sliding: AlignedWindowSpec = { ...minute, name: "sliding", slideMs: 20_000 };
const sessions: WindowSpec = {
  name: "session",
  metric: "t",
  kind: "session",
  gapMs: 20_000,
  lengthMsMax: 60_000,
  by: ["user"],
  latenessMs: LATENESS_MS,
};

const layout = paneLayout(20_000, ["sum", "first", "last"]);
const firstOf = (user: number) => 1_000 + (user % 7);

/** Windows of so many groups, complete and out of memory. */
function leftMemory(
  groupCount: number,
  options: Partial<WindowEngineOptions>,
  window: WindowSpec = minute,
): StoredEngine {
  const engine = new StoredEngine({ windows: [window], metrics: [metric], hotMs: 1_000, ...options });
  const table = new PaneTable("t", layout, { rowsMax: 1e5 });
  for (let user = 0; user < groupCount; user++) table.add(user, firstOf(user), 1);
  engine.apply(
    table.take((user) => ({ user: `${user}` })),
    1_000,
  );
  for (let nowMs = 60_000; nowMs < 90_000; nowMs += 250) engine.tick(nowMs);
  expect(engine.counts.windowsInMemory).toBe(0);
  engine.readCounts.clear();
  return engine;
}

/** Ticks until no more is due. */
function ticksOf(engine: StoredEngine, nowMs: number, afterTick = () => {}): WindowResult[] {
  const results: WindowResult[] = [];
  let tickCount = 0;
  do {
    expect(tickCount++).toBeLessThan(10_000);
    for (const result of engine.tick(nowMs + tickCount)) results.push(result);
    afterTick();
  } while (engine.isCutShort);
  return results;
}

test("each group of a window is read once to become final, and no more are in memory than a tick reads, however many there are", () => {
  const room = { dueEntriesMax: 100, tickBytesMax: 100_000 };
  const cases = [
    { window: minute, groupCount: 1_000, starts: [0] },
    { window: minute, groupCount: 4_000, starts: [0] },
    { window: sliding, groupCount: 1_000, starts: [-40_000, -20_000, 0] },
    // Those of one pane become final together.
    { window: sessions, groupCount: 1_000, starts: null, inMemoryMax: 1_000 },
  ];
  for (const { window, groupCount, starts, inMemoryMax = 500 } of cases) {
    const engine = leftMemory(groupCount, room, window);
    const finals = ticksOf(engine, 120_000 + LATENESS_MS, () => {
      expect(engine.counts.windowsInMemory).toBeLessThanOrEqual(inMemoryMax);
    });
    const places = finals.map(({ startMs, group, state }) => `${startMs} ${group["user"]} ${state}`);
    const users = Array.from({ length: groupCount }, (_, user) => user);
    const all = users.flatMap((user) =>
      (starts ?? [firstOf(user)]).map((startMs) => `${startMs} ${user} final`),
    );
    expect(places.sort()).toEqual(all.sort());
    // Panes go some with each tick, where sessions lay a while later.
    for (let nowMs = 400_000; nowMs < 405_000; nowMs += 250) engine.tick(nowMs + LATENESS_MS);
    expect(engine.readCounts).toEqual(
      new Map([
        ["w", all.length],
        ["p", groupCount],
      ]),
    );
    expect([...engine.store.keys()].filter((key) => !/^[wfnv]/.test(key))).toEqual([]);
  }
});

test("a page that a tick has no room for stays in memory, and is not read again", () => {
  const engine = leftMemory(300, { dueEntriesMax: 100, tickBytesMax: 3_000, panesComeMax: 1 });
  const finals = ticksOf(engine, 60_000 + LATENESS_MS, () => {
    expect(engine.counts.windowsInMemory).toBeLessThanOrEqual(100);
  });
  expect(finals).toHaveLength(300);
  expect(engine.readCounts.get("w")).toBe(300);
});

test("windows in memory become final without the store, though others have left it", () => {
  const engine = leftMemory(10, { tickBytesMax: 3_000 });
  const table = new PaneTable("t", layout, { rowsMax: 1e5 });
  for (let user = 0; user < 100; user++) table.add(user, 61_000, 1);
  const nowMs = 60_000 + LATENESS_MS;
  engine.apply(
    table.take((user) => ({ user: `${user}` })),
    nowMs,
  );
  const finals = ticksOf(engine, nowMs + 60_000);
  expect(finals.filter(({ state }) => state === "final")).toHaveLength(110);
  expect(engine.readCounts.get("w")).toBe(10);
});

test("a pane that sessions begin in stays until all of them are final", () => {
  const engine = leftMemory(20, { dueEntriesMax: 5, tickBytesMax: 1 }, sessions);
  const nowMs = 120_000 + LATENESS_MS;
  engine.tick(nowMs);
  const table = new PaneTable("t", layout, { rowsMax: 10 });
  table.add(0, firstOf(6), 1);
  engine.apply(
    table.take(() => ({ user: "6" })),
    nowMs,
  );
  const finals = ticksOf(engine, nowMs);
  expect(finals.map(({ group, values }) => [group["user"], values["count"]])).toContainEqual(["6", 2]);
  expect(finals).toHaveLength(20);
});

const windows: AlignedWindowSpec[] = [
  minute,
  sliding,
  // Off the multiples of its size it is computed when asked for, and published anew only when it is final.
  { ...minute, name: "off", slideMs: 40_000, by: [] },
];
const metrics = [metric, { ...metric, name: "s" }];

const user = fc.nat({ max: 9 });
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("tick" as const),
      afterMs: fc.integer({ min: -20_000, max: 60_000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("reading" as const),
      user,
      timeMs: fc.integer({ min: 0, max: 240_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("restart" as const) }) },
);
const reading = fc.record({ user, timeMs: fc.nat({ max: 240_000 }) });

/** What each window of fixed place has taken, as far as it was not final when a reading came. */
class ExpectedWindows {
  readonly countOf = new Map<string, number>();
  readonly lastOf = new Map<string, WindowResult>();
  readonly #engine: StoredEngine;
  /** By window, what of the store it is made of. */
  readonly #panesOf = new Map<string, Set<string>>();

  constructor(engine: StoredEngine) {
    this.#engine = engine;
  }

  add(name: string, timeMs: number): void {
    for (const { slideMs, name: window, by } of windows) {
      const group = JSON.stringify(by.length === 0 ? [] : [name]);
      for (
        let startMs = Math.floor(timeMs / slideMs) * slideMs;
        startMs > timeMs - 60_000;
        startMs -= slideMs
      ) {
        const key = `${window} ${startMs} ${group}`;
        if (startMs < this.#finalToMs(window) || this.lastOf.get(key)?.state === "final") continue;
        this.countOf.set(key, (this.countOf.get(key) ?? 0) + 1);
        const panes = this.#panesOf.get(key) ?? new Set();
        this.#panesOf.set(
          key,
          panes.add(stateKey("p", `t@20000:${by.join()}`, Math.floor(timeMs / 20_000) * 20_000, group)),
        );
      }
    }
  }

  /** Revisions count up by one, and none comes after the final one; what a window may still need is there. */
  take(results: readonly WindowResult[]): void {
    for (const result of results) {
      const key = `${result.window} ${result.startMs} ${JSON.stringify(Object.values(result.group))}`;
      const before = this.lastOf.get(key);
      expect(before?.state).not.toBe("final");
      expect(result.revision).toBe((before?.revision ?? 0) + 1);
      this.lastOf.set(key, result);
    }
    for (const [key, panes] of this.#panesOf)
      if (this.lastOf.get(key)?.state !== "final")
        for (const pane of panes)
          expect([key, pane, this.#engine.store.has(pane)]).toEqual([key, pane, true]);
  }

  #finalToMs(window: string): number {
    const bytes = this.#engine.store.get(`f|${windowKeyName(window)}`);
    return bytes === undefined ? -Infinity : Number(new TextDecoder().decode(bytes));
  }
}

test("however little is read and shown at a time, whatever comes and wherever it stops meanwhile: each window is final once, with all that it took before", () => {
  fc.assert(
    fc.property(
      fc.array(reading, { minLength: 5, maxLength: 40, size: "max" }),
      fc.array(step, { maxLength: 80, size: "max" }),
      fc.constantFrom(1, 2, 5, 1_000),
      fc.constantFrom(1, 1_500, 4_000, Infinity),
      fc.constantFrom(1, 240),
      (readings, steps, dueEntriesMax, tickBytesMax, longWindowPanesMin) => {
        const bounds = { dueEntriesMax, tickBytesMax, hotMs: 1_000, panesComeMax: 1, longWindowPanesMin };
        const engine = new StoredEngine({
          windows: [...windows, { ...sessions, metric: "s" }],
          metrics,
          ...bounds,
        });
        const expected = new ExpectedWindows(engine);
        let nowMs = 300_000;
        let trustedMs = nowMs;
        let inSessions = 0;
        const read = ({ user, timeMs }: { readonly user: number; readonly timeMs: number }) => {
          const name = `${user}`;
          expected.add(name, timeMs);
          for (const metric of ["t", "s"]) {
            const table = new PaneTable(metric, layout, { rowsMax: 10 });
            table.add(0, timeMs, 1);
            const { merged } = engine.apply(
              table.take(() => ({ user: name })),
              nowMs,
            );
            if (metric === "s") inSessions += merged;
          }
        };
        const tick = () => {
          nowMs += 250;
          expected.take(engine.tick(nowMs, trustedMs));
        };
        for (const one of readings) read(one);
        for (let count = 0; count < 200 && (count < 40 || engine.isCutShort); count++) tick();
        trustedMs = LATENESS_MS;
        for (const next of steps) {
          if (next.type === "restart") engine.restart();
          else if (next.type === "reading") read(next);
          else {
            trustedMs += next.afterMs;
            tick();
          }
        }
        trustedMs = 1e9;
        for (let count = 0; count < 20 || engine.isCutShort; count++) {
          expect(count).toBeLessThan(5_000);
          tick();
        }
        const leftOver = () => [...engine.store.keys()].filter((key) => !/^[mnvwf]/.test(key));
        for (let count = 0; count < 500 && leftOver().length > 0; count++) tick();
        const stored = new Map([...expected.lastOf].filter(([, { window }]) => window !== "session"));
        expect(new Map([...stored].map(([key, { values }]) => [key, values["count"]]))).toEqual(
          expected.countOf,
        );
        const shown = [...expected.lastOf.values()].filter(({ mergedIntoMs }) => mergedIntoMs === undefined);
        expect(shown.map(({ state }) => state)).toEqual(shown.map(() => "final"));
        const counts = shown
          .filter(({ window }) => window === "session")
          .map(({ values }) => values["count"]);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(inSessions);
        expect(leftOver()).toEqual([]);
      },
    ),
    { numRuns: 30 },
  );
});
