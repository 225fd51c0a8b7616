// Both stores keep the same contract: order, atomic commits, ranges as of the call, survival of a restart.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { LevelStore } from "./level-store.ts";
import { MemoryStore } from "./memory-store.ts";
import type { Change, Entry, Store } from "./store.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Opened {
  readonly store: Store;
  /** The process ends; the next one opens the same disk. */
  restart(): Promise<Opened>;
}

async function openLevel(): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-store-"));
  folders.push(folder);
  const options = { path: join(folder, "store"), kind: "agent", version: 1, pid: 1 } as const;
  const start = async (): Promise<Opened> => {
    const store = await LevelStore.open(options);
    return { store, restart: async () => (await store.close(), start()) };
  };
  return start();
}

async function openMemory(store = new MemoryStore()): Promise<Opened> {
  return { store, restart: () => openMemory(store.restart()) };
}

const FROM = Uint8Array.of(0x30);
const TO = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
const key = (...bytes: number[]) => Uint8Array.of(0x30, ...bytes);
const put = (at: Uint8Array, value: number): Change => ({
  type: "put",
  key: at,
  value: Uint8Array.of(value),
});

async function all(entries: AsyncIterable<Entry>): Promise<(readonly [string, string])[]> {
  const found: (readonly [string, string])[] = [];
  for await (const { key: at, value } of entries) found.push([hex(at), hex(value)]);
  return found;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe.each([
  ["LevelStore", openLevel],
  ["MemoryStore", () => openMemory()],
])("%s", (_, open) => {
  test("keys order by unsigned bytes; ranges are half open, limited, reversible", async () => {
    const { store } = await open();
    const keys = [key(0xff), key(0x80), key(0x7f), key(), key(0x7f, 0)];
    await store.commit(
      keys.map((at, index) => put(at, index)),
      { isSync: true },
    );
    const order = ["30", "307f", "307f00", "3080", "30ff"];
    expect((await all(store.range({ from: FROM, to: TO }))).map(([at]) => at)).toEqual(order);
    expect(
      (await all(store.range({ from: FROM, to: TO, isReverse: true, limit: 2 }))).map(([at]) => at),
    ).toEqual(["30ff", "3080"]);
    expect((await all(store.range({ from: key(0x7f), to: key(0x80) }))).map(([at]) => at)).toEqual([
      "307f",
      "307f00",
    ]);
    await store.close();
  });

  test("a range shows the store as of the call", async () => {
    const { store } = await open();
    await store.commit([put(key(1), 1), put(key(2), 2)], { isSync: false });
    const range = store.range({ from: FROM, to: TO });
    await store.commit([put(key(3), 3), { type: "del", key: key(1) }], { isSync: true });
    expect(await all(range)).toEqual([
      ["3001", "01"],
      ["3002", "02"],
    ]);
    await store.close();
  });

  test("a closed store refuses", async () => {
    const { store } = await open();
    await store.close();
    await expect(store.get(key(1))).rejects.toMatchObject({ code: "store_read" });
    await expect(store.commit([put(key(1), 1)], { isSync: true })).rejects.toMatchObject({
      code: "store_write",
    });
  });

  test("any run of commits, reopenings and restarts leaves what a map would hold", async () => {
    const change = fc.record({
      type: fc.constantFrom("put" as const, "del" as const),
      key: fc.uint8Array({ minLength: 0, maxLength: 2 }).map((bytes) => key(...bytes)),
      value: fc.uint8Array({ maxLength: 3 }),
    });
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ changes: fc.array(change, { maxLength: 8 }), isSync: fc.boolean() }),
      },
      fc.constantFrom("reopen" as const, "restart" as const, "compact" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        let opened = await open();
        const model = new Map<string, string>();
        for (const each of steps) {
          if (each === "reopen") await opened.store.reopen();
          else if (each === "compact") await opened.store.compact(FROM, TO);
          else if (each === "restart") opened = await opened.restart();
          else {
            await opened.store.commit(each.changes, { isSync: each.isSync });
            for (const { type, key: at, value } of each.changes) {
              if (type === "put") model.set(hex(at), hex(value));
              else model.delete(hex(at));
            }
          }
        }
        const entries = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        expect(await all(opened.store.range({ from: FROM, to: TO }))).toEqual(entries);
        const keys = entries.map(([at]) => Uint8Array.from(Buffer.from(at, "hex")));
        const values = await opened.store.getMany([...keys, key(1, 2, 3)]);
        expect(values.map((value) => value && hex(value))).toEqual([
          ...entries.map(([, value]) => value),
          undefined,
        ]);
        await opened.store.close();
      }),
      { numRuns: 20 },
    );
  });
});
