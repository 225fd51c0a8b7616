// Of a damaged store everything is kept that is whole; nothing older comes in its place; LevelDB can bear what is left.
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SeededRandom } from "@millrace/testkit";
import { type BlockEntry, packBlock } from "./level-block.ts";
import { decodeManifest, encodeManifest } from "./level-manifest.ts";
import { LevelStore } from "./level-store.ts";
import { mendTable } from "./mend-table.ts";
import { isTableDamaged } from "./table-damage.ts";

const KEYS = 3_000;
const ROUNDS = 3;

let folder: string;
let base: string;
/** The newest value of each key, by its hexadecimal digits. */
const written = new Map<string, string>();
/** All that was ever put under a key. */
const everWritten = new Set<string>();

/** Several levels of tables of several hundred KB: keys overwritten and deleted in rounds, each compacted further down. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-mend-"));
  base = join(folder, "base");
  const random = new SeededRandom(5, "values");
  const store = await open(base);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let number = 0; number < KEYS; number += 1) {
      if (round > 0 && !random.chance(0.4)) continue;
      const key = keyOf(number);
      const name = Buffer.from(key).toString("hex");
      if (round > 0 && random.chance(0.3)) {
        await store.commit([{ type: "del", key }], { isSync: false });
        written.delete(name);
        continue;
      }
      const value = Uint8Array.from({ length: random.integer(1, 300) }, () => random.integer(0, 255));
      await store.commit([{ type: "put", key, value }], { isSync: false });
      written.set(name, Buffer.from(value).toString("hex"));
      everWritten.add(`${name} ${Buffer.from(value).toString("hex")}`);
    }
    // Each round's table lies above the one before.
    if (round === 0) await store.compact(Uint8Array.of(0), Uint8Array.of(255));
    else await store.reopen();
  }
  await store.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function keyOf(number: number): Uint8Array {
  return Uint8Array.of(0x30, number >> 8, number & 255);
}

function open(path: string): Promise<LevelStore> {
  return LevelStore.open({ path, kind: "agent", version: 2, pid: process.pid });
}

async function contentOf(store: LevelStore): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const { key, value } of store.range({ from: keyOf(0), to: Uint8Array.of(0x31) }))
    content.set(Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex"));
  return content;
}

/** How many of the keys have the value that was written last, and how many an older one. */
function compare(content: ReadonlyMap<string, string>): { right: number; older: number } {
  let right = 0;
  let older = 0;
  for (const [key, value] of content) {
    if (written.get(key) === value) right += 1;
    else if (everWritten.has(`${key} ${value}`)) older += 1;
    else throw new Error(`${key} holds what was never written: ${value}`);
  }
  return { right, older };
}

function copy(name: string): string {
  const path = join(folder, name);
  cpSync(base, path, { recursive: true });
  return path;
}

function tablesOf(path: string): string[] {
  return readdirSync(path)
    .filter((name) => name.endsWith(".ldb"))
    .map((name) => join(path, name));
}

const DAMAGES: Readonly<Record<string, (table: Buffer, random: SeededRandom) => Buffer>> = {
  "one bit": (table, random) => flip(table, random, 1),
  "five bits": (table, random) => flip(table, random, 5),
  "a sector of 512 B": (table, random) => zero(table, random, 512),
  "a sector of 4 KB": (table, random) => zero(table, random, 4_096),
  "its last 4 KB": (table) => table.fill(0, table.length - 4_096),
  "a cut": (table, random) => table.subarray(0, random.integer(table.length >> 1, table.length - 1)),
};

function flip(table: Buffer, random: SeededRandom, bits: number): Buffer {
  for (let bit = 0; bit < bits; bit += 1)
    table[random.integer(0, table.length - 1)] ^= 1 << random.integer(0, 7);
  return table;
}

function zero(table: Buffer, random: SeededRandom, bytes: number): Buffer {
  const at = random.integer(0, table.length - bytes);
  return table.fill(0, at, at + bytes);
}

test("the store of this test has tables in several levels, and is whole", async () => {
  expect(new Set(levelsOf(base)).size).toBeGreaterThan(1);
  expect(tablesOf(base).every((table) => !isTableDamaged(readFileSync(table)))).toBe(true);
  const store = await open(copy("whole"));
  expect(store.opened).toBe("clean");
  expect(await contentOf(store)).toEqual(written);
  await store.close();
});

function levelsOf(path: string): number[] {
  const name = readFileSync(join(path, "CURRENT"), "utf8").trim();
  const manifest = decodeManifest(readFileSync(join(path, name)));
  return [...(manifest?.tables.values() ?? [])].map(({ level }) => level);
}

test.each(Object.keys(DAMAGES))(
  "%s of a table: what is whole is kept, and it can be compacted",
  async (what) => {
    for (let seed = 0; seed < 6; seed += 1) {
      const random = new SeededRandom(seed, what);
      const path = copy(`${what}-${seed}`);
      const tables = tablesOf(path);
      const file = tables[random.integer(0, tables.length - 1)];
      const whole = readFileSync(file);
      writeFileSync(file, DAMAGES[what](Buffer.from(whole), random));
      const isHarmless = !isTableDamaged(readFileSync(file));
      const store = await open(path);
      expect([seed, store.opened]).toEqual([seed, isHarmless ? "clean" : "repaired"]);
      expect(store.hasLostCommits).toBe(!isHarmless);
      const content = await contentOf(store);
      const { right, older } = compare(content);
      // Blocks are of 4 KiB, some 25 entries, and of up to 50: five of them, or a half of the largest table.
      expect(right).toBeGreaterThan(written.size - (what === "a cut" ? written.size * 0.6 : 250));
      expect(older).toBeLessThan(what === "a cut" ? KEYS : 250);
      // What a key reads as is what a range shows, before and after.
      for (const [key, value] of content)
        expect(Buffer.from((await store.get(Buffer.from(key, "hex"))) ?? []).toString("hex")).toBe(value);
      await store.compact(Uint8Array.of(0), Uint8Array.of(255));
      expect(await contentOf(store)).toEqual(content);
      await store.close();
      const again = await open(path);
      expect(again.opened).toBe("clean");
      expect(await contentOf(again)).toEqual(content);
      await again.close();
      rmSync(path, { recursive: true });
    }
  },
);

