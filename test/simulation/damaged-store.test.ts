// The files of an agent's real store are damaged in every way: it always starts, its ledger adds up, and no window at central
// is wrong without being told.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Change, LevelStore, type LevelStoreOptions, type MemorySnapshot } from "@millrace/queue";
import type { WindowResult } from "@millrace/stream";
import { SeededRandom } from "@millrace/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { trueWindows } from "./oracle.ts";
import type { SimulatedReading } from "./plant.ts";
import { World } from "./world.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const MUTATIONS = isLong ? 1_000 : 60;
/** Of the grown store, which takes longer. */
const GROWN_MUTATIONS = isLong ? 1_000 : 24;
const FIRST_SEED = isLong ? 0 : Math.floor(Math.random() * 2 ** 31);
const AGENT = "alpha-1";
const WINDOW_MS = 10_000;

let folder: string;
let base: Base;
let grown: Base;

/** A site that has been cut off for a while: what it and central hold, and the truth. */
interface Base {
  readonly path: string;
  readonly truth: readonly SimulatedReading[];
  readonly central: MemorySnapshot;
  readonly nowMs: number;
}

function storeOptions(path: string): LevelStoreOptions {
  return { path, kind: "agent", version: 2, pid: process.pid };
}

/**
 * Plays a site's commits, as they came, into a real store; its older half is compacted into tables. `isGrown`: with hundreds
 * of KB of quarantine beside them, overwritten and deleted in rounds, in tables of several levels, and an empty log.
 */
async function makeBase(name: string, isGrown: boolean): Promise<Base> {
  const world = new World({ seed: 11 });
  const [site] = world.sites;
  const commits: (readonly Change[])[] = [];
  const random = new SeededRandom(7, "grown");
  world.committing = (committing, changes) => {
    if (committing === site.name) commits.push(changes.map((change) => ({ ...change })));
  };
  void world.startCentral();
  void site.start();
  site.produce();
  await world.time.run(20_000);
  Object.assign(site.link.faults, { isUpCut: true, isDownCut: true });
  await world.time.run(60_000);
  site.stopProducing();
  expect(await world.time.runUntil(() => site.unacknowledgedCount === 0, 20_000)).toBe(true);
  await world.time.run(300);
  const path = join(folder, name);
  const store = await LevelStore.open(storeOptions(path));
  for (const [at, changes] of commits.entries()) {
    await store.commit(changes, { isSync: false });
    const isPaused = at === Math.floor(commits.length * 0.4) || at === Math.floor(commits.length * 0.7);
    if (isPaused && isGrown) await grow(store, random);
    if (isPaused) await store.compact(Uint8Array.of(0), Uint8Array.of(255));
  }
  // A reopened store has its log in a table, in a level above those.
  if (isGrown) await store.reopen();
  await store.close();
  return { path, truth: site.truth, central: world.centralImage(), nowMs: world.time.nowMs };
}

