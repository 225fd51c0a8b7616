// What a pipeline that is changed between two starts leaves in the store: kept for a while in which central runs, then cleared.
import type { Store } from "@millrace/queue";
import { stateKey, stateRangesOf, viewKeyName, WindowEngine, windowKeyName } from "@millrace/stream";
import type { StateName, WindowSpec } from "@millrace/stream";
import { expect, test } from "vitest";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { HISTORY_KEYS } from "../history/history-keys.ts";
import { CENTRAL_KEYS, engineKeyOf, keysUnder } from "../store/central-keys.ts";
import { ageLeft } from "./age-left.test-support.ts";
import { CLEARED_MAX, COUNT_INTERVAL_MS, LeftState } from "./left-state.ts";

const DAY_MS = 86_400_000;
const RETAIN_MS = 10 * DAY_MS;
const VALUE = Uint8Array.of(7);
const COMMON = { kind: "aligned", sizeMs: 1_000, slideMs: 1_000, offsetMs: 0, latenessMs: 0 } as const;
/** Names that begin alike, of which only the middle one leaves. */
const NAMES = ["w", "wa", "wab"];

function specOf(name: string): WindowSpec {
  return { ...COMMON, name, metric: `m_${name}`, by: [name] };
}

function viewOf(name: string): StateName {
  return { kind: "view", name: viewKeyName(`m_${name}`, 1_000, [name]) };
}

function windowOf(name: string): StateName {
  return { kind: "window", name: windowKeyName(name) };
}

/** What a pipeline with these windows leaves in a store: as many keys of each kind, a second apart. */
async function fill(store: Store, names: readonly string[], keyCount: number, stepMs = 1_000): Promise<void> {
  const keys: Uint8Array[] = [];
  for (const name of names) {
    for (let at = 0; at < keyCount; at++) {
      for (const kind of ["o", "s", "w"] as const)
        keys.push(CENTRAL_KEYS.engine(stateKey(kind, windowOf(name).name, at * stepMs, `["}|"]`)));
      keys.push(CENTRAL_KEYS.engine(stateKey("p", viewOf(name).name, at * stepMs, `["}|"]`)));
    }
    keys.push(CENTRAL_KEYS.engine(`f|${windowOf(name).name}`));
    keys.push(HISTORY_KEYS.dirty(`m_${name}:${name}`, 0), HISTORY_KEYS.series(`m_${name}:${name}`));
  }
  const changes = keys.map((key) => ({ type: "put", key, value: VALUE }) as const);
  await store.commit(changes, { isSync: true });
}

/** Each start of central with these windows, and the time that it runs. */
class Life {
  readonly store: CrashingStore;
  readonly state: LeftState;
  monotonicMs = 0;
  readonly portions: number[] = [];

  private constructor(store: CrashingStore, state: LeftState) {
    this.store = store;
    this.state = state;
  }

  static async begin(store: CrashingStore, names: readonly string[], nowMs = 1e12): Promise<Life> {
    const windows = names.map(specOf);
    const metrics = names.map((name) => ({
      name: `m_${name}`,
      unit: "1",
      accumulate: ["count"],
      isLive: true,
    }));
    const engine = new WindowEngine({ windows, metrics });
    const options = { store, engine, streams: new Set<string>(), retainMs: RETAIN_MS };
    return new Life(store, await LeftState.open({ ...options, nowMs, monotonicMs: 0 }));
  }

  /** A tick for each step. */
  async run(forMs: number, stepMs = COUNT_INTERVAL_MS): Promise<void> {
    for (let passedMs = 0; passedMs < forMs; passedMs += stepMs) {
      this.monotonicMs += stepMs;
      const changes = await this.state.takeChanges(this.monotonicMs);
      this.portions.push(changes.filter(({ type }) => type === "del").length);
      await this.store.commit(changes, { isSync: true });
    }
  }

  async tick(count: number): Promise<void> {
    await this.run(count, 1);
  }

  get names(): string[] {
    return this.state.records.map(({ kind, name }) => `${kind} ${name}`);
  }
}

/** All of the engine's keys, but those of a window and its panes. */
async function keysBut(
  store: Store,
  name: string,
): Promise<{ readonly others: string[]; readonly own: number }> {
  const ranges = [windowOf(name), viewOf(name)].flatMap(stateRangesOf);
  const others: string[] = [];
  let own = 0;
  for await (const { key } of store.range(keysUnder("e"))) {
    const text = engineKeyOf(key);
    if (ranges.some(({ from, to }) => from <= text && text < to)) own += 1;
    else others.push(text);
  }
  return { others, own };
}

