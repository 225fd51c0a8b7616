// Any run of appends, acknowledgements, trims, evictions, epochs, crashes and restarts agrees with a plain model, in
// memory and on LevelDB: what is durable is read back with its own bytes or is covered by a skipped batch.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LANES, type Lane } from "@millrace/stream";
import { decodeSkippedBatch, openBatch } from "@millrace/wire";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { BatchQueue } from "./batch-queue.ts";
import { LevelStore } from "./level-store.ts";
import { MemoryStore } from "./memory-store.ts";
import type { Change, Store } from "./store.ts";

interface ModelBatch {
  readonly body: number;
  readonly readings: number;
  isEvicted: boolean;
}

/** Sequence 1 is at index 0. */
interface ModelLane {
  batches: ModelBatch[];
  acked: number;
  sent: number;
  trimmed: number;
  epochs: number[];
}

interface Model {
  lanes: Record<Lane, ModelLane>;
  epoch: number;
}

const lane = fc.constantFrom(...LANES);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      lane,
      body: fc.nat(255),
      readings: fc.nat(50),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("send" as const), lane, count: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("ack" as const), lane, count: fc.nat(5) }) },
  fc.record({ do: fc.constant("rewind" as const), lane, count: fc.nat(5) }),
  fc.record({ do: fc.constant("trim" as const), bytesMax: fc.nat(3000) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("evict" as const), lane, bytes: fc.nat(600) }) },
  fc.record({ do: fc.constant("epoch" as const), sharedCount: fc.option(fc.nat(5)) }),
  fc.record({ do: fc.constant("fail" as const) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), isTorn: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("commit" as const), isSync: fc.boolean() }) },
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface Disk {
  readonly store: Store;
  /** What is on the disk after a crash: at least all synced commits. */
  crash(isTorn: boolean): Promise<Disk>;
  failNextCommit(): void;
  readonly keepsUnsynced: boolean;
}

function memoryDisk(store: MemoryStore): Disk {
  return {
    store,
    crash: async (isTorn) => memoryDisk(store.crash({ tornTail: isTorn })),
    failNextCommit: () => store.failNextCommits(1),
    keepsUnsynced: false,
  };
}

async function levelDisk(path: string): Promise<Disk> {
  const store = await LevelStore.open({ path, kind: "agent", version: 1, pid: 1 });
  return {
    store,
    async crash() {
      await store.close();
      return levelDisk(path);
    },
    failNextCommit() {},
    keepsUnsynced: true,
  };
}

const random = { hex: (count: number) => "0f".repeat(count) };

