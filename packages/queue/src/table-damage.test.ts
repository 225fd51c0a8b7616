// Every byte of a table is looked at, whatever LevelDB would make of it; sound ones pass, compressed or not.
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encodeManifest } from "./level-manifest.ts";
import { LevelStore } from "./level-store.ts";
import { watchStart } from "./start-watch.ts";
import { isTableDamaged } from "./table-damage.ts";

const ENTRIES = 400;

let folder: string;
let path: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-table-"));
  path = join(folder, "store");
  const store = await open();
  for (let entry = 0; entry < ENTRIES; entry += 1) {
    // Half of them compress well.
    const value = Uint8Array.from({ length: 300 }, (_, at) =>
      entry % 2 === 0 ? 7 : (at * entry * 31) % 251,
    );
    await store.commit([{ type: "put", key: keyOf(entry), value }], { isSync: false });
  }
  await store.compact(Uint8Array.of(0), Uint8Array.of(255));
  await store.close();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function keyOf(entry: number): Uint8Array {
  return Uint8Array.of(0x30, entry >> 8, entry & 255);
}

function open(): Promise<LevelStore> {
  return LevelStore.open({ path, kind: "agent", version: 2, pid: process.pid });
}

function tablePath(): string {
  return join(path, readdirSync(path).find((name) => name.endsWith(".ldb")) ?? "");
}

test("any flipped byte but of the padding, and any cut", () => {
  const table = readFileSync(tablePath());
  expect(isTableDamaged(table)).toBe(false);
  for (let at = 0; at < table.length; at += 1) {
    const isPadding = at >= table.length - 48 && at < table.length - 8;
    if (isPadding || (at % 7 !== 0 && at < table.length - 2_000)) continue;
    table[at] ^= 0x10;
    expect([at, isTableDamaged(table)]).toEqual([at, true]);
    table[at] ^= 0x10;
  }
  for (const length of [0, 7, 47, table.length - 1, table.length >> 1])
    expect(isTableDamaged(table.subarray(0, length))).toBe(true);
});

test("damage that LevelDB has told of has the next start look at all, however large the store is", async () => {
  const store = await open();
  // No block ends so: LevelDB can tell.
  const { size } = statSync(tablePath());
  const file = openSync(tablePath(), "r+");
  writeSync(file, new Uint8Array(size >> 1).fill(0xff), 0, size >> 1, size >> 2);
  closeSync(file);
  await expect(store.get(keyOf(ENTRIES >> 1))).rejects.toMatchObject({ code: "store_corrupt" });
  await store.close();
  const look = (atMs: number) => watchStart(path, { nowMs: atMs, lookBytes: 0 });
  expect(await look(1e12)).toEqual([basename(tablePath())]);
  // Once it was found, nothing is demanded any more.
  expect(await look(1e12 + 1)).toEqual([]);
  const again = await open();
  expect(again.opened).toBe("repaired");
  await again.close();
  expect(await look(2e12)).toEqual([]);
});

test("a start finds a damaged table, keeps what is whole of it, and tells the loss", async () => {
  const file = tablePath();
  const table = readFileSync(file);
  writeFileSync(file, table.fill(0xee, table.length >> 1, (table.length >> 1) + 9));
  const store = await open();
  expect(store).toMatchObject({ opened: "repaired", hasLostCommits: true });
  let held = 0;
  for await (const { value } of store.range({ from: keyOf(0), to: Uint8Array.of(0x31) }))
    held += value.length === 300 ? 1 : 0;
  // At most two blocks of 4 KiB.
  expect(held).toBeLessThan(ENTRIES);
  expect(held).toBeGreaterThan(ENTRIES - 60);
  await store.commit([{ type: "put", key: keyOf(0), value: Uint8Array.of(1) }], { isSync: true });
  await store.compact(Uint8Array.of(0), Uint8Array.of(255));
  await store.close();
  expect(readFileSync(join(store.setAsidePath ?? "", basename(file)))).toEqual(table);
});

test("starts that died young look at a part of the tables each, and at none twice", async () => {
  const table = readFileSync(tablePath());
  const damaged = Buffer.from(table).fill(0xee, 40, 49);
  const tables = join(folder, "tables");
  mkdirSync(tables);
  const numbers = [1, 2, 3, 4, 5, 6];
  const write = (number: number, bytes: Uint8Array): void =>
    writeFileSync(join(tables, `00000${number}.ldb`), bytes);
  for (const number of numbers) write(number, table);
  const key = new Uint8Array(8);
  const entry = { level: 1, bytes: table.length, smallest: key, largest: key };
  const manifest = { logNumber: 7, previousLogNumber: 0, nextFileNumber: 8, lastSequence: 1 };
  writeFileSync(join(tables, "CURRENT"), "MANIFEST-000007\n");
  writeFileSync(
    join(tables, "MANIFEST-000007"),
    encodeManifest({ ...manifest, tables: new Map(numbers.map((number) => [number, entry])) }),
  );
  write(6, damaged);
  // One that LevelDB was writing when the process ended is no damage.
  write(9, table.subarray(0, 99));
  const options = { nowMs: 2e12, lookBytes: table.length };
  const start = (): Promise<readonly string[]> => watchStart(tables, options);
  // The first looks at the first table, the second at two more, the third at the three that are left.
  expect(await start()).toEqual([]);
  write(1, damaged);
  expect(await start()).toEqual([]);
  expect(await start()).toEqual(["000006.ldb"]);
  write(6, table);
  expect(await start()).toEqual([]);
  // Later the count begins anew, and what is known with it.
  expect(await watchStart(tables, { ...options, nowMs: options.nowMs + 3_600_000 })).toEqual(["000001.ldb"]);
  write(1, table);
  // What is cut short or gone shows without a look.
  write(5, table.subarray(0, 99));
  rmSync(join(tables, "000004.ldb"));
  expect(await start()).toEqual(["000004.ldb", "000005.ldb"]);
});
