// A LevelStore always starts: repaired or set aside when damaged; another's or a newer one is refused untouched.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LevelStore, type LevelStoreOptions } from "./level-store.ts";
import { META_KEY } from "./store-layout.ts";

let folder: string;
let options: LevelStoreOptions;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-store-"));
  const clock = {
    nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5),
    monotonicMs: () => 0,
    after: () => ({ cancel() {} }),
  };
  options = { path: join(folder, "store"), kind: "agent", version: 2, pid: 4711, clock };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const KEY = Uint8Array.of(0x30);
const VALUE = Uint8Array.of(7);

async function fill(): Promise<void> {
  const store = await LevelStore.open(options);
  await store.commit([{ type: "put", key: KEY, value: VALUE }], { isSync: true });
  await store.close();
}

test("created, then clean", async () => {
  const created = await LevelStore.open(options);
  expect(created).toMatchObject({ opened: "created", setAsidePath: undefined, versionFound: 2 });
  await created.close();
  const clean = await LevelStore.open(options);
  expect(clean.opened).toBe("clean");
  await clean.close();
});

test("a second holder is told who holds it", async () => {
  const store = await LevelStore.open(options);
  await expect(LevelStore.open(options)).rejects.toMatchObject({
    code: "store_locked",
    message: expect.stringContaining("4711"),
  });
  await store.close();
});

test('"Database is not open" hides no cause: the last one that says more is told until a commit succeeds', async () => {
  const store = await LevelStore.open(options);
  const commit = (): Promise<void> =>
    store.commit([{ type: "put", key: KEY, value: VALUE }], { isSync: true });
  const batch = vi.spyOn(ClassicLevel.prototype, "batch");
  const failWith = (message: string): void =>
    void batch.mockImplementationOnce(() => {
      throw new Error(message);
    });
  failWith("No space left on device");
  await expect(commit()).rejects.toThrow(/No space left on device/);
  failWith("Database is not open");
  await expect(commit()).rejects.toThrow(/No space left on device/);
  failWith("Read-only file system");
  await expect(commit()).rejects.toThrow(/Read-only file system/);
  failWith("Database is not open");
  await expect(commit()).rejects.toThrow(/Read-only file system/);
  await commit();
  failWith("Input/output error");
  await expect(commit()).rejects.toThrow(/Input\/output error/);
  batch.mockRestore();
  await store.close();
});

test("while it cannot be opened again, every read rejects with what keeps it from it", async () => {
  await fill();
  const store = await LevelStore.open(options);
  const open = vi.spyOn(ClassicLevel.prototype, "open");
  open.mockRejectedValue(new Error("No space left on device"));
  await expect(store.reopen()).rejects.toMatchObject({ code: "store_write" });
  const why = { code: "store_read", message: expect.stringContaining("No space left on device") };
  const from = Uint8Array.of(0);
  const all = async (): Promise<void> => {
    for await (const entry of store.range({ from, to: Uint8Array.of(0xff) })) expect(entry).toBeDefined();
  };
  await expect(store.get(KEY)).rejects.toMatchObject(why);
  await expect(store.getMany([KEY])).rejects.toMatchObject(why);
  await expect(all()).rejects.toMatchObject(why);
  open.mockRestore();
  await store.reopen();
  expect(await store.get(KEY)).toEqual(Buffer.from(VALUE));
  await expect(all()).resolves.toBeUndefined();
  await store.close();
});

describe("a folder that goes away under the open store", () => {
  const commit = (store: LevelStore): Promise<void> =>
    store.commit([{ type: "put", key: KEY, value: VALUE }], { isSync: true });

  test("deleted: no commit succeeds any more, and no empty store takes its place", async () => {
    const store = await LevelStore.open(options);
    await commit(store);
    rmSync(options.path, { recursive: true });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(commit(store)).rejects.toMatchObject({ code: "store_gone", retry: "never" });
      await expect(store.reopen()).rejects.toMatchObject({ code: "store_gone" });
    }
    expect(existsSync(options.path)).toBe(false);
    await store.close();
  });

  test("replaced by a copy: nothing is taken, and the copy is left alone", async () => {
    const store = await LevelStore.open(options);
    await commit(store);
    renameSync(options.path, `${options.path}.away`);
    cpSync(`${options.path}.away`, options.path, { recursive: true });
    const before = bytesOf(options.path);
    await expect(commit(store)).rejects.toMatchObject({ code: "store_gone" });
    await expect(store.reopen()).rejects.toMatchObject({ code: "store_gone" });
    expect(bytesOf(options.path)).toEqual(before);
    await store.close();
  });

  test("moved away and back: it goes on", async () => {
    const store = await LevelStore.open(options);
    renameSync(options.path, `${options.path}.away`);
    await expect(commit(store)).rejects.toMatchObject({ code: "store_gone" });
    renameSync(`${options.path}.away`, options.path);
    await store.reopen();
    await commit(store);
    await store.close();
    const again = await LevelStore.open(options);
    expect(again.opened).toBe("clean");
    expect(await again.get(KEY)).toEqual(Buffer.from(VALUE));
    await again.close();
  });

  test("a reopen and a repair keep it the same folder", async () => {
    const store = await LevelStore.open(options);
    await store.reopen();
    await commit(store);
    await store.repair();
    await commit(store);
    await store.close();
  });
});

