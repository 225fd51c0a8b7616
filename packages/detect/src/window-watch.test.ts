// Rules on windows at central: the alarms are those that the definition makes of the windows as they are in the end, whatever
// came late, was corrected or taken back, and wherever a process died.
import type { WindowResult } from "@millrace/stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AlarmEvent } from "./alarm-event.ts";
import { type JudgedWindow, WINDOWS_KEPT } from "./judged-windows.ts";
import type { Condition, WindowRuleSpec } from "./rule-spec.ts";
import { type WatchedGroupState, WindowWatch } from "./window-watch.ts";

const STEP_MS = 10;
const PAGE_MS = 40;
const FOR_MS = 35;
const RULE: WindowRuleSpec = {
  name: "rule",
  metric: "m",
  window: { name: "w", value: "mean" },
  when: { kind: "above", limit: 5, clear: 5, forAtLeastMs: 0 },
  severity: 500,
  message: "it is so",
  action: null,
  judgedAt: "complete",
  reportingMin: 0,
  isLatched: false,
};
const LEVELS: Condition = {
  kind: "levels",
  levels: {
    lowLow: { limit: 1, severity: 900 },
    low: { limit: 3, severity: 300 },
    high: { limit: 6, severity: 400 },
    highHigh: { limit: 8, severity: 800 },
  },
  hysteresis: 1,
  forAtLeastMs: 0,
};
const CONDITIONS: readonly Condition[] = [
  RULE.when,
  { kind: "above", limit: 5, clear: 3, forAtLeastMs: 0 },
  { kind: "below", limit: 5, clear: 7, forAtLeastMs: 2 * STEP_MS },
  LEVELS,
  {
    kind: "rateOfChange",
    slope: { kind: "above", limit: 3, clear: 1, forAtLeastMs: 0 },
    perMs: STEP_MS,
    overMs: null,
  },
  { kind: "missing", forMs: FOR_MS, forAtLeastMs: 0 },
];
const MOMENT = { nowMs: 0, awakeMs: null, historicalBeforeMs: -Infinity };

/** A revision of the window at a place; null: nothing is in it any more. */
interface Shown {
  readonly place: number;
  readonly value: number | null;
}

const shown: fc.Arbitrary<Shown> = fc.record({
  place: fc.integer({ min: 0, max: 40 }),
  value: fc.option(fc.integer({ min: 0, max: 10 }), { freq: 8 }),
});

function result(
  place: number,
  value: number | null,
  more: Partial<WindowResult> & { readonly name?: string } = {},
): WindowResult {
  const { name = "mean", ...rest } = more;
  return {
    window: "w",
    metric: "m",
    group: { site: "a" },
    startMs: place * STEP_MS,
    endMs: (place + 1) * STEP_MS,
    revision: 1,
    state: "complete",
    values: value === null ? { count: 0 } : { count: 1, [name]: value },
    beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
    completeness: {
      agentsExpected: 2,
      agentsReporting: 2,
      agentsMissing: [],
      sitesExpected: 2,
      sitesReporting: 2,
      sitesMissing: [],
    },
    updatedAtMs: 0,
    ...rest,
  };
}

/** A watch with a store, that can die at any point. */
class StoredWatch {
  readonly #rule: WindowRuleSpec;
  readonly #states = new Map<string, string>();
  readonly #pages = new Map<string, Map<number, string>>();
  /** The latest step of each alarm, as the book has it. */
  readonly alarms = new Map<string, AlarmEvent>();
  stepCount = 0;
  /** A group's state was stored that the store had. */
  isStoredAnew = false;
  #watch: WindowWatch;

