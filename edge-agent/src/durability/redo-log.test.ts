// The redo log stays as long as the dedupe horizon, not longer; keys of silent series are carried on.
import { MemoryStore, type Change } from "@millrace/queue";
import { describe, expect, it } from "vitest";
import { numberKey, numberOfKey, PREFIX, prefixRange } from "./agent-store.ts";
import { Ledger } from "../ledger.ts";
import { REDO_FLAG, RedoBuffer } from "./redo-entry.ts";
import { RedoLog } from "./redo-log.ts";

/** A log of one entry a millisecond, each with one reading of one of ten series. `stampOf`: the clock at its commit. */
async function logOf(entryCount: number, stampOf = (atMs: number) => atMs) {
  const store = new MemoryStore();
  const log = new RedoLog();
  const rows = new RedoBuffer();
  const changes: Change[] = [];
  for (let atMs = 0; atMs < entryCount; atMs += 1) {
    rows.add(atMs % 10, atMs, 1, REDO_FLAG.hasOwnTime);
    log.append(changes, rows, stampOf(atMs), new Ledger().totals);
  }
  for (const part of ["panes", "watermarks", "rules"] as const) log.checkpointed(part, log.next);
  await store.commit(changes, { isSync: true });
  return { store, log };
}

function trimmed(store: MemoryStore, log: RedoLog, olderThanMs: number, rowsMax = Infinity): Promise<void> {
  const deletions: Change[] = [];
  const push = (change: Change) => deletions.push(change);
  log.trim({ olderThanMs, rowsMax, carryKeys: () => undefined, push });
  return store.commit(deletions, { isSync: true });
}

async function storedCount(store: MemoryStore): Promise<number> {
  let count = 0;
  for await (const _ of store.range(prefixRange(PREFIX.redo))) count += 1;
  return count;
}

describe("RedoLog.open", () => {
  it("tells of entries that are missing: between others, before them, and the newest", async () => {
    const { store, log } = await logOf(10);
    for (const number of [1, 2, 4, 5, 9, 10]) store.damage(numberKey(PREFIX.redo, number), () => undefined);
    const again = new RedoLog();
    again.checkpointed("panes", log.next);
    const found: [number, boolean][] = [];
    for await (const { number, entry } of again.open(store)) found.push([number, entry !== undefined]);
    expect(found).toEqual([
      [2, false],
      [3, true],
      [5, false],
      [6, true],
      [7, true],
      [8, true],
      [10, false],
    ]);
    expect(again.next).toBe(11);
  });

  it("tells of the newest where something else stands after it", async () => {
    const { store, log } = await logOf(10);
    store.damage(numberKey(PREFIX.redo, 10), () => undefined);
    const again = new RedoLog();
    const found: [number, boolean][] = [];
    for await (const { number, entry } of again.open(store, log.next))
      found.push([number, entry !== undefined]);
    expect(found.slice(-2)).toEqual([
      [9, true],
      [10, false],
    ]);
    expect(again.next).toBe(11);
  });
});

describe("RedoLog.trim", () => {
  it("keeps pace with thousands of commits, and leaves what is within the horizon", async () => {
    const { store, log } = await logOf(5_000);
    await trimmed(store, log, 4_000);
    expect(await storedCount(store)).toBe(999);
    let isAnyLeft = false;
    log.trim({
      olderThanMs: 4_000,
      rowsMax: Infinity,
      carryKeys: () => (isAnyLeft = true),
      push: () => (isAnyLeft = true),
    });
    expect(isAnyLeft).toBe(false);
  });

  it("has the keys of all entries that go carried on, and of none that a checkpoint does not stand after", async () => {
    const { log } = await logOf(100);
    log.checkpointed("rules", 51);
    const done: unknown[] = [];
    log.trim({
      olderThanMs: 1_000,
      rowsMax: Infinity,
      carryKeys: (last) => done.push(last),
      push: ({ type, key }) => done.push([type, numberOfKey(key)]),
    });
    expect(done).toEqual([50, ...Array.from({ length: 50 }, (_, index) => ["del", index + 1])]);
  });

  it("is not held up by entries of a clock that was a day ahead: they are as old as what came after", async () => {
    const stampOf = (atMs: number) => (atMs >= 1_000 && atMs < 2_000 ? atMs + 86_400_000 : atMs);
    const { store, log } = await logOf(5_000, stampOf);
    await trimmed(store, log, 1_500);
    expect(await storedCount(store)).toBe(4_000);
    await trimmed(store, log, 4_000);
    expect(await storedCount(store)).toBe(999);
  });

  it("goes by rows where they are more than anybody remembers, also after a restart", async () => {
    const { store, log } = await logOf(10_000);
    await trimmed(store, log, 0, 6_000);
    // Ages are told apart by the second.
    expect(await storedCount(store)).toBe(6_999);
    const reopened = new RedoLog();
    for (const part of ["panes", "watermarks", "rules"] as const) reopened.checkpointed(part, 10_001);
    for await (const _ of reopened.open(store)) continue;
    await trimmed(store, reopened, 0, 3_000);
    expect(await storedCount(store)).toBe(3_999);
  });

  it("knows the ages again after a restart", async () => {
    const { store } = await logOf(5_000, (atMs) => (atMs < 3_000 ? atMs + 86_400_000 : atMs));
    const log = new RedoLog();
    for (const part of ["panes", "watermarks", "rules"] as const) log.checkpointed(part, 5_001);
    for await (const _ of log.open(store)) continue;
    await trimmed(store, log, 4_000);
    expect(await storedCount(store)).toBe(999);
  });
});