test("without a manifest nothing is lost, and nothing older is read, though the tables' order is not known", async () => {
  const path = copy("no-manifest");
  // A table of the deepest level gets the greatest number, as a compaction gives it: LevelDB takes it for the newest.
  const deepest = tablesOf(path)[0];
  renameSync(deepest, join(path, "000900.ldb"));
  for (const name of readdirSync(path))
    if (name.startsWith("MANIFEST")) writeFileSync(join(path, name), "junk");
  const store = await open(path);
  expect(store).toMatchObject({ opened: "repaired", hasLostCommits: true });
  for (let number = 0; number < KEYS; number += 1) {
    const value = await store.get(keyOf(number));
    const name = Buffer.from(keyOf(number)).toString("hex");
    expect(value && Buffer.from(value).toString("hex")).toBe(written.get(name));
  }
  expect(await contentOf(store)).toEqual(written);
  expect(existsSync(join(path, "MERGE"))).toBe(false);
  await store.close();
});

test("a repair that was cut short before its tables were merged is done anew", async () => {
  const path = copy("unmerged");
  writeFileSync(join(path, "MERGE"), "");
  const store = await open(path);
  expect(store.opened).toBe("repaired");
  expect(await contentOf(store)).toEqual(written);
  expect(existsSync(join(path, "MERGE"))).toBe(false);
  await store.close();
});

test("a table that is gone costs what it held, and no more", async () => {
  for (const [at, file] of tablesOf(base).entries()) {
    const path = copy(`gone-${at}`);
    rmSync(join(path, file.slice(base.length + 1)));
    const store = await open(path);
    expect(store).toMatchObject({ opened: "repaired", hasLostCommits: true });
    const { right, older } = compare(await contentOf(store));
    expect(right + older).toBeGreaterThan(0);
    await store.close();
  }
});

test("a damaged store that another process holds is left alone", async () => {
  const path = copy("held");
  const holder = await open(path);
  const [file] = tablesOf(path);
  writeFileSync(file, flip(readFileSync(file), new SeededRandom(1, "held"), 9));
  const before = readFileSync(file);
  await expect(open(path)).rejects.toMatchObject({ code: "store_locked" });
  expect(readFileSync(file)).toEqual(before);
  await holder.close();
});

test("an entry that LevelDB cannot bear is left out, though its block's checksum is right", () => {
  const entry = (key: string, type: number, value: string): BlockEntry => ({
    key: Uint8Array.of(key.charCodeAt(0), type, 9, 0, 0, 0, 0, 0, 0),
    value: Buffer.from(value),
  });
  const short = { key: Uint8Array.of(1, 2, 3), value: Buffer.from("x") };
  const table = packBlock([
    entry("b", 1, "1"),
    entry("a", 1, "2"),
    short,
    entry("c", 7, "3"),
    entry("d", 1, "4"),
  ]);
  const mended = mendTable(Buffer.concat([table, new Uint8Array(60)]));
  expect(mended).toMatchObject({
    smallest: entry("b", 1, "").key,
    largest: entry("d", 1, "").key,
    lastSequence: 9,
  });
  expect(isTableDamaged(mended?.mended ?? new Uint8Array(0))).toBe(false);
  const holds = (key: string, type: number): boolean =>
    Buffer.from(mended?.mended ?? []).includes(Buffer.from(entry(key, type, "").key));
  expect([holds("b", 1), holds("a", 1), holds("c", 7), holds("d", 1)]).toEqual([true, false, false, true]);
  const again = mendTable(mended?.mended ?? new Uint8Array(0));
  expect(again).toEqual({ ...mended, mended: undefined });
});

test("nothing at all in any bytes: they are no table, and nothing is thrown", () => {
  const random = new SeededRandom(3, "junk");
  for (const length of [0, 1, 47, 48, 5_000])
    expect(mendTable(Uint8Array.from({ length }, () => random.integer(0, 255)))).toBeUndefined();
});

test("a manifest of any size is read as it was written; with any byte flipped it is none", () => {
  const tables = new Map(
    Array.from({ length: 2_000 }, (_, at) => [
      at + 1,
      {
        level: at % 7,
        bytes: at * 1e6,
        smallest: new Uint8Array(20).fill(at),
        largest: new Uint8Array(30).fill(at),
      },
    ]),
  );
  const manifest = {
    logNumber: 3,
    previousLogNumber: 0,
    nextFileNumber: 2_001,
    lastSequence: 2 ** 40,
    tables,
  };
  const bytes = encodeManifest(manifest);
  expect(bytes.length).toBeGreaterThan(3 * 32 * 1024);
  expect(decodeManifest(bytes)).toEqual(manifest);
  for (let at = 0; at < 32 * 1024; at += 97) {
    const flipped = Uint8Array.from(bytes);
    flipped[at] ^= 4;
    expect([at, decodeManifest(flipped)]).toEqual([at, undefined]);
  }
});