  constructor(rule: WindowRuleSpec, onlyGrows = true, groupsMax = 10) {
    this.#rule = rule;
    this.#new = () =>
      new WindowWatch(this.#rule, { hasRoom: (count) => count < groupsMax, pageMs: PAGE_MS, onlyGrows });
    this.#watch = this.#new();
  }

  readonly #new: () => WindowWatch;

  get watch(): WindowWatch {
    return this.#watch;
  }

  show(window: WindowResult, isWaitedFor = false, awakeMs: number | null = null): void {
    this.#watch.judge({ result: window, isWaitedFor }, { ...MOMENT, awakeMs });
  }

  tick(timeMs: number, awakeMs: number | null = null): void {
    this.#watch.tick(timeMs, { ...MOMENT, awakeMs });
  }

  commit(): void {
    for (const event of this.#watch.takeEvents()) {
      // As the book does: an equal or later step is there already.
      expect(event.step).toBe((this.alarms.get(event.id)?.step ?? 0) + 1);
      this.alarms.set(event.id, event);
      this.stepCount += 1;
    }
    for (const { key, state, pages } of this.#watch.takeChanged()) {
      const stored = this.#pages.get(key) ?? new Map<number, string>();
      this.#pages.set(key, stored);
      for (const page of pages) {
        const windows = this.#watch.page(key, page);
        if (windows.length === 0) stored.delete(page);
        else stored.set(page, JSON.stringify(windows));
      }
      if (state === null) this.#states.delete(key);
      else if (state !== undefined) {
        const text = JSON.stringify(state);
        this.isStoredAnew ||= text === this.#states.get(key);
        this.#states.set(key, text);
      }
    }
  }

  crash(): void {
    this.#watch = this.#new();
    for (const [key, text] of this.#states) {
      const state: WatchedGroupState = JSON.parse(text);
      const windows = [...(this.#pages.get(key)?.values() ?? [])].flatMap((page): JudgedWindow[] =>
        JSON.parse(page),
      );
      this.#watch.restore(state, windows);
    }
  }

  get storedCount(): number {
    return this.#states.size + [...this.#pages.values()].reduce((sum, pages) => sum + pages.size, 0);
  }

  /** Of all groups that may still change. */
  get keptAlarmCount(): number {
    return [...this.#states.values()].reduce((sum, text) => {
      const { alarms }: WatchedGroupState = JSON.parse(text);
      return sum + alarms.length;
    }, 0);
  }

  /** Alarms that stand, in order of their beginnings. */
  get standing(): string[] {
    return [...this.alarms.values()]
      .filter(({ endReason }) => endReason === undefined)
      .sort((a, b) => a.activeAtMs - b.activeAtMs)
      .map(({ activeAtMs, clearedAtMs, isActive, level = "" }) => {
        expect(isActive).toBe(clearedAtMs === null);
        return `${activeAtMs}-${clearedAtMs ?? ""} ${level}`.trim();
      });
  }
}

/** By the definition, over the windows as they are in the end. */
function expectedOf(when: Condition, windows: ReadonlyMap<number, number>, silentToMs: number): string[] {
  const all = [...windows].sort(([a], [b]) => a - b).map(([place, value]) => ({ place, value }));
  const alarms: string[] = [];
  if (when.kind === "missing") {
    all.forEach(({ place }, at) => {
      const endMs = (place + 1) * STEP_MS;
      const nextMs = at + 1 < all.length ? all[at + 1].place * STEP_MS : null;
      if ((nextMs ?? silentToMs) - endMs >= FOR_MS) alarms.push(`${endMs + FOR_MS}-${nextMs ?? ""}`);
    });
    return alarms;
  }
  const worst = (is: (level: string, limit: number, isHigh: boolean) => boolean): string | null => {
    if (when.kind !== "levels") return null;
    for (const level of ["highHigh", "lowLow", "high", "low"] as const)
      if (is(level, when.levels[level]?.limit ?? NaN, level.startsWith("high"))) return level;
    return null;
  };
  let brokenFrom: number | null = null;
  let active: number | null = null;
  const held = new Set<string>();
  let level = "";
  const close = (endMs: number): void => {
    alarms.push(`${active}-${endMs} ${level}`.trim());
    [active, level] = [null, ""];
  };
  for (const [at, { place, value }] of all.entries()) {
    const endMs = (place + 1) * STEP_MS;
    if (when.kind === "levels") {
      for (const name of ["highHigh", "high", "low", "lowLow"] as const) {
        const side = name.startsWith("high") ? 1 : -1;
        const limit = when.levels[name]?.limit ?? NaN;
        if (side * value > side * limit) held.add(name);
        else if (side * value < side * limit - when.hysteresis) held.delete(name);
      }
      const now = worst((name) => held.has(name));
      if (now === null && active !== null) close(endMs);
      else if (now !== null) [active, level] = [active ?? endMs, now];
      continue;
    }
    const limits = when.kind === "rateOfChange" ? when.slope : when;
    if (limits.kind !== "above" && limits.kind !== "below") throw new Error("not of this test");
    const before = all[at - 1];
    if (when.kind === "rateOfChange" && before === undefined) continue;
    const measured = when.kind === "rateOfChange" ? (value - before.value) / (place - before.place) : value;
    const side = limits.kind === "above" ? 1 : -1;
    const isBroken = side * measured > side * limits.limit;
    const isNormal = limits.clear === limits.limit ? !isBroken : side * measured < side * limits.clear;
    if (active !== null) {
      if (isNormal) close(endMs);
      continue;
    }
    brokenFrom = isBroken ? (brokenFrom ?? endMs) : null;
    if (brokenFrom !== null && endMs - brokenFrom >= limits.forAtLeastMs)
      [active, brokenFrom] = [endMs, null];
  }
  if (active !== null) alarms.push(`${active}- ${level}`.trim());
  return alarms;
}

test.each(CONDITIONS.map((when) => [when.kind, when] as const))(
  "%s: windows in any order, corrected and taken back, a crash between any commits: the alarms of the windows as they are in the end",
  (_kind, when) => {
    const steps = fc.array(fc.tuple(shown, fc.integer({ min: 0, max: 5 })), { maxLength: 80 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 60 }), (all, silentPlace) => {
        const watch = new StoredWatch({ ...RULE, when });
        const windows = new Map<number, number>();
        let uncommitted: Shown[] = [];
        for (const [each, chance] of all) {
          const { place, value } = each;
          uncommitted.push(each);
          watch.show(result(place, value));
          if (value === null) windows.delete(place);
          else windows.set(place, value);
          if (chance === 0) {
            // The revisions are gone with what was made of them, and are made again.
            watch.crash();
            for (const again of uncommitted) watch.show(result(again.place, again.value));
          } else if (chance > 2) {
            watch.commit();
            uncommitted = [];
            // One that is shown again changes nothing.
            if (chance === 5) watch.crash();
            watch.show(result(place, value));
          }
        }
        watch.tick(silentPlace * STEP_MS);
        watch.commit();
        expect(watch.standing).toEqual(expectedOf(when, windows, silentPlace * STEP_MS));
      }),
    );
  },
);