async function has(store: Store, key: Uint8Array): Promise<boolean> {
  return (await store.get(key)) !== undefined;
}

test("nothing leaves where the pipeline has it all, nor by a change of its panes' size", async () => {
  const store = new CrashingStore();
  await fill(store, NAMES, 3);
  await store.commit(
    [{ type: "put", key: CENTRAL_KEYS.engine(stateKey("p", "m_w@5000:w", 0, "[]")), value: VALUE }],
    { isSync: true },
  );
  const life = await Life.begin(store, NAMES);
  expect(life.names).toEqual([]);
  await life.run(30 * DAY_MS);
  expect(life.portions.every((count) => count === 0)).toBe(true);
});

test("a window that is taken out stays for its retention, is cleared a little with each tick, and nothing else with it", async () => {
  const store = new CrashingStore();
  await fill(store, NAMES, 1_500);
  const before = await keysBut(store, "wa");
  const life = await Life.begin(store, ["w", "wab"]);
  expect(life.names).toEqual(["window wa", "view m_wa@1000:wa"]);
  await life.run(RETAIN_MS - COUNT_INTERVAL_MS);
  expect(await keysBut(store, "wa")).toEqual(before);
  await life.run(20 * COUNT_INTERVAL_MS);
  expect(await keysBut(store, "wa")).toEqual({ ...before, own: 0 });
  expect(Math.max(...life.portions)).toBeLessThanOrEqual(CLEARED_MAX + 1);
  expect(life.names).toEqual([]);
  expect(life.state.clearedKeyCount).toBe(before.own + 1);
  // Blocks whose panes are gone are not rolled up again; what the history has stays.
  expect(await has(store, HISTORY_KEYS.dirty("m_wa:wa", 0))).toBe(false);
  expect(await has(store, HISTORY_KEYS.dirty("m_wab:wab", 0))).toBe(true);
  expect(await has(store, HISTORY_KEYS.series("m_wa:wa"))).toBe(true);
  expect(await has(store, CENTRAL_KEYS.cleared("m_wa"))).toBe(true);
  expect((await Life.begin(store, ["w", "wab"])).names).toEqual([]);
});

test("one that reaches further back than results are kept stays for as long as it does", async () => {
  const store = new CrashingStore();
  await fill(store, NAMES, 31, DAY_MS);
  const life = await Life.begin(store, ["w", "wab"]);
  expect(life.state.records.map(({ keepMs }) => keepMs / DAY_MS)).toEqual([30, 30]);
  await life.run(30 * DAY_MS - COUNT_INTERVAL_MS);
  expect(life.names).toHaveLength(2);
  await life.run(10 * COUNT_INTERVAL_MS);
  expect(life.names).toEqual([]);
});

test("one that is put back in time is as it was, and has all of the time anew when it leaves again", async () => {
  const store = new CrashingStore();
  await fill(store, NAMES, 3);
  const before = await keysBut(store, "wa");
  await (await Life.begin(store, ["w", "wab"])).run(RETAIN_MS - COUNT_INTERVAL_MS);
  expect((await Life.begin(store, NAMES)).names).toEqual([]);
  const life = await Life.begin(store, ["w", "wab"]);
  await life.run(RETAIN_MS - COUNT_INTERVAL_MS);
  expect(await keysBut(store, "wa")).toEqual(before);
});

test("only the time that central runs counts: no clock that is a year ahead, no time in which it was down or stood still", async () => {
  const store = new CrashingStore();
  await fill(store, NAMES, 3);
  const before = await keysBut(store, "wa");
  for (const nowMs of [1e12, 1e12 + 365 * DAY_MS, 0]) {
    const life = await Life.begin(store, ["w", "wab"], nowMs);
    await life.run(2 * DAY_MS);
    // Stopped for years, within one step.
    await life.run(1_000 * DAY_MS, 1_000 * DAY_MS);
  }
  expect(await keysBut(store, "wa")).toEqual(before);
  const life = await Life.begin(store, ["w", "wab"]);
  expect(life.state.records.every(({ absentMs }) => absentMs < 7 * DAY_MS)).toBe(true);
  await life.run(4 * DAY_MS);
  expect(life.names).toEqual([]);
});

