// What LevelDB drops of its log without a word is found, wherever the byte lies; a write cut short is not taken for it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LevelStore, type LevelStoreOptions } from "./level-store.ts";
import { isLogDamaged } from "./log-damage.ts";

const COMMITS = 60;
/** Two blocks of LevelDB's log, and a commit that spans them. */
const VALUE_BYTES = 1_000;

let folder: string;
let options: LevelStoreOptions;
let logPath: string;
let log: Buffer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-log-"));
  options = { path: join(folder, "store"), kind: "agent", version: 1, pid: 4711 };
  const store = await LevelStore.open(options);
  for (let commit = 0; commit < COMMITS; commit += 1) {
    const value = new Uint8Array(VALUE_BYTES).fill(commit);
    await store.commit([{ type: "put", key: keyOf(commit), value }], { isSync: true });
  }
  await store.close();
  const name = readdirSync(options.path).find((file) => file.endsWith(".log"));
  logPath = join(options.path, name ?? "");
  log = readFileSync(logPath);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function keyOf(commit: number): Uint8Array {
  return Uint8Array.of(0x30, commit);
}

async function heldAfterOpen(): Promise<{ held: number; hasLostCommits: boolean; opened: string }> {
  const store = await LevelStore.open(options);
  const { hasLostCommits, opened } = store;
  const values = await store.getMany(Array.from({ length: COMMITS }, (_, commit) => keyOf(commit)));
  await store.close();
  return { held: values.filter((value) => value !== undefined).length, hasLostCommits, opened };
}

test("a whole log has lost nothing", async () => {
  expect(await heldAfterOpen()).toEqual({ held: COMMITS, hasLostCommits: false, opened: "clean" });
});

test.each([0, 1, 4, 5, 6, 7, 500])(
  "one byte flipped, at %i of a record in the middle, is told",
  async (offset) => {
    let at = 0;
    while (at < log.length * 0.75) at += 7 + log.readUInt16LE(at + 4);
    log[at + offset] ^= 0x40;
    writeFileSync(logPath, log);
    const { held, hasLostCommits } = await heldAfterOpen();
    expect(held).toBeLessThan(COMMITS);
    expect(hasLostCommits).toBe(true);
  },
);

test("the store's own record lost with the first block: it opens, and tells", async () => {
  log[10] ^= 1;
  writeFileSync(logPath, log);
  const { held, hasLostCommits } = await heldAfterOpen();
  expect(held).toBeGreaterThan(0);
  expect(hasLostCommits).toBe(true);
});

test("cut anywhere, or with zeros behind it, it is what a power cut leaves", () => {
  for (let length = 0; length <= log.length; length += 13)
    expect(isLogDamaged(log.subarray(0, length))).toBe(false);
  expect(isLogDamaged(Buffer.concat([log, Buffer.alloc(50_000)]))).toBe(false);
});

test("any byte flipped in what is followed by more", () => {
  for (let at = 0; at < log.length - 2 * VALUE_BYTES; at += 97) {
    const flipped = Buffer.from(log);
    flipped[at] ^= 1 << (at % 8);
    expect(isLogDamaged(flipped)).toBe(true);
  }
});