describe("what is left behind", () => {
  test("of very many windows the latest can be corrected, an older one changes nothing, and the store does not grow", () => {
    const watch = new StoredWatch(RULE);
    const count = 3 * WINDOWS_KEPT;
    for (let place = 0; place < count; place += 1) {
      watch.show(result(place, place === 5 ? 9 : 0));
      watch.commit();
      if (place % 100 === 0) watch.crash();
    }
    expect(watch.storedCount).toBeLessThan(WINDOWS_KEPT / (PAGE_MS / STEP_MS) + 30);
    const before = [watch.standing, watch.storedCount];
    expect(watch.standing).toEqual(["60-70"]);
    watch.show(result(4, 9));
    watch.commit();
    expect([watch.standing, watch.storedCount]).toEqual(before);
    watch.show(result(count - WINDOWS_KEPT + 1, 9));
    watch.commit();
    expect(watch.standing).toHaveLength(2);
  });

  test("a condition that has held since before all windows that are kept is still one alarm", () => {
    const watch = new StoredWatch(RULE);
    for (let place = 0; place < 2 * WINDOWS_KEPT; place += 1) watch.show(result(place, 9));
    watch.commit();
    watch.crash();
    watch.show(result(2 * WINDOWS_KEPT, 0));
    watch.commit();
    expect(watch.standing).toEqual([`10-${(2 * WINDOWS_KEPT + 1) * STEP_MS}`]);
    expect(watch.stepCount).toBe(2);
  });

  test("a group that goes up and down with every window: old alarms stay as they are, and none comes twice", () => {
    const watch = new StoredWatch(RULE);
    for (let place = 0; place < 300; place += 1) {
      watch.show(result(place, place % 2 === 0 ? 9 : 0));
      watch.commit();
      if (place % 50 === 0) watch.crash();
    }
    expect(watch.standing).toHaveLength(150);
    expect(watch.alarms.size).toBe(150);
    expect(watch.stepCount).toBe(300);
    expect(watch.keptAlarmCount).toBe(32);
  });

  test("a group that had no window for 30 days is forgotten, in the store too, and its alarm ends", () => {
    const watch = new StoredWatch(RULE);
    watch.show(result(0, 9));
    watch.commit();
    watch.tick(31 * 86_400_000);
    watch.commit();
    expect(watch.watch.groupCount).toBe(0);
    expect(watch.storedCount).toBe(0);
    expect([...watch.alarms.values()]).toMatchObject([{ isActive: false, endReason: "forgotten" }]);
  });

  test("groups beyond the bound are not judged, and counted", () => {
    const watch = new StoredWatch(RULE, true, 1);
    watch.show(result(0, 9));
    watch.show(result(0, 9, { group: { site: "b" } }));
    watch.commit();
    expect(watch.alarms.size).toBe(1);
    expect(watch.watch.overLimitCount).toBe(1);
    expect(watch.watch.overLimitGroup).toEqual({ site: "b" });
  });
});

