// Which of the messages that were refused are kept, and for how long: bursts whole, some of everybody's in a flood, within the room
// that there is; each by its number, through starts and from older stores.
import { MemoryStore } from "@millrace/queue";
import { expect, test } from "vitest";
import { CENTRAL_KEYS, keysUnder } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import { StoredValues } from "../store/stored-values.ts";
import { openQuarantine } from "./open-quarantine.ts";
import type { Quarantine, QuarantineFilter, QuarantineLimits } from "./quarantine.ts";
import type { QuarantineEntry } from "./quarantine-entry.ts";
import { quarantinePage } from "./quarantine-page.ts";

const DAY_MS = 86_400_000;
const LIMITS = { bytesMax: 64 * 2 ** 20, retainMs: 30 * DAY_MS };
const PAYLOAD = new Uint8Array(100);
const NONE = { flood: 0, room: 0, age: 0 };

/** A quarantine, the store behind it, and time. */
class World {
  readonly store: MemoryStore;
  readonly limits: QuarantineLimits;
  quarantine: Quarantine;
  nowMs = 0;

  private constructor(store: MemoryStore, limits: QuarantineLimits, quarantine: Quarantine) {
    this.store = store;
    this.limits = limits;
    this.quarantine = quarantine;
  }

  static async open(limits: Partial<QuarantineLimits> = {}, store = new MemoryStore({})): Promise<World> {
    const whole = { ...LIMITS, ...limits };
    return new World(store, whole, await openQuarantine(store, new StoredValues(store), whole));
  }

  /** Again, from the store. */
  async start(): Promise<void> {
    this.quarantine = await openQuarantine(this.store, new StoredValues(this.store), this.limits);
  }

  keep(agent: string, count = 1, reason: QuarantineEntry["reason"] = "malformed"): void {
    for (let offset = 0; offset < count; offset += 1)
      this.quarantine.keep({
        atMs: this.nowMs,
        agent,
        topic: "records",
        record: { stream: agent, topic: agent, partition: 0, offset },
        reason,
        detail: "it is no JSON object",
        payload: PAYLOAD,
      });
  }

  /** How many bytes that takes. */
  async commit(afterMs = 100): Promise<number> {
    const changes = this.quarantine.takeChanges(this.nowMs);
    await this.store.commit(changes, { isSync: true });
    this.nowMs += afterMs;
    return changes.reduce((sum, change) => sum + (change.type === "put" ? change.value.length : 0), 0);
  }

  page(limit: number, filter: QuarantineFilter = {}): Promise<QuarantineEntry[]> {
    return quarantinePage(this.store, this.quarantine, { limit, ...filter });
  }

  counts(filter: QuarantineFilter = {}) {
    const { taken, kept, dropped } = this.quarantine.counts(filter);
    return { taken, entries: kept.entries, dropped };
  }

  async bytes(): Promise<number> {
    let bytes = 0;
    for await (const { key, value } of this.store.range(keysUnder("q"))) bytes += key.length + value.length;
    return bytes;
  }
}

const numbersOf = (entries: readonly QuarantineEntry[]) => entries.map(({ number }) => number);

test("a burst of five thousand is there whole, in one commit or in many, each by its number, page by page", async () => {
  for (const perCommit of [5_000, 50]) {
    const world = await World.open();
    for (let kept = 0; kept < 5_000; kept += perCommit) {
      world.keep("orders/0", perCommit);
      await world.commit();
    }
    await world.start();
    expect(world.counts()).toEqual({ taken: 5_000, entries: 5_000, dropped: NONE });
    const found: number[] = [];
    for (let before = Infinity; before > 0; before = found.at(-1) ?? 0)
      found.push(...numbersOf(await world.page(777, { before })));
    expect(found).toEqual(Array.from({ length: 5_000 }, (_, number) => 4_999 - number));
    expect(numbersOf(await world.page(1, { before: 1_235 }))).toEqual([1_234]);
  }
});

test("of a flood the beginning is kept, then some as long as it lasts; what is not is counted, and a commit stays small", async () => {
  const world = await World.open();
  let atOnceBytes = 0;
  for (let commit = 0; commit < 50; commit += 1) {
    world.keep("orders/0", 50_000);
    world.keep("transfers/1", commit === 25 ? 3 : 0);
    atOnceBytes = Math.max(atOnceBytes, await world.commit());
  }
  expect(atOnceBytes).toBeLessThan(5 * 2 ** 20);
  const { taken, entries, dropped } = world.counts();
  expect(taken).toBe(entries);
  expect(entries).toBeGreaterThan(10_000);
  expect(entries).toBeLessThan(20_000);
  expect(dropped).toEqual({ ...NONE, flood: 50 * 50_000 + 3 - taken });
  // Who sends three beside it has all three kept.
  expect(world.counts({ agent: "transfers/1" }).entries).toBe(3);
  const offsets = (await world.page(50_000)).map(({ record }) => record?.offset ?? -1).reverse();
  expect(offsets.slice(0, 8_000)).toEqual(Array.from({ length: 8_000 }, (_, offset) => offset));
});

