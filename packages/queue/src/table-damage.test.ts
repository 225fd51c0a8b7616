// Every byte of a table is looked at, whatever LevelDB would make of it; sound ones pass, compressed or not.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
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

test("after two starts that died young a damaged table is set aside, and the loss is told", async () => {
  const file = tablePath();
  const table = readFileSync(file);
  writeFileSync(file, table.fill(0xee, table.length >> 1, (table.length >> 1) + 9));
  utimesSync(file, 1e9, 1e9);
  writeFileSync(join(path, "STARTS"), JSON.stringify({ count: 1, atMs: Date.now() }));
  // The second start: LevelDB may do with it what it likes.
  const second = await open();
  expect(readdirSync(path).some((name) => name.endsWith(".ldb"))).toBe(true);
  await second.close();
  writeFileSync(join(path, "STARTS"), JSON.stringify({ count: 2, atMs: Date.now() }));
  for (const name of readdirSync(path)) if (name.endsWith(".ldb")) utimesSync(join(path, name), 1e9, 1e9);
  const third = await open();
  expect(third.hasLostCommits).toBe(true);
  await third.commit([{ type: "put", key: keyOf(0), value: Uint8Array.of(1) }], { isSync: true });
  await third.close();
  expect(readdirSync(folder).some((name) => name.startsWith("store.corrupt-"))).toBe(true);
});

test("starts that died young look at a part of the tables each, and at none twice", async () => {
  const table = readFileSync(tablePath());
  const damaged = Buffer.from(table).fill(0xee, 40, 49);
  const tables = join(folder, "tables");
  mkdirSync(tables);
  const write = (number: number, bytes: Uint8Array): void => {
    writeFileSync(join(tables, `00000${number}.ldb`), bytes);
    utimesSync(join(tables, `00000${number}.ldb`), 1e9, 1e9);
  };
  for (const number of [1, 2, 3, 4, 5]) write(number, table);
  write(6, damaged);
  const options = { asidePath: join(folder, "aside"), nowMs: 2e12, lookBytes: table.length };
  const start = (): Promise<readonly string[]> => watchStart(tables, options);
  expect([await start(), await start()]).toEqual([[], []]);
  // The third looks at the first table, the fourth at two more, the fifth at the three that are left.
  expect(await start()).toEqual([]);
  write(1, damaged);
  expect(await start()).toEqual([]);
  expect(await start()).toEqual(["000006.ldb"]);
  expect(await start()).toEqual([]);
  // Later the count begins anew, and what is known with it.
  const later = { ...options, nowMs: options.nowMs + 3_600_000, lookBytes: 1e9 };
  const found = [
    await watchStart(tables, later),
    await watchStart(tables, later),
    await watchStart(tables, later),
  ];
  expect(found).toEqual([[], [], ["000001.ldb"]]);
});