describe("when a window is judged", () => {
  const partial = {
    state: "provisional",
    completeness: {
      agentsExpected: 4,
      agentsReporting: 3,
      agentsMissing: ["d"],
      sitesExpected: 4,
      sitesReporting: 3,
      sitesMissing: ["d"],
    },
  } as const;

  test("complete: not while it fills, then with the word who is missing, and the alarm says so once they have come", () => {
    const watch = new StoredWatch(RULE);
    watch.show(result(0, 9, partial));
    watch.commit();
    expect(watch.standing).toEqual([]);
    watch.show(result(0, 9, partial), true);
    watch.commit();
    const [alarm] = watch.alarms.values();
    expect(alarm).toMatchObject({
      step: 1,
      timeMs: 10,
      window: { name: "w", value: "mean", isComplete: false, agentsExpected: 4, agentsMissing: ["d"] },
    });
    // Judged once, it is judged at each revision.
    watch.show(result(0, 9.5, { ...partial, revision: 2 }));
    watch.show(result(0, 9, { revision: 3 }));
    watch.commit();
    expect([...watch.alarms.values()]).toMatchObject([
      { step: 2, isActive: true, window: { isComplete: true } },
    ]);
    watch.show(result(0, 4, { revision: 4 }));
    watch.commit();
    expect([...watch.alarms.values()]).toMatchObject([
      { id: alarm.id, step: 3, isActive: false, endReason: "withdrawn" },
    ]);
    // And it was so after all: the same alarm.
    watch.show(result(0, 6, { revision: 5 }));
    watch.commit();
    expect([...watch.alarms.values()]).toMatchObject([{ id: alarm.id, step: 4, isActive: true, value: 6 }]);
    expect(watch.alarms.get(alarm.id)?.endReason).toBeUndefined();
  });

  test("with too few agents it is not judged, unless it is complete", () => {
    const watch = new StoredWatch({ ...RULE, reportingMin: 0.8 });
    watch.show(result(0, 9, partial), true);
    watch.commit();
    expect(watch.standing).toEqual([]);
    watch.show(result(0, 9));
    watch.commit();
    expect(watch.standing).toEqual(["10-"]);
  });

  test("what can only grow is judged as soon as it is over, not where readings may be taken back", () => {
    const rule = {
      ...RULE,
      window: { name: "w", value: "max" },
      when: { ...LEVELS, levels: { high: { limit: 6, severity: 400 } } },
    } as const;
    for (const onlyGrows of [true, false]) {
      const watch = new StoredWatch(rule, onlyGrows);
      watch.show(result(0, 6, { ...partial, name: "max" }));
      watch.commit();
      expect(watch.standing).toEqual([]);
      watch.show(result(0, 7, { ...partial, name: "max" }));
      watch.commit();
      expect(watch.standing).toEqual(onlyGrows ? ["10- high"] : []);
    }
    const low = new StoredWatch({
      ...RULE,
      window: { name: "w", value: "min" },
      when: { kind: "below", limit: 2, clear: 2, forAtLeastMs: 0 },
    });
    low.show(result(0, 1, { ...partial, name: "min" }));
    low.commit();
    expect(low.standing).toEqual(["10-"]);
  });

  test("provisional: at each revision; final: once", () => {
    const eager = new StoredWatch({ ...RULE, judgedAt: "provisional" });
    eager.show(result(0, 9, partial));
    eager.show(result(0, 4, partial));
    eager.commit();
    expect([...eager.alarms.values()]).toMatchObject([{ step: 2, endReason: "withdrawn" }]);
    const late = new StoredWatch({ ...RULE, judgedAt: "final" });
    late.show(result(0, 9), true);
    late.commit();
    expect(late.standing).toEqual([]);
    late.show(result(0, 9, { state: "final" }));
    late.commit();
    expect(late.standing).toEqual(["10-"]);
  });

  test("a session that has merged into another is none any more", () => {
    const watch = new StoredWatch(RULE);
    watch.show(result(3, 9));
    watch.show(result(1, 9, { endMs: 45 }));
    watch.show(result(3, null, { values: {}, mergedIntoMs: 10 }));
    watch.commit();
    expect(watch.standing).toEqual(["45-"]);
  });
});