async function grow(store: LevelStore, random: SeededRandom): Promise<void> {
  for (let number = 0; number < 1_000; number += 1) {
    const key = Uint8Array.of(0x34, 0, 0, 0, 0, 0, 0, number >> 8, number & 255);
    const head = Array.from({ length: 300 }, () => random.integer(32, 126));
    const value = new TextEncoder().encode(JSON.stringify({ head: String.fromCharCode(...head) }));
    const change: Change = random.chance(0.2) ? { type: "del", key } : { type: "put", key, value };
    await store.commit([change], { isSync: false });
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-damaged-"));
  base = await makeBase("base", false);
  grown = await makeBase("grown", true);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One mutation; what it was, in words. `isOrderly`: the store says how long its logs were. */
function mutate(path: string, random: SeededRandom, isOrderly: boolean): string {
  const names = readdirSync(path);
  const name = names[random.integer(0, names.length - 1)];
  const file = join(path, name);
  const bytes = readFileSync(file);
  const kinds = ["flip", "flip", "flip", "zero", "swap"];
  // A log that is cut after a crash is what a power cut leaves: nothing tells it from that.
  if (isOrderly || !name.endsWith(".log")) kinds.push("cut", "gone");
  const kind = kinds[random.integer(0, kinds.length - 1)];
  if (kind === "gone") {
    rmSync(file);
  } else if (kind === "cut") {
    truncateSync(file, random.integer(0, bytes.length));
  } else if (bytes.length > 0) {
    const block = Math.min(bytes.length, random.chance(0.5) ? 4_096 : 512);
    const at = random.integer(0, bytes.length - block);
    if (kind === "flip") bytes[random.integer(0, bytes.length - 1)] ^= 1 << random.integer(0, 7);
    else if (kind === "zero") bytes.fill(0, at, at + block);
    else {
      const other = random.integer(0, bytes.length - block);
      const kept = Buffer.from(bytes.subarray(at, at + block));
      bytes.copy(bytes, at, other, other + block);
      kept.copy(bytes, other);
    }
    writeFileSync(file, bytes);
  }
  return `${kind} ${name}`;
}

/** One of the tables damaged as disks do it: a bit, five bits, lost sectors, cut, gone. */
function mutateTable(path: string, random: SeededRandom): string {
  const tables = readdirSync(path).filter((each) => each.endsWith(".ldb"));
  const name = tables[random.integer(0, tables.length - 1)];
  const file = join(path, name);
  const bytes = readFileSync(file);
  const kinds = ["one bit", "five bits", "five bits", "512 B", "4 KB", "cut", "gone"];
  const kind = kinds[random.integer(0, kinds.length - 1)];
  if (kind === "gone") rmSync(file);
  else if (kind === "cut") truncateSync(file, random.integer(0, bytes.length));
  else {
    const sector = kind === "4 KB" ? 4_096 : 512;
    const at = sector * random.integer(0, Math.floor(bytes.length / sector));
    if (kind.endsWith("B")) bytes.fill(0, at, Math.min(at + sector, bytes.length));
    for (let bit = kind.endsWith("B") ? 5 : kind === "one bit" ? 4 : 0; bit < 5; bit += 1)
      bytes[random.integer(0, bytes.length - 1)] ^= 1 << random.integer(0, 7);
    writeFileSync(file, bytes);
  }
  return `${kind} ${name}`;
}

/** Everything in the store, as the agent would read it at its first start. */
function contentOf(path: string): { image: MemorySnapshot; hasLostCommits: boolean } {
  const script = join(import.meta.dirname, "read-store.ts");
  const { signal, status, stdout, stderr } = spawnSync(process.execPath, [script, path], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`it does not start: ${signal ?? status}: ${stderr}`);
  const { entries, hasLostCommits }: { entries: [string, string][]; hasLostCommits: boolean } =
    JSON.parse(stdout);
  const image = { entries: new Map(entries.map(([key, value]) => [key, Buffer.from(value, "base64")])) };
  return { image, hasLostCommits };
}

it("mutations of any file: it starts, adds up, and tells", { timeout: 3_600_000 }, async () => {
  await mutated(base, MUTATIONS, (path, random) => {
    const isOrderly = random.chance(0.5);
    if (!isOrderly) rmSync(join(path, "CLOSED"));
    const done = Array.from({ length: random.integer(1, 2) }, () => mutate(path, random, isOrderly));
    return `${done.join(", ")}${isOrderly ? "" : ", after a crash"}`;
  });
});

it("damage to a grown store's tables: the same", { timeout: 3_600_000 }, async () => {
  const tables = readdirSync(grown.path).filter((name) => name.endsWith(".ldb"));
  const bytes = tables.map((name) => statSync(join(grown.path, name)).size);
  expect(tables.length).toBeGreaterThan(1);
  expect(Math.max(...bytes)).toBeGreaterThan(200_000);
  await mutated(grown, GROWN_MUTATIONS, mutateTable);
});

async function mutated(
  from: Base,
  count: number,
  mutation: (path: string, random: SeededRandom) => string,
): Promise<void> {
  const windows = trueWindows(from.truth, WINDOW_MS);
  for (let seed = FIRST_SEED; seed < FIRST_SEED + count; seed += 1) {
    const random = new SeededRandom(seed, "mutations");
    const path = join(folder, `copy-${seed}`);
    cpSync(from.path, path, { recursive: true });
    const what = `seed ${seed}: ${mutation(path, random)}`;
    try {
      const { image, hasLostCommits } = contentOf(path);
      const world = new World({
        seed: 11,
        startMs: from.nowMs + 60_000,
        images: { alpha: image, central: from.central },
        hasLostCommits,
      });
      await expectHonest(world, windows);
    } catch (error) {
      throw new Error(what, { cause: error });
    }
    rmSync(path, { recursive: true });
  }
}

async function expectHonest(world: World, truth: ReturnType<typeof trueWindows>): Promise<void> {
  const [site] = world.sites;
  void world.startCentral();
  await world.time.run(500);
  const started = site.start();
  await world.time.during(started);
  const isDrained = () => Object.values(site.status()?.lanes ?? {}).every((lane) => lane.queuedBatches === 0);
  await world.time.run(2_000);
  expect(await world.time.runUntil(isDrained, 300_000)).toBe(true);
  await world.time.run(75_000);
  const { ledger } = site.status() ?? {};
  if (ledger === undefined) throw new Error("the agent is down");
  expect(ledger.aggregated).toBe(
    ledger.open + ledger.queued + ledger.forwarded + ledger.evicted + ledger.damaged,
  );
  const query = { window: "temperature_10s", group: { site: "alpha" }, fromMs: 0, toMs: 2 ** 50 };
  const answer = world.central?.windows({ ...query, limit: 1_000, cursor: null });
  if (answer === undefined) throw new Error("central is down");
  const { windows } = await world.time.during(answer);
  const shown = new Map(windows.map((window) => [`alpha ${window.startMs}`, window]));
  for (const [key, { count }] of truth) {
    const window = shown.get(key);
    if (window?.values["count"] !== count) expect([key, window, isTold(window)]).toEqual([key, window, true]);
  }
  for (const key of shown.keys()) expect(truth.has(key) || isTold(shown.get(key))).toBe(true);
  const isLoss = windows.some(isTold) || shown.size < truth.size;
  if (isLoss) {
    const kinds = ["data_loss", "store_replaced", "store_rolled_back", "sequence_gap"];
    expect(world.central?.alarms().some(({ agent, rule }) => agent === AGENT && kinds.includes(rule))).toBe(
      true,
    );
  }
}

/** A window that nobody can take for complete. One that is not there at all is told by the alarm alone. */
function isTold(window: WindowResult | undefined): boolean {
  return window === undefined || window.completeness.agentsMissing.includes(AGENT);
}
