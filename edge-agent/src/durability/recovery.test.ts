// After a crash the redo log is run an entry at a time, from the store: nothing of it is held in memory.
import { RuleEngine } from "@millrace/detect";
import { type Change, MemoryStore } from "@millrace/queue";
import { MemoryLogger } from "@millrace/runtime";
import { expect, it } from "vitest";
import { Ledger } from "../ledger.ts";
import { numberKey, PREFIX, putJson, seriesStoreKey } from "./agent-store.ts";
import { Recovery } from "./recovery.ts";
import { REDO_FLAG, RedoBuffer, type RedoRow } from "./redo-entry.ts";
import { RedoLog } from "./redo-log.ts";

const RULES = { rules: [], actionMaxAgeMs: 5_000, seriesMax: 10 };

/** A log of so many entries, each with a reading of its own number; the last tells of as many. */
async function crashed(entryCount: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  const log = new RedoLog();
  const changes: Change[] = [putJson(seriesStoreKey(0), { metric: "t", labels: {} })];
  const rows = new RedoBuffer();
  const ledger = new Ledger();
  for (let number = 1; number <= entryCount; number += 1) {
    rows.add(0, 1_000 * number, number, REDO_FLAG.hasOwnTime);
    ledger.totals.received = number;
    log.append(changes, rows, 1_000 * number, ledger.totals);
  }
  await store.commit(changes, { isSync: true });
  return store;
}

async function recovered(store: MemoryStore) {
  const log = new MemoryLogger();
  const options = { seriesPerMetricMax: 10, hasLostCommits: false, ruleEngine: RULES, log };
  const recovery = await Recovery.read(store, options);
  const replayed: number[] = [];
  const run = () =>
    recovery.replay({ replay: ({ value }: RedoRow) => (replayed.push(value), []) }, new RuleEngine(RULES));
  return { recovery, replayed, run, log };
}

it("each entry is replayed in order, and what the newest tells is known before", async () => {
  const { recovery, replayed, run, log } = await recovered(await crashed(1_000));
  expect(recovery.ledger.totals.received).toBe(1_000);
  expect(recovery.durableTimeMs).toBe(1_000_000);
  await run();
  expect(replayed).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
  expect(log.lines).toEqual([]);
});

it("entries are read from the store as they are replayed, and none is kept", async () => {
  const store = await crashed(10);
  const { replayed, run } = await recovered(store);
  store.damage(numberKey(PREFIX.redo, 4), () => undefined);
  await run();
  expect(replayed).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10]);
});

it("a damaged entry is left out and said, and what it may have held is bounded by its neighbours", async () => {
  const store = await crashed(10);
  store.damage(numberKey(PREFIX.redo, 7), (value) => value.fill(1));
  const { recovery, replayed, run, log } = await recovered(store);
  await run();
  expect(replayed).toEqual([1, 2, 3, 4, 5, 6, 8, 9, 10]);
  expect(log.lines.map(({ message }) => message)).toEqual([
    "a redo entry is damaged: its readings are lost from open panes",
  ]);
  expect([recovery.isLedgerOld, recovery.hasLostUncounted]).toEqual([false, false]);
});