test("killed at any commit, before or after it took effect, what is being cleared is cleared, and no more", async () => {
  const filled = new CrashingStore();
  await fill(filled, NAMES, 1_500);
  const before = await keysBut(filled, "wa");
  await Life.begin(filled, ["w", "wab"]);
  await ageLeft(filled);
  for (let dieAt = 1; ; dieAt++) {
    const store = new CrashingStore(filled.snapshot());
    const life = await Life.begin(store, ["w", "wab"]);
    store.fate = (commit) => (commit < dieAt ? "done" : dieAt % 2 === 0 ? "crash_before" : "crash_after");
    await Promise.race([life.tick(9), dead(() => store.triedCount >= dieAt)]);
    const isOver = store.triedCount < dieAt;
    const next = await Life.begin(new CrashingStore(store.snapshot()), ["w", "wab"]);
    await next.tick(9);
    expect(await keysBut(next.store, "wa")).toEqual({ ...before, own: 0 });
    expect(next.names).toEqual([]);
    if (isOver) break;
  }
});

test("one that comes back while it is being cleared is gone before anybody looks at it, and begins anew", async () => {
  const filled = new CrashingStore();
  await fill(filled, NAMES, 1_500);
  const { others } = await keysBut(filled, "wa");
  await Life.begin(filled, ["w", "wab"]);
  await ageLeft(filled);
  for (let ticks = 1; ticks <= 7; ticks++) {
    const life = await Life.begin(new CrashingStore(filled.snapshot()), ["w", "wab"]);
    await life.tick(ticks);
    const view = life.state.records.find(({ kind }) => kind === "view");
    const again = await Life.begin(life.store, NAMES);
    expect(again.names).toEqual([]);
    // The window, or the window and its panes: never a part of either.
    const own = view?.isClearing === false ? 1_500 : 0;
    expect(await keysBut(life.store, "wa")).toEqual({ others, own });
    await again.tick(9);
    expect(await keysBut(life.store, "wa")).toEqual({ others, own });
  }
});

test("what was cleared gives its place on the disk back, that of no other name, and waits for it; failing is nothing", async () => {
  const store = new CrashingStore();
  await fill(store, NAMES, 1_500);
  await Life.begin(store, ["w", "wab"]);
  await ageLeft(store);
  const rows: (readonly [from: string, to: string])[] = [];
  const merging: (() => void)[] = [];
  store.compact = async (from, to) => {
    rows.push([engineKeyOf(from), engineKeyOf(to)]);
    await new Promise<void>((resolve) => merging.push(resolve));
    throw new Error("the disk is full");
  };
  const life = await Life.begin(store, ["w", "wab"]);
  await life.tick(20);
  const { clearedKeyCount } = life.state;
  expect([rows.length, clearedKeyCount]).toEqual([1, 2_000]);
  await life.tick(20);
  expect(life.state.clearedKeyCount).toBe(clearedKeyCount);
  for (let turn = 0; turn < 20; turn++) {
    merging.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
    await life.tick(1);
  }
  const own = [windowOf("wa"), viewOf("wa")].flatMap(stateRangesOf);
  for (const [from, to] of rows) expect(own.some((range) => range.from <= from && to <= range.to)).toBe(true);
  expect(rows.map(([from]) => from.slice(0, 2))).toEqual(["o|", "s|", "w|", "p|"]);
  expect((await keysBut(store, "wa")).own).toBe(0);
});

test("panes stay until the windows that may be made of them are gone", async () => {
  const store = new CrashingStore();
  await fill(store, NAMES, 31, DAY_MS);
  await store.commit(
    [{ type: "put", key: CENTRAL_KEYS.engine(stateKey("p", "other@1000:", 0, "[]")), value: VALUE }],
    { isSync: true },
  );
  const life = await Life.begin(store, ["w", "wab"]);
  await life.run(20 * DAY_MS);
  expect(life.names).toContain("view other@1000:");
  await life.run(10 * DAY_MS + 10 * COUNT_INTERVAL_MS);
  expect(life.names).toEqual([]);
});

/** Ends once a commit hangs. */
async function dead(isDead: () => boolean): Promise<void> {
  while (!isDead()) await new Promise((resolve) => setImmediate(resolve));
  // The commit that takes effect does so first.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
