// Whatever the commits, and whenever one is the last: what was committed is held, once, with the time when it came.
import * as fc from "fast-check";
import { type Change, MemoryStore } from "@millrace/queue";
import { describe, expect, it } from "vitest";
import { PREFIX, prefixRange } from "../durability/agent-store.ts";
import { HeldReadings } from "./held-readings.ts";
import { HeldRows } from "./held-rows.ts";

const START_MS = Date.UTC(2026, 0, 5, 8);

function optionsOf(store: MemoryStore, time: { nowMs: number }) {
  return {
    store,
    steadyMs: () => time.nowMs,
    readingsMax: 1_000_000,
    dedupeHorizonMs: 600_000,
    dedupeKeysMax: 1_000_000,
    isDiskLow: () => false,
  };
}

async function commit(store: MemoryStore, held: HeldReadings): Promise<void> {
  const changes: Change[] = [];
  held.drainInto(changes);
  await store.commit(changes, { isSync: true });
}

async function blockCount(store: MemoryStore): Promise<number> {
  let count = 0;
  for await (const _ of store.range(prefixRange(PREFIX.held))) count += 1;
  return count;
}

describe("held readings", () => {
  it("each in a commit of its own are in few blocks", async () => {
    const store = new MemoryStore();
    const time = { nowMs: START_MS };
    const held = await HeldReadings.open(optionsOf(store, time));
    for (let number = 0; number < 5_000; number += 1) {
      time.nowMs += 10;
      held.add(number % 50, START_MS + 3_600_000 + number, number / 7, 4);
      await commit(store, held);
    }
    expect(await blockCount(store)).toBeLessThan(50);
    const again = await HeldReadings.open(optionsOf(store, time));
    expect([again.count, again.seriesCount]).toEqual([5_000, 50]);
    expect(again.bytes).toBeLessThan(5_000 * 25);
    let number = 0;
    for await (const { row, cameAtMs } of HeldReadings.read(store)) {
      const { series, timeMs, value } = row;
      expect([series, timeMs, value]).toEqual([number % 50, START_MS + 3_600_000 + number, number / 7]);
      number += 1;
      expect(cameAtMs).toBe(START_MS + 10 * number);
    }
    expect(number).toBe(5_000);
  });

  it("are what was committed, over crashes, while some of them are judged and others come", async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 60 }), afterMs: fc.nat(5_000) }) },
      { weight: 6, arbitrary: fc.constant("commit" as const) },
      { weight: 1, arbitrary: fc.constant("crash" as const) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 7 }).map((judge) => ({ judge })) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const time = { nowMs: START_MS };
        let store = new MemoryStore();
        let held = await HeldReadings.open(optionsOf(store, time));
        let number = 0;
        let waiting: [number, number][] = [];
        let committed: [number, number][] = [];
        const all = async () => {
          await commit(store, held);
          committed = waiting;
        };
        for (const each of steps) {
          if (each === "commit") await all();
          else if (each === "crash") {
            store = store.crash();
            held = await HeldReadings.open(optionsOf(store, time));
            waiting = committed;
          } else if ("add" in each) {
            time.nowMs += each.afterMs;
            for (let count = 0; count < each.add; count += 1) {
              number += 1;
              held.add(number % 3, START_MS + number, 1 / number, 4);
              waiting = [...waiting, [START_MS + number, time.nowMs]];
            }
          } else {
            const end = held.closeBlock();
            const isLeft = (timeMs: number) => timeMs % each.judge === 0;
            const left = waiting.filter(([timeMs]) => isLeft(timeMs));
            await all();
            // Meanwhile more comes, and goes to disk.
            number += 1;
            held.add(1, START_MS + number, number, 4);
            waiting = [...left, [START_MS + number, time.nowMs]];
            await commit(store, held);
            let from = 0;
            for (let blocks = await held.blocks(from, end); blocks.length > 0;) {
              for (const block of blocks) {
                const kept = new HeldRows();
                for (const heldRow of block.rows ?? []) {
                  if (isLeft(heldRow.row.timeMs)) kept.add(heldRow);
                  else held.released(heldRow.row.series);
                }
                held.settle(block, kept);
                from = block.number + 1;
              }
              blocks = await held.blocks(from, end);
            }
            await all();
          }
        }
        await all();
        const stored: [number, number][] = [];
        for await (const { row, cameAtMs } of HeldReadings.read(store)) stored.push([row.timeMs, cameAtMs]);
        expect(stored).toEqual(committed);
        expect(held.count).toBe(committed.length);
        const again = await HeldReadings.open(optionsOf(store, time));
        expect(again.count).toBe(held.count);
      }),
    );
  });
});