async function run(first: Disk, steps: readonly Step[]): Promise<void> {
  let disk = first;
  let queue = await BatchQueue.open(disk.store, { random });
  let model: Model = {
    lanes: { alarm: emptyLane(), live: emptyLane(), backfill: emptyLane(), evidence: emptyLane() },
    epoch: 0,
  };
  /** Models after each commit that a crash may leave, oldest first; the first is synced. */
  let possible = [structuredClone(model)];
  let changes: Change[] = [];

  const commit = async (isSync: boolean) => {
    for (;;) {
      try {
        await disk.store.commit(changes, { isSync });
        break;
      } catch {
        await disk.store.reopen();
      }
    }
    changes = [];
    possible = isSync ? [structuredClone(model)] : [...possible, structuredClone(model)];
  };

  for (const each of [...steps, { do: "commit", isSync: true } as const]) {
    switch (each.do) {
      case "append": {
        const { lane: name, body, readings } = each;
        const times = { startMs: body * 10, endMs: body * 10 + 10, sealedAtMs: 1 };
        const bytes = Uint8Array.of(body);
        queue.append(changes, {
          lane: name,
          kind: "panes",
          body: bytes,
          isCompressed: false,
          bodyBytesRaw: 1,
          readingCount: readings,
          ...times,
        });
        model.lanes[name].batches.push({ body, readings, isEvicted: false });
        model.lanes[name].epochs.push(model.epoch);
        break;
      }
      case "send": {
        const target = model.lanes[each.lane];
        const sent = Math.min(target.sent + each.count, target.batches.length);
        queue.markSent(changes, each.lane, sent);
        target.sent = sent;
        break;
      }
      case "ack": {
        const target = model.lanes[each.lane];
        const mark = Math.min(target.acked + each.count, target.sent);
        const moved = queue.ack(changes, each.lane, mark, 0);
        expect(moved.readings).toBe(readingsOf(target, target.acked, mark));
        takeMarks(queue, each.lane, target, mark);
        break;
      }
      case "rewind": {
        const target = model.lanes[each.lane];
        const mark = Math.max(target.acked - each.count, target.trimmed);
        expect(queue.rewind(changes, each.lane, target.acked - each.count).readings).toBe(
          readingsOf(target, mark, target.acked),
        );
        takeMarks(queue, each.lane, target, mark);
        break;
      }
      case "trim":
        queue.trim(changes, { nowMs: 0, retainAckedMs: 1e9, bytesMax: each.bytesMax });
        for (const name of LANES) {
          model.lanes[name].trimmed = queue.lane(name).oldest - 1;
          expect(model.lanes[name].trimmed).toBeLessThanOrEqual(model.lanes[name].acked);
        }
        break;
      case "evict": {
        const target = model.lanes[each.lane];
        const gone = queue.evictOldest(changes, each.lane, each.bytes, 5);
        if (gone.batches === 0) break;
        expect(gone.from).toBeGreaterThan(Math.max(target.sent, target.acked));
        expect(gone.readings).toBe(readingsOf(target, gone.from - 1, gone.to));
        for (const batch of target.batches.slice(gone.from - 1, gone.to)) batch.isEvicted = true;
        break;
      }
      case "epoch":
        model.epoch += 1;
        queue.assignEpoch(changes, model.epoch, epochFrom(model, each.sharedCount));
        for (const name of LANES) {
          const { epochs, sent } = model.lanes[name];
          const shared = Math.min(sent + (each.sharedCount ?? 0), epochs.length);
          epochs.fill(model.epoch, shared);
          const isFirst =
            each.sharedCount !== null && model.epoch > 1 && !epochs.slice(0, shared).includes(1);
          // Without an epoch nothing is sent: what damage has made so goes out under the next one.
          const nameless = isFirst ? 1 : each.sharedCount === null ? model.epoch : 0;
          for (let at = 0; at < shared; at += 1) epochs[at] ||= nameless;
        }
        break;
      case "fail":
        disk.failNextCommit();
        break;
      case "commit":
        await commit(each.isSync);
        await compare(queue, model);
        break;
      case "crash": {
        disk = await disk.crash(each.isTorn);
        queue = await BatchQueue.open(disk.store, { random });
        changes = [];
        const found = possible.findLast((candidate) => matches(queue, candidate));
        if (!each.isTorn && !disk.keepsUnsynced) expect(found).toEqual(possible[0]);
        if (disk.keepsUnsynced) expect(found).toEqual(possible.at(-1));
        if (found === undefined) throw new Error("what the crash left is no state that was committed");
        model = structuredClone(found);
        possible = [structuredClone(model)];
        await compare(queue, model);
        break;
      }
    }
  }
}

/** So many above `sent` are in a copy of the store too. */
function epochFrom(model: Model, sharedCount: number | null): Record<Lane, number> | undefined {
  if (sharedCount === null) return undefined;
  const from = ({ sent, batches }: ModelLane) => Math.min(sent + sharedCount, batches.length) + 1;
  const { alarm, live, backfill, evidence } = model.lanes;
  return { alarm: from(alarm), live: from(live), backfill: from(backfill), evidence: from(evidence) };
}

function emptyLane(): ModelLane {
  return { batches: [], acked: 0, sent: 0, trimmed: 0, epochs: [] };
}

/** A mark inside what was given up moves to its end or its beginning: nothing whole lies between. */
function takeMarks(queue: BatchQueue, name: Lane, target: ModelLane, mark: number): void {
  const { acked, sent } = queue.lane(name);
  const between = target.batches.slice(Math.min(mark, acked), Math.max(mark, acked));
  expect(between.every((batch) => batch.isEvicted)).toBe(true);
  target.acked = acked;
  target.sent = Math.max(target.sent, acked);
  expect(sent).toBe(target.sent);
}

/** Of batches after `from` up to `to` that are still whole. */
function readingsOf(target: ModelLane, from: number, to: number): number {
  return target.batches
    .slice(from, to)
    .reduce((sum, batch) => sum + (batch.isEvicted ? 0 : batch.readings), 0);
}

function matches(queue: BatchQueue, model: Model): boolean {
  if (queue.epoch !== model.epoch) return false;
  return LANES.every((name) => {
    const { oldest, acked, sent, next, queuedReadings } = queue.lane(name);
    const target = model.lanes[name];
    return (
      oldest === target.trimmed + 1 &&
      acked === target.acked &&
      sent === target.sent &&
      next === target.batches.length + 1 &&
      queuedReadings === readingsOf(target, target.acked, target.batches.length)
    );
  });
}