test("of long ago it is historical, and is not latched", () => {
  const watch = new WindowWatch(
    { ...RULE, isLatched: true },
    { hasRoom: () => true, pageMs: PAGE_MS, onlyGrows: true },
  );
  watch.judge(
    { result: result(0, 9), isWaitedFor: false },
    { nowMs: 1_000, awakeMs: null, historicalBeforeMs: 500 },
  );
  watch.judge(
    { result: result(60, 0), isWaitedFor: false },
    { nowMs: 1_000, awakeMs: null, historicalBeforeMs: 500 },
  );
  watch.judge(
    { result: result(61, 9), isWaitedFor: false },
    { nowMs: 1_000, awakeMs: null, historicalBeforeMs: 500 },
  );
  expect(watch.takeEvents()).toMatchObject([
    { isHistorical: true, isLatched: false, isActive: true },
    { isHistorical: true, isLatched: false, isActive: false },
    { isHistorical: false, isLatched: true, isActive: true },
  ]);
});

test("a latched alarm stays until somebody resets it, over a crash, and not while its condition holds", () => {
  const watch = new StoredWatch({ ...RULE, isLatched: true });
  watch.show(result(0, 9));
  watch.commit();
  const [{ id }] = watch.alarms.values();
  expect(watch.watch.reset(id, "ann", MOMENT)).toBe("condition_holds");
  watch.show(result(1, 0));
  watch.commit();
  expect(watch.alarms.get(id)).toMatchObject({ isActive: true, isLatched: true, clearedAtMs: 20 });
  watch.crash();
  expect(watch.watch.reset(id, "ann", { ...MOMENT, nowMs: 77 })).toBe("done");
  expect(watch.watch.reset(id, "ann", MOMENT)).toBe("not_latched");
  expect(watch.watch.reset("another", "ann", MOMENT)).toBeNull();
  watch.commit();
  expect(watch.alarms.get(id)).toMatchObject({
    step: 3,
    isActive: false,
    isLatched: false,
    clearedAtMs: 20,
    timeMs: 77,
    by: "ann",
  });
});

test("a window that changes no alarm is stored alone, without its group's alarms", () => {
  const watch = new StoredWatch(RULE);
  for (const [at, value] of [9, 9, 9, 0, 0, 9, 0, 0].entries()) {
    watch.show(result(at, value));
    watch.commit();
  }
  expect([watch.alarms.size, watch.stepCount, watch.isStoredAnew]).toEqual([2, 4, false]);
});

test("silence is told in time though somebody has passed its last window meanwhile", () => {
  const when = { kind: "missing", forMs: FOR_MS, forAtLeastMs: 0 } as const;
  const watch = new StoredWatch({ ...RULE, when });
  const { completeness } = result(0, 1);
  const filling = { ...completeness, agentsReporting: 0, agentsMissing: ["a-1", "b-1"] };
  watch.show(result(0, 1, { state: "provisional", completeness: filling }), false, 100);
  // An agent whose series are all idle passes what it held back: the window is another revision, and nothing came.
  watch.show(result(0, 1, { revision: 2 }), false, 130);
  watch.tick(1_000, 134);
  watch.commit();
  expect(watch.standing).toEqual([]);
  watch.tick(1_001, 135);
  watch.commit();
  expect(watch.standing).toEqual(["45-"]);
});

test("after a start of central silence counts from then, not anew from when it is long enough", () => {
  const when = { kind: "missing", forMs: FOR_MS, forAtLeastMs: 0 } as const;
  const watch = new StoredWatch({ ...RULE, when });
  watch.show(result(0, 1), false, 100);
  watch.commit();
  watch.crash();
  watch.tick(44, 0);
  watch.tick(45, 34);
  watch.commit();
  expect(watch.standing).toEqual([]);
  watch.tick(46, 35);
  watch.commit();
  expect(watch.standing).toEqual(["45-"]);
});

test("silence is not counted while nobody listened, and what is silent stays so over a restart", () => {
  const when = { kind: "missing", forMs: FOR_MS, forAtLeastMs: 0 } as const;
  const watch = new StoredWatch({ ...RULE, when });
  watch.show(result(0, 1));
  watch.tick(20, 5);
  watch.commit();
  watch.crash();
  // However far the clock is when central is back, or jumps: it has listened for a moment only.
  watch.tick(1_000, 0);
  watch.tick(2_000, 34);
  watch.commit();
  expect(watch.standing).toEqual([]);
  watch.tick(2_001, 35);
  watch.commit();
  expect(watch.standing).toEqual(["45-"]);
  watch.crash();
  watch.tick(2_002, 0);
  watch.show(result(0, 2));
  watch.commit();
  expect(watch.standing).toEqual(["45-"]);
  // A late window shows that it was shorter, and that there was another one.
  watch.show(result(50, 2));
  watch.commit();
  expect(watch.standing).toEqual(["45-500", "545-"]);
});