test("a disk too full to unpack LevelDB itself is store_unwritable, not a fault of the program", async () => {
  vi.resetModules();
  function ClassicLevelThatCannotUnpack(): never {
    throw new Error("ENOSPC: no space left on device, write");
  }
  vi.doMock("classic-level", () => ({ ClassicLevel: ClassicLevelThatCannotUnpack }));
  const { LevelStore: StoreOnFullDisk } = await import("./level-store.ts");
  await expect(StoreOnFullDisk.open(options)).rejects.toMatchObject({
    code: "store_unwritable",
    message: expect.stringContaining("no space left"),
  });
  vi.doUnmock("classic-level");
});

function bytesOf(path: string): (readonly [string, string])[] {
  return readdirSync(path)
    .toSorted()
    .map((name) => [name, readFileSync(join(path, name), "hex")]);
}

test("a newer store is refused with the version needed, and untouched", async () => {
  await fill();
  const before = bytesOf(options.path);
  await expect(LevelStore.open({ ...options, version: 1 })).rejects.toMatchObject({ code: "store_newer" });
  expect(bytesOf(options.path)).toEqual(before);
  rmSync(join(options.path, "FORMAT"));
  await expect(LevelStore.open({ ...options, version: 1 })).rejects.toMatchObject({ code: "store_newer" });
  const store = await LevelStore.open(options);
  expect(await store.get(KEY)).toEqual(Buffer.from(VALUE));
  await store.close();
  const newer = await LevelStore.open({ ...options, version: 3 });
  expect(newer.versionFound).toBe(2);
  await newer.stampVersion();
  await newer.close();
  await expect(LevelStore.open(options)).rejects.toMatchObject({ code: "store_newer" });
});

test("another program's store is refused", async () => {
  await fill();
  await expect(LevelStore.open({ ...options, kind: "central" })).rejects.toMatchObject({
    code: "wrong_kind",
  });
  const foreign = join(folder, "foreign");
  const level = new ClassicLevel(foreign);
  await level.put("a", "b");
  await level.close();
  await expect(LevelStore.open({ ...options, path: foreign })).rejects.toMatchObject({ code: "wrong_kind" });
});

test("where damage took both places that say whose store it is, its values' checksums tell", async () => {
  await fill();
  const level = new ClassicLevel<Uint8Array, Uint8Array>(options.path, {
    keyEncoding: "view",
    valueEncoding: "view",
  });
  await level.del(META_KEY);
  await level.close();
  rmSync(join(options.path, "FORMAT"));
  const store = await LevelStore.open(options);
  expect(await store.get(KEY)).toEqual(Buffer.from(VALUE));
  await store.close();
  expect(existsSync(join(options.path, "FORMAT"))).toBe(true);
});

const CURRENTS: readonly (readonly [string, (path: string) => void])[] = [
  ["gone", (path) => rmSync(path)],
  ["empty", (path) => truncateSync(path, 0)],
  ["junk", (path) => writeFileSync(path, "junk")],
  ["that of a manifest that is not there", (path) => writeFileSync(path, "MANIFEST-999999\n")],
];

test.each(CURRENTS)(
  "a CURRENT that is %s is made again, and nothing is said to be lost",
  async (_, damage) => {
    await fill();
    damage(join(options.path, "CURRENT"));
    const store = await LevelStore.open(options);
    expect([store.opened, store.hasLostCommits]).toEqual(["clean", false]);
    expect(await store.get(KEY)).toEqual(Buffer.from(VALUE));
    await store.close();
  },
);