async function compare(queue: BatchQueue, model: Model): Promise<void> {
  expect(matches(queue, model)).toBe(true);
  for (const name of LANES) {
    const target = model.lanes[name];
    const covered = new Set<number>();
    for (const { sequence, bytes } of await queue.read(name, 1, target.batches.length)) {
      const opened = openBatch(bytes);
      if (!opened.ok) throw new Error(opened.reason);
      expect(opened.batch.epoch).toBe(target.epochs[sequence - 1]);
      if (opened.batch.kind === "skipped") {
        const skipped = decodeSkippedBatch(opened.batch.body);
        if (!skipped.ok) throw new Error(skipped.detail);
        const { from, to, readings, reason } = skipped.message;
        expect([from, reason]).toEqual([sequence, "evicted"]);
        expect(target.batches.slice(from - 1, to).every((batch) => batch.isEvicted)).toBe(true);
        expect(readings).toBe(
          target.batches.slice(from - 1, to).reduce((sum, batch) => sum + batch.readings, 0),
        );
        for (let each = from; each <= to; each += 1) covered.add(each);
      } else {
        expect([...opened.batch.body]).toEqual([target.batches[sequence - 1].body]);
        expect(target.batches[sequence - 1].isEvicted).toBe(false);
        covered.add(sequence);
      }
    }
    for (let sequence = target.acked + 1; sequence <= target.batches.length; sequence += 1) {
      expect(covered.has(sequence)).toBe(true);
    }
  }
  for await (const row of queue.verify()) expect(row.type).toBe("lane");
}

const folder = mkdtempSync(join(tmpdir(), "millrace-queue-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("in memory, with torn tails and failing commits", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      async (steps, share) => {
        await run(memoryDisk(new MemoryStore({ random: { next: () => share } })), steps);
      },
    ),
    { numRuns: 300 },
  );
});

test("on LevelDB", async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      runs += 1;
      await run(await levelDisk(join(folder, String(runs))), steps);
    }),
    { numRuns: 10, endOnFailure: true },
  );
});

test("bits of LevelDB's tables flipped: every batch reads as itself or as skipped", async () => {
  const path = join(folder, "flipped");
  const store = await LevelStore.open({ path, kind: "agent", version: 1, pid: 1 });
  const written = await BatchQueue.open(store, { random });
  const changes: Change[] = [];
  const bodyBytes = 5000;
  for (let at = 1; at <= 200; at += 1) {
    // Not compressible, so that a flipped bit stays one.
    let state = at;
    const body = Uint8Array.from({ length: bodyBytes }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return state >>> 24;
    });
    const times = { startMs: at, endMs: at + 1, sealedAtMs: at };
    const fields = { body, isCompressed: false, bodyBytesRaw: bodyBytes, readingCount: 1, ...times };
    written.append(changes, { lane: "live", kind: "panes", ...fields });
  }
  await store.commit(changes, { isSync: true });
  await store.compact(Uint8Array.of(0), Uint8Array.of(0xff));
  await store.close();
  const table = readdirSync(path).find((file) => file.endsWith(".ldb"));
  if (table === undefined) throw new Error("no table");
  const bytes = readFileSync(join(path, table));
  for (let at = 10_000; at < bytes.length - 200_000; at += 50_021) bytes[at] ^= 0x10;
  writeFileSync(join(path, table), bytes);

  const damaged = await LevelStore.open({ path, kind: "agent", version: 1, pid: 1 });
  const queue = await BatchQueue.open(damaged, { random });
  const kinds = new Map<string, number>();
  for (const { sequence, bytes: batch } of await queue.read("live", 1, 200)) {
    const opened = openBatch(batch);
    if (!opened.ok) throw new Error(opened.reason);
    expect(opened.batch.sequence).toBe(sequence);
    kinds.set(opened.batch.kind, (kinds.get(opened.batch.kind) ?? 0) + 1);
  }
  expect((kinds.get("panes") ?? 0) + (kinds.get("skipped") ?? 0)).toBe(200);
  expect(kinds.get("skipped")).toBeGreaterThan(5);
  expect(kinds.get("panes")).toBeGreaterThan(100);
  expect(queue.takeDamaged([]).readings).toBe(kinds.get("skipped"));
  await damaged.close();
});