test("whoever is refused beside a flood has one a second kept at least, of each reason", async () => {
  const world = await World.open();
  for (let commit = 0; commit < 1_500; commit += 1) {
    world.keep("orders/0", commit === 0 ? 20_000 : 20);
    // The flood has used up what may come at once, and what has become free since.
    if (commit >= 500 && commit % 100 === 0) world.keep("alpha-1", 1, "oversized");
    await world.commit(3);
  }
  expect(world.counts({ agent: "alpha-1" }).entries).toBeGreaterThanOrEqual(3);
});

test("beyond its bytes the oldest of the source and reason that has most goes; never the few of others", async () => {
  const world = await World.open({ bytesMax: 2 ** 20 });
  world.keep("alpha-1");
  world.keep("orders/0", 2, "no_id");
  await world.commit();
  for (let commit = 0; commit < 400; commit += 1) {
    world.keep("orders/0", 50);
    await world.commit(1_000);
    expect(await world.bytes()).toBeLessThan(1.1 * 2 ** 20);
    if (commit % 100 === 50) await world.start();
  }
  const { taken, entries, dropped } = world.counts();
  expect(taken).toBe(20_003);
  expect(dropped).toEqual({ ...NONE, room: taken - entries });
  expect(world.counts({ agent: "alpha-1" }).entries).toBe(1);
  expect(world.counts({ agent: "orders/0", reason: "no_id" }).entries).toBe(2);
  const latest = await world.page(100, { agent: "orders/0", reason: "malformed" });
  expect(numbersOf(latest)).toEqual(Array.from({ length: 100 }, (_, at) => taken - 1 - at));
  expect(await world.page(10, { reason: "no_id" })).toMatchObject([{ number: 2 }, { number: 1 }]);
});

test("what is older than its time goes, by the time that is trusted, and no number comes twice", async () => {
  const world = await World.open({ retainMs: DAY_MS });
  world.keep("alpha-1", 3);
  await world.commit(DAY_MS / 2);
  world.keep("alpha-1", 2);
  await world.commit();
  world.quarantine.expire(-Infinity);
  world.quarantine.expire(DAY_MS);
  await world.commit();
  expect(world.counts()).toMatchObject({ entries: 5 });
  world.quarantine.expire(DAY_MS + 1);
  await world.commit();
  expect(numbersOf(await world.page(10))).toEqual([4, 3]);
  world.quarantine.expire(3 * DAY_MS);
  await world.commit();
  expect(await world.bytes()).toBe(0);
  await world.start();
  world.keep("alpha-1");
  await world.commit();
  expect(numbersOf(await world.page(10))).toEqual([5]);
  expect(world.counts()).toEqual({ taken: 6, entries: 1, dropped: { ...NONE, age: 5 } });
});

test("entries of a store of format 3 are there under their numbers, and go like others", async () => {
  const entry = (number: number, agent: string): QuarantineEntry => ({
    number,
    atMs: number,
    agent,
    topic: "batch",
    reason: "oversized",
    detail: "too large",
    byteCount: 9,
    head: "AA==",
  });
  const old = [7, 9, 12].map((number) => entry(number, number === 9 ? "beta-1" : "alpha-1"));
  const store = new MemoryStore({});
  const entries = new StoredJson<QuarantineEntry>({});
  const changes = old.map((each) => entries.put(CENTRAL_KEYS.quarantine(each.number), each));
  await store.commit(changes, { isSync: true });
  const world = await World.open({ retainMs: DAY_MS }, store);
  for (let start = 0; start < 2; start += 1) {
    expect(await world.page(10)).toEqual(old.toReversed());
    expect(await world.page(10, { agent: "alpha-1" })).toEqual([old[2], old[0]]);
    await world.start();
  }
  world.keep("alpha-1");
  await world.commit();
  expect(numbersOf(await world.page(10))).toEqual([13, 12, 9, 7]);
  world.quarantine.expire(2 * DAY_MS);
  await world.commit();
  expect(await world.bytes()).toBe(0);
});

test("a store that has lost what says what there is finds it by the entries", async () => {
  const world = await World.open();
  world.keep("orders/0", 300);
  world.keep("alpha-1", 2);
  await world.commit();
  await world.store.commit([{ type: "del", key: CENTRAL_KEYS.quarantineTotals() }], { isSync: true });
  await world.start();
  expect(world.counts({ agent: "orders/0" })).toMatchObject({ taken: 302, entries: 300 });
  expect(numbersOf(await world.page(3))).toEqual([301, 300, 299]);
});