test("every file of the store cut to nothing, one at a time: it still starts", async () => {
  await fill();
  await LevelStore.open(options).then((store) => store.close());
  for (const file of readdirSync(options.path)) {
    const path = join(folder, `copy-${file}`);
    cpSync(options.path, path, { recursive: true });
    truncateSync(join(path, file), 0);
    const store = await LevelStore.open({ ...options, path });
    await store.commit([{ type: "put", key: KEY, value: VALUE }], { isSync: true });
    expect(await store.get(KEY)).toEqual(Buffer.from(VALUE));
    await store.close();
  }
});

describe("what a value holds is what was written, or nothing", () => {
  /** The raw bytes under KEY, changed as a bad sector would. */
  async function damage(change: (stored: Uint8Array) => Uint8Array): Promise<void> {
    const level = new ClassicLevel<Uint8Array, Uint8Array>(options.path, {
      keyEncoding: "view",
      valueEncoding: "view",
    });
    const stored = await level.get(KEY);
    if (stored === undefined) throw new Error("nothing is stored");
    await level.put(KEY, change(stored));
    await level.close();
  }

  test("any flipped bit, and any cut: it reads as no bytes and is counted", async () => {
    await fill();
    const level = new ClassicLevel<Uint8Array, Uint8Array>(options.path, {
      keyEncoding: "view",
      valueEncoding: "view",
    });
    const stored = (await level.get(KEY)) ?? VALUE;
    const damaged = [stored.subarray(0, 0), stored.subarray(0, 4)];
    for (let bit = 0; bit < 8 * stored.length; bit += 1)
      damaged.push(stored.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
    for (const [at, value] of damaged.entries()) await level.put(Uint8Array.of(0x31, at), value);
    // Under a key that is not its own, too.
    await level.put(Uint8Array.of(0x32), stored);
    await level.close();
    const store = await LevelStore.open(options);
    const found: Uint8Array[] = [];
    for await (const { value } of store.range({ from: KEY, to: Uint8Array.of(0x40) })) found.push(value);
    expect(found.map(({ length }) => length)).toEqual([1, ...damaged.map(() => 0), 0]);
    expect(store.damagedCount).toBe(damaged.length + 1);
    await store.close();
  });

  test("a store of version 0.1.0 gets its checksums once, and keeps what it holds", async () => {
    const level = new ClassicLevel<Uint8Array, Uint8Array>(options.path, {
      keyEncoding: "view",
      valueEncoding: "view",
    });
    const meta = Buffer.from(JSON.stringify({ format: "millrace", kind: "agent", version: 1 }));
    await level.put(Uint8Array.of(0), meta);
    for (let key = 0; key < 2_500; key += 1) await level.put(Uint8Array.of(0x30, key >> 8, key & 255), VALUE);
    await level.close();
    writeFileSync(join(options.path, "FORMAT"), meta);
    for (const versionFound of [1, 1]) {
      const store = await LevelStore.open(options);
      expect(store).toMatchObject({ opened: "clean", versionFound, hasLostCommits: false });
      let count = 0;
      for await (const { value } of store.range({ from: KEY, to: Uint8Array.of(0x31) })) {
        expect(value).toEqual(Buffer.from(VALUE));
        count += 1;
      }
      expect(count).toBe(2_500);
      await store.close();
    }
  });

  test("damage to what says whose store it is does not refuse the start", async () => {
    await fill();
    const format = readFileSync(join(options.path, "FORMAT"));
    for (let bit = 0; bit < 8 * format.length; bit += 7) {
      const damaged = Buffer.from(
        format.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
      );
      writeFileSync(join(options.path, "FORMAT"), damaged);
      await LevelStore.open(options).then((store) => store.close());
      expect(readFileSync(join(options.path, "FORMAT"))).toEqual(format);
    }
    const level = new ClassicLevel<Uint8Array, Uint8Array>(options.path, {
      keyEncoding: "view",
      valueEncoding: "view",
    });
    await level.put(Uint8Array.of(0), Buffer.from(format).fill(0, 5, 9));
    await level.close();
    const store = await LevelStore.open(options);
    expect(await store.get(KEY)).toEqual(Buffer.from(VALUE));
    await store.close();
  });

  test("only that value is lost", async () => {
    await fill();
    await damage((stored) => stored.fill(9, 0, 1));
    const store = await LevelStore.open(options);
    expect(await store.get(KEY)).toHaveLength(0);
    expect(await store.get(Uint8Array.of(0x39))).toBeUndefined();
    await store.close();
  });
});

describe("a loss that LevelDB does not tell", () => {
  const logOf = (path: string): string =>
    join(path, readdirSync(path).find((name) => name.endsWith(".log")) ?? "");

  test.each([
    ["the log is gone", (path: string) => rmSync(logOf(path))],
    ["the log is cut, after an orderly end", (path: string) => truncateSync(logOf(path), 0)],
    [
      "CURRENT is gone, and the manifest cut",
      (path: string) => {
        rmSync(join(path, "CURRENT"));
        const manifest = readdirSync(path).find((name) => name.startsWith("MANIFEST-")) ?? "";
        truncateSync(join(path, manifest), 40);
      },
    ],
    [
      "CURRENT is gone, and the log",
      (path: string) => {
        rmSync(join(path, "CURRENT"));
        rmSync(logOf(path));
      },
    ],
    [
      "CURRENT is gone, and a table is one that the manifest does not know",
      (path: string) => {
        rmSync(join(path, "CURRENT"));
        writeFileSync(join(path, "000999.ldb"), "");
      },
    ],
    [
      "every file is gone but one",
      (path: string) => {
        for (const name of readdirSync(path)) if (name !== "FORMAT") rmSync(join(path, name));
      },
    ],
  ])("%s: it is said, over crashes, until it has been booked", async (_, damage) => {
    await fill();
    damage(options.path);
    // Killed before it could tell anybody: the files are LevelDB's new ones by then.
    for (let start = 0; start < 2; start += 1) {
      const path = join(folder, `start-${start}`);
      const store = await LevelStore.open(options);
      expect(store.hasLostCommits).toBe(true);
      cpSync(options.path, path, { recursive: true });
      await store.close();
      options = { ...options, path };
    }
    const store = await LevelStore.open(options);
    await store.lossBooked();
    await store.close();
    const again = await LevelStore.open(options);
    expect(again.hasLostCommits).toBe(false);
    await again.close();
  });

  /** The store as a killed process leaves it, at a path of its own. */
  async function killed(name: string): Promise<string> {
    const store = await LevelStore.open(options);
    let count = 0;
    store.tellProgress(() => count);
    for (count = 10; count <= 30; count += 10)
      await store.commit([{ type: "put", key: Uint8Array.of(0x30, count), value: VALUE }], { isSync: true });
    const path = join(folder, name);
    // What is written to the mark is written by then.
    await vi.waitFor(() => expect(readFileSync(join(options.path, "SYNCED"), "utf8")).toContain('"count"'));
    cpSync(options.path, path, { recursive: true });
    await store.close();
    return path;
  }

  test("a log that was cut after a kill is told from one that a write was cut short in", async () => {
    const whole = await killed("whole");
    const cut = join(folder, "cut");
    const torn = join(folder, "torn");
    cpSync(whole, cut, { recursive: true });
    cpSync(whole, torn, { recursive: true });
    truncateSync(logOf(cut), 0);
    // The last commits came after the mark: one that was under way is no loss.
    truncateSync(logOf(torn), statSync(logOf(torn)).size - 1);
    for (const [path, isLogCut] of [
      [whole, false],
      [torn, false],
      [cut, true],
    ] as const) {
      const store = await LevelStore.open({ ...options, path });
      expect(store.lastEnd).toMatchObject({ kind: "process", isLogCut, synced: { count: 10 } });
      expect(store.hasLostCommits).toBe(isLogCut);
      await store.close();
      const again = await LevelStore.open({ ...options, path });
      expect(again.lastEnd).toMatchObject({ kind: "orderly", isLogCut: false });
      await again.close();
    }
  });

  test("what is written beside a synced commit, and is not synced, is not in its mark: gone with a power cut, it is no loss", async () => {
    const store = await LevelStore.open(options);
    let beside: Promise<void> | undefined;
    // Asked for between the commit and the look at the log.
    store.tellProgress(() => {
      const value = new Uint8Array(100_000);
      beside = store.commit([{ type: "put", key: Uint8Array.of(0x31), value }], { isSync: false });
      return 1;
    });
    await store.commit([{ type: "put", key: KEY, value: VALUE }], { isSync: true });
    await beside;
    const mark = join(options.path, "SYNCED");
    await vi.waitFor(() => expect(readFileSync(mark, "utf8")).toContain('"count"'));
    expect(JSON.parse(readFileSync(mark, "utf8")).bytes).toBeLessThan(1_000);
    await store.close();
  });

  test("who only looks leaves the end of the run before to be told", async () => {
    const path = await killed("visited");
    for (const _ of [1, 2]) {
      const visit = await LevelStore.open({ ...options, path, isVisit: true });
      expect(visit.lastEnd).toMatchObject({ kind: "process", synced: { count: 10 } });
      await visit.close();
    }
    const store = await LevelStore.open({ ...options, path });
    expect(store.lastEnd).toMatchObject({ kind: "process", isLogCut: false, synced: { count: 10 } });
    await store.close();
    for (const isVisit of [true, false]) {
      const after = await LevelStore.open({ ...options, path, isVisit });
      expect(after.lastEnd.kind).toBe("orderly");
      await after.close();
    }
  });

  test("the first start has no run before it that could have been killed", async () => {
    const store = await LevelStore.open({ ...options, path: join(folder, "first") });
    expect(store.lastEnd).toEqual({ kind: "orderly", synced: null, isLogCut: false });
    await store.close();
  });

  test("an end whose machine has started since is no kill; without a mark nothing is known", async () => {
    const path = await killed("boot");
    const mark = join(path, "SYNCED");
    writeFileSync(mark, readFileSync(mark, "utf8").replace(/"boot":"[^"]*"/, '"boot":"another"'));
    const store = await LevelStore.open({ ...options, path });
    expect(store.lastEnd.kind).toBe("machine");
    cpSync(path, `${path}.unmarked`, { recursive: true });
    await store.close();
    rmSync(join(`${path}.unmarked`, "SYNCED"));
    const unmarked = await LevelStore.open({ ...options, path: `${path}.unmarked` });
    expect(unmarked.lastEnd).toEqual({ kind: "unknown", synced: null, isLogCut: false });
    expect(unmarked.hasLostCommits).toBe(false);
    await unmarked.close();
  });

  test("a gone CURRENT does not begin an empty store over what is there", async () => {
    await fill();
    rmSync(join(options.path, "CURRENT"));
    cpSync(logOf(options.path), join(options.path, "MANIFEST-000999"));
    const store = await LevelStore.open(options);
    expect(store.opened).toBe("repaired");
    expect(await store.get(KEY)).toEqual(Buffer.from(VALUE));
    await store.close();
  });

  test("a log that is found damaged by a reopen ends it for good; the next start tells", async () => {
    const store = await LevelStore.open(options);
    for (let key = 0; key < 50; key += 1)
      await store.commit([{ type: "put", key: Uint8Array.of(0x30, key), value: VALUE }], { isSync: true });
    const log = readFileSync(logOf(options.path));
    writeFileSync(logOf(options.path), log.fill(0xee, 300, 310));
    await expect(store.reopen()).rejects.toMatchObject({ code: "store_corrupt", retry: "never" });
    await store.close();
    const again = await LevelStore.open(options);
    expect(again.hasLostCommits).toBe(true);
    await again.close();
  });
});

test("damage that shows after the start is repaired on demand", async () => {
  const store = await LevelStore.open(options);
  await store.commit([{ type: "put", key: KEY, value: VALUE }], { isSync: true });
  await store.repair();
  expect(await store.get(KEY)).toEqual(Buffer.from(VALUE));
  await store.close();
});

test("what cannot be repaired is set aside beside it", async () => {
  await fill();
  writeFileSync(join(options.path, "CURRENT"), "junk");
  // In the place of what a repair writes.
  mkdirSync(join(options.path, "CURRENT.new"));
  const store = await LevelStore.open(options);
  expect(store).toMatchObject({
    opened: "set_aside",
    setAsidePath: `${options.path}.corrupt-2026-01-02T03-04-05-000Z`,
  });
  expect(await store.get(KEY)).toBeUndefined();
  await store.close();
  expect(readdirSync(`${options.path}.corrupt-2026-01-02T03-04-05-000Z`)).toContain("CURRENT");
});

test("a path that cannot be a folder is unwritable", async () => {
  writeFileSync(join(folder, "file"), "");
  for (const path of [join(folder, "file"), join(folder, "file", "store")]) {
    await expect(LevelStore.open({ ...options, path })).rejects.toMatchObject({ code: "store_unwritable" });
  }
});

test.skipIf(process.getuid?.() === 0)("a folder without write permission is unwritable", async () => {
  await fill();
  chmodSync(options.path, 0o500);
  await expect(LevelStore.open(options)).rejects.toMatchObject({ code: "store_unwritable" });
  chmodSync(options.path, 0o700);
});
