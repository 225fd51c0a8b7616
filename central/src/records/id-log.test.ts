// The log of ids in the store: what it keeps, and for how long.
import type { Change } from "@millrace/queue";
import { expect, test } from "vitest";
import { IdLog } from "./id-log.ts";

const IDS = 300;

function openLog(): IdLog {
  return new IdLog({ words: 4, keyOf: (number) => Uint8Array.of(number >> 8, number & 255) });
}

/** A commit of some ids of these times, on a store of keys and values. */
function commit(
  log: IdLog,
  store: Map<string, Uint8Array>,
  timesMs: readonly number[],
  fromMs: number,
): void {
  for (let id = 0; id < IDS; id++) log.add(Int32Array.of(id, 0, 0, 0), 0, timesMs[id % timesMs.length]);
  for (const change of log.takeChanges(fromMs)) apply(store, change);
}

function apply(store: Map<string, Uint8Array>, change: Change): void {
  const key = Buffer.from(change.key).toString("hex");
  if (change.type === "put") store.set(key, change.value);
  else store.delete(key);
}

test("ids of a partition that is years ahead stay, and hold up none behind them that is over", () => {
  let log = openLog();
  const store = new Map<string, Uint8Array>();
  const aheadMs = 1_000_000;
  for (let minute = 0; minute < 1_000; minute++) {
    // The one ahead is read for a while, then waits for the other.
    commit(log, store, minute < 5 ? [minute, aheadMs] : [minute], minute - 10);
    if (minute !== 500) continue;
    log = openLog();
    const from = [...store.keys()].sort();
    for (const key of from) log.restore(parseInt(key, 16), store.get(key) ?? new Uint8Array(0));
  }
  expect(store.size).toBeLessThan(40);
  const kept = [...store.values()].flatMap((bytes) => [...log.read(bytes).timesMs]);
  expect(kept.filter((timeMs) => timeMs === aheadMs)).toHaveLength((5 * IDS) / 2);
  for (let minute = 989; minute < 1_000; minute++) expect(kept).toContain(minute);
  commit(log, store, [aheadMs + 100], aheadMs + 50);
  expect(store.size).toBeLessThan(10);
});
