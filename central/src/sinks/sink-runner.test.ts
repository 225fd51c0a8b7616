// A sink's queue, retry and rebuild over a scripted target, in simulated time: what the target ends up with is the latest of all.
import { MemoryLogger, MillraceError } from "@millrace/runtime";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { WindowQuery } from "../api/central-reader.ts";
import { BATCH_ITEMS_MAX, SinkRunner, WAITING_MAX } from "./sink-runner.ts";
import { WindowStream } from "./window-stream.ts";

const START_MS = Date.parse("2026-01-05T10:00:00Z");
const HOUR_MS = 3_600_000;
const ORDERS: WindowSpec = {
  name: "orders_1m",
  metric: "orders",
  kind: "aligned",
  sizeMs: 60_000,
  slideMs: 60_000,
  offsetMs: 0,
  by: ["region"],
  latenessMs: 7 * 86_400_000,
};

function result(number: number, revision: number, window = "orders_1m"): WindowResult {
  const startMs = START_MS - HOUR_MS / 2 + number;
  return {
    window,
    metric: "orders",
    group: { region: "北京" },
    startMs,
    endMs: startMs + 60_000,
    revision,
    state: "provisional",
    values: { count: revision },
    beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
    completeness: {
      agentsExpected: 1,
      agentsReporting: 0,
      agentsMissing: [],
      sitesExpected: 1,
      sitesReporting: 0,
      sitesMissing: [],
    },
    updatedAtMs: START_MS,
  };
}

/** Holds the latest by revision, as Redis does. */
class Target {
  readonly name = "redis";
  readonly held = new Map<number, number>();
  readonly batches: number[] = [];
  readonly opens: number[] = [];
  pruned: number[] = [];
  holdsAll = false;
  failure: Error | null = null;
  /** Told during each write, which goes on trying. */
  trouble: MillraceError | null = null;
  restMsAsked = 0;
  /** Told of each write. */
  onWrite: () => void = () => {};
  /** What a write waits for. */
  gate: Promise<void> = Promise.resolve();
  readonly #time: SimulatedTime;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  async open() {
    this.opens.push(this.#time.clock().monotonicMs());
    if (this.failure !== null) throw this.failure;
    return { holdsAll: this.holdsAll };
  }

  async write(results: readonly WindowResult[], onTrouble: (trouble: MillraceError) => void) {
    this.onWrite();
    if (this.trouble !== null) onTrouble(this.trouble);
    await this.gate;
    if (this.failure !== null) throw this.failure;
    this.batches.push(results.length);
    let taken = 0;
    for (const { startMs, revision } of results) {
      if ((this.held.get(startMs) ?? 0) > revision) continue;
      this.held.set(startMs, revision);
      taken += 1;
    }
    return { taken };
  }

  async prune(endedBeforeMs: number) {
    this.pruned.push(endedBeforeMs);
    for (const startMs of this.held.keys()) if (startMs + 60_000 < endedBeforeMs) this.held.delete(startMs);
    return { hasMore: this.pruned.length === 1 };
  }

  restMs() {
    return this.restMsAsked;
  }

  close() {}
}

/** Central's history, and the mark in its store: what is left when central is killed. */
class Kept {
  readonly history = new Map<number, WindowResult>();
  markMs: number | null = null;
  /** What writing it waits for. */
  markGate: Promise<void> = Promise.resolve();
}

function sink({
  kept,
  target: earlier,
  waitingMax,
}: { readonly kept?: Kept; readonly target?: Target; readonly waitingMax?: number } = {}) {
  const time = new SimulatedTime(START_MS);
  const target = earlier ?? new Target(time);
  const { history } = kept ?? new Kept();
  const log = new MemoryLogger();
  let aheadMs = 0;
  const runner = new SinkRunner({
    target,
    stream: new WindowStream({
      windows: [ORDERS],
      hasProvisional: true,
      readHistory: async ({ fromMs, cursor, limit }: WindowQuery) => {
        const from = cursor === null ? 0 : Number(cursor);
        const all = [...history.values()].filter(({ startMs }) => startMs >= fromMs);
        return {
          windows: all.slice(from, from + limit),
          cursor: from + limit < all.length ? String(from + limit) : null,
        };
      },
    }),
    mark:
      kept === undefined
        ? null
        : {
            read: async () => kept.markMs,
            write: async (markMs) => {
              await kept.markGate;
              kept.markMs = markMs;
            },
          },
    retentionMs: HOUR_MS,
    ...(waitingMax === undefined ? {} : { waitingMax }),
    clock: time.clock({ offsetMs: () => aheadMs }),
    random: new SeededRandom(7),
    log,
  });
  /** As central does: durable first. */
  const publish = (...results: WindowResult[]) => {
    for (const each of results) history.set(each.startMs, each);
    runner.offer(results);
  };
  const truth = () => new Map([...history].map(([startMs, { revision }]) => [startMs, revision]));
  const setClock = (byMs: number) => (aheadMs = byMs);
  return { time, target, runner, publish, truth, log, history, setClock };
}

test("what was there before the start is written from the history, then what is published", async () => {
  const { time, target, runner, publish, truth } = sink();
  for (let number = 0; number < 2 * BATCH_ITEMS_MAX + 1; number += 1) publish(result(number, 1));
  runner.start();
  await time.run(1);
  expect(target.held).toEqual(truth());
  expect(runner.view).toMatchObject({ state: "up", waiting: 0, rebuilds: 1, reason: "" });
  publish(result(3, 2), result(5_000, 1), result(9, 1, "another"));
  await time.run(1);
  expect(target.held.get(result(3, 2).startMs)).toBe(2);
  expect(target.held.has(result(5_000, 1).startMs)).toBe(true);
  expect(target.held.size).toBe(2 * BATCH_ITEMS_MAX + 2);
});

test("while the target is away only the latest revision of each window waits, and it is tried again after growing, random waits", async () => {
  const { time, target, runner, publish, truth, log } = sink();
  runner.start();
  await time.run(1);
  target.holdsAll = true;
  target.failure = new MillraceError("redis_unreachable", { url: "redis://r", reason: "gone" });
  for (let revision = 1; revision <= 100; revision += 1) publish(result(1, revision), result(2, revision));
  await time.run(60_000);
  expect(runner.view).toMatchObject({ state: "down", waiting: 2, code: "redis_unreachable" });
  expect(runner.view.outcomes).toMatchObject({ superseded: 198, written: 0 });
  expect(runner.view.waitingMs).toBeGreaterThanOrEqual(59_000);
  const gaps = target.opens.slice(2).map((atMs, index) => atMs - target.opens[index + 1]);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(10_000);
  expect(new Set(gaps.map((gap) => Math.round(gap))).size).toBeGreaterThan(5);
  expect(log.lines.some((line) => JSON.stringify(line).includes("redis_unreachable"))).toBe(true);
  target.failure = null;
  await time.run(10_000);
  expect(target.held).toEqual(truth());
  expect(runner.view).toMatchObject({ state: "up", waiting: 0, rebuilds: 1 });
});

test("more than may wait is left to the history: memory is bounded, nothing is missing in the end", async () => {
  const { time, target, runner, publish, truth } = sink();
  runner.start();
  await time.run(1);
  target.holdsAll = true;
  target.failure = new Error("away");
  for (let number = 0; number <= WAITING_MAX; number += 1) publish(result(number, 1));
  publish(result(1, 2));
  expect(runner.view.waiting).toBe(0);
  expect(runner.view.outcomes.deferred).toBe(WAITING_MAX + 2);
  target.failure = null;
  await time.run(20_000);
  expect(target.held).toEqual(truth());
  expect(runner.view.rebuilds).toBe(2);
});

test("what is left out while a pass over the history goes on is the next pass's; what is published then is kept, and the mark follows", async () => {
  const kept = new Kept();
  const { time, target, runner, publish, truth, log } = sink({ kept, waitingMax: 10 });
  const all = (count: number, revision: number, updatedAtMs: number, first = 0) =>
    publish(...Array.from({ length: count }, (_, number) => at(first + number, revision, updatedAtMs)));
  all(3 * BATCH_ITEMS_MAX, 1, START_MS - 5_000);
  let writes = 0;
  target.onWrite = () => {
    writes += 1;
    // While the first page is written, and the last.
    if (writes === 1) all(11, 2, START_MS - 4_000);
    if (writes === 3) {
      all(11, 3, START_MS - 3_000, 100);
      target.failure = new Error("away");
    }
  };
  runner.start();
  await time.run(1);
  expect(runner.view).toMatchObject({ state: "down", owed: 22, rebuilds: 1 });
  target.failure = null;
  target.onWrite = () => {};
  target.holdsAll = true;
  const gates: PromiseWithResolvers<void>[] = [];
  const held = () => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    target.gate = gate.promise;
  };
  held();
  await time.run(1_000);
  // The page that failed is written again, not all of them.
  const { gate } = target;
  target.onWrite = held;
  gates[0]?.resolve();
  await gate;
  await time.run(1_500);
  expect(runner.view).toMatchObject({ state: "rebuilding", rebuilds: 2, owed: 22 });
  expect(kept.markMs).toBe(START_MS - 4_000);
  target.onWrite = () => {};
  target.gate = Promise.resolve();
  for (const each of gates) each.resolve();
  await time.run(1_500);
  expect(target.batches).toEqual([500, 500, 500, 22]);
  expect(target.held).toEqual(truth());
  expect(kept.markMs).toBe(START_MS - 3_000);
  expect(runner.view).toMatchObject({ state: "up", owed: 0, owedMs: 0 });
  expect(log.messages("warn").filter((message) => message.includes("far behind"))).toEqual([]);
});

test("what a target did not come to is no reason to pass over what came of it and was left out", async () => {
  const { time, target, runner, publish, truth } = sink({ waitingMax: 10_000 });
  const write = target.write.bind(target);
  const others = (first: number, count: number) =>
    publish(...Array.from({ length: count }, (_, number) => result(first + number, 1)));
  let writes = 0;
  Object.assign(target, {
    holdsAll: true,
    write: async (results: readonly WindowResult[]) => {
      writes += 1;
      if (writes === 1) publish(result(1, 2));
      if (writes === 1) others(10, 10_001);
      if (writes === 2) others(20_100, 600);
      const isLeft = ({ startMs }: WindowResult) => writes <= 2 && startMs === result(1, 1).startMs;
      const { taken } = await write(
        results.filter((each) => !isLeft(each)),
        () => undefined,
      );
      const items = results.filter(isLeft);
      const why = new MillraceError("redis_unreachable", { url: "redis://r", reason: "gone" });
      return items.length === 0 ? { taken } : { taken, left: { items, why } };
    },
  });
  publish(result(1, 1));
  runner.start();
  await time.run(60_000);
  expect(runner.view).toMatchObject({ state: "up", owed: 0 });
  expect(target.held).toEqual(truth());
});

test("a sink that takes too little is said to be far behind once it has been for a quarter of an hour", async () => {
  const { time, target, runner, publish, log } = sink();
  for (let number = 0; number < 4 * BATCH_ITEMS_MAX; number += 1) publish(result(number, 1));
  target.holdsAll = true;
  const told = () => log.messages("warn").filter((message) => message.includes("far behind")).length;
  const slow = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    time.after(400_000, resolve);
    target.gate = promise;
  };
  target.onWrite = slow;
  runner.start();
  await time.run(899_000);
  expect(told()).toBe(0);
  expect(runner.view.owedMs).toBe(899_000);
  await time.run(400_000);
  expect(told()).toBe(1);
  await time.run(400_000);
  expect(told()).toBe(1);
  expect(runner.view).toMatchObject({ state: "up", owed: 0, owedMs: 0 });
});

test("a target that has lost what it held is given all again, and what is published meanwhile is not missed", async () => {
  const { time, target, runner, publish, truth } = sink();
  for (let number = 0; number < 3 * BATCH_ITEMS_MAX; number += 1) publish(result(number, 1));
  runner.start();
  await time.run(1);
  target.held.clear();
  target.failure = new MillraceError("redis_emptied", { url: "redis://r" });
  publish(result(7, 2));
  await time.run(1);
  target.failure = null;
  const opened = Promise.withResolvers<void>();
  target.gate = opened.promise;
  await time.run(500);
  publish(result(8, 2), result(9_000, 1));
  opened.resolve();
  await time.run(10_000);
  expect(target.held).toEqual(truth());
  expect(runner.view).toMatchObject({ state: "up", rebuilds: 2 });
});

test("a revision that comes while an earlier one of its window is being written is written after it", async () => {
  const { time, target, runner, publish, truth } = sink();
  runner.start();
  await time.run(1);
  const opened = Promise.withResolvers<void>();
  target.gate = opened.promise;
  publish(result(1, 1));
  await time.run(1);
  publish(result(1, 2));
  opened.resolve();
  await time.run(1);
  expect(target.held).toEqual(truth());
  expect(runner.view.waiting).toBe(0);
});

test("windows that change while they are written do not keep others waiting", async () => {
  const { time, target, runner, publish } = sink();
  runner.start();
  await time.run(1);
  const all = (revision: number) =>
    publish(...Array.from({ length: BATCH_ITEMS_MAX + 10 }, (_, number) => result(number, revision)));
  let writes = 0;
  // Every write is overtaken, as by a slow target.
  target.onWrite = () => {
    writes += 1;
    if (writes <= 2) all(writes + 1);
    else expect(target.held.size).toBe(BATCH_ITEMS_MAX + 10);
  };
  all(1);
  await time.run(1);
  expect(writes).toBeGreaterThan(2);
  expect(new Set(target.held.values())).toEqual(new Set([3]));
});

test("what is past the retention is not written, and pruned in slices", async () => {
  const { time, target, runner, publish } = sink();
  // The first begins too early to be read at all; the second is read, and has ended too long ago.
  for (const startMs of [START_MS - 3 * HOUR_MS, START_MS - HOUR_MS - 60_000])
    publish({ ...result(1, 1), startMs, endMs: startMs + 30_000 });
  runner.start();
  await time.run(1);
  expect(target.held.size).toBe(0);
  expect(runner.view.outcomes.expired).toBe(1);
  expect(target.pruned).toEqual([START_MS - HOUR_MS, START_MS - HOUR_MS]);
  await time.run(10_000);
  expect(target.pruned).toHaveLength(3);
});

test("a stop writes what waits, and does not wait for a target that does not answer", async () => {
  const { time, target, runner, publish, truth } = sink();
  runner.start();
  await time.run(1);
  publish(result(1, 1));
  let stopped = runner.stop();
  await time.run(1);
  await stopped;
  expect(target.held).toEqual(truth());
  expect(runner.view.state).toBe("stopped");
  const hanging = sink();
  hanging.target.failure = new Error("away");
  hanging.runner.start();
  await hanging.time.run(1_000);
  stopped = hanging.runner.stop();
  await hanging.time.run(1);
  await stopped;
});

const at = (number: number, revision: number, updatedAtMs: number) => ({
  ...result(number, revision),
  updatedAtMs,
});

test("a start writes what the mark does not say is there: what was changed since, and no more", async () => {
  const kept = new Kept();
  const first = sink({ kept });
  first.target.holdsAll = true;
  first.publish(at(1, 1, START_MS - 500), at(2, 1, START_MS - 400));
  first.runner.start();
  await first.time.run(1_500);
  expect(kept.markMs).toBe(START_MS - 400);
  // Killed: what was committed last is in the history, and was not written.
  kept.history.set(result(3, 1).startMs, at(3, 1, START_MS - 400));
  kept.history.set(result(1, 2).startMs, at(1, 2, START_MS - 300));
  first.target.batches.length = 0;
  const second = sink({ kept, target: first.target });
  second.runner.start();
  await second.time.run(1_500);
  expect(second.target.held).toEqual(second.truth());
  expect(second.target.batches).toEqual([3]);
  expect(kept.markMs).toBe(START_MS - 300);
  second.target.batches.length = 0;
  const third = sink({ kept, target: first.target });
  third.runner.start();
  third.publish(at(4, 1, START_MS - 100));
  await third.time.run(1);
  const stopped = third.runner.stop();
  await third.time.run(1);
  await stopped;
  expect(third.target.held).toEqual(third.truth());
  // After an orderly stop nothing is written again, however often it starts.
  for (let start = 0; start < 2; start += 1) {
    expect(kept.markMs).toBe(START_MS - 99);
    third.target.batches.length = 0;
    const next = sink({ kept, target: first.target });
    next.runner.start();
    await next.time.run(2_000);
    const ended = next.runner.stop();
    await next.time.run(1);
    await ended;
    expect(next.target.batches).toEqual([]);
  }
});

test("the mark stays before what waits, and goes back with a clock that is set back", async () => {
  const kept = new Kept();
  const { time, target, runner, publish } = sink({ kept });
  target.holdsAll = true;
  runner.start();
  publish(at(1, 1, START_MS));
  await time.run(2_000);
  target.failure = new Error("away");
  publish(at(2, 1, START_MS + 2_000), at(3, 1, START_MS + 2_001));
  await time.run(5_000);
  expect(kept.markMs).toBe(START_MS + 2_000);
  target.failure = null;
  await time.run(20_000);
  expect(kept.markMs).toBe(START_MS + 2_001);
  publish(at(5, 1, START_MS + 3_000));
  await time.run(1);
  expect(kept.markMs).toBe(START_MS + 3_000);
  // At once, though the mark was written just before.
  let markAtWrite: number | null = null;
  target.onWrite = () => (markAtWrite = kept.markMs);
  publish(at(4, 1, START_MS - HOUR_MS));
  await time.run(1);
  expect(target.held.has(result(4, 1).startMs)).toBe(true);
  expect(markAtWrite).toBe(START_MS - HOUR_MS);
});

test("a clock that was set back while the target was away leaves nothing out after a start, though it is right again by then", async () => {
  for (const isStopped of [true, false]) {
    const kept = new Kept();
    const first = sink({ kept });
    first.target.holdsAll = true;
    first.runner.start();
    first.publish(at(1, 1, START_MS));
    await first.time.run(2_000);
    expect(kept.markMs).toBe(START_MS);
    first.target.failure = new Error("away");
    // While a mark is being written, too, and where that fails.
    const marked = Promise.withResolvers<void>();
    kept.markGate = marked.promise;
    first.publish(at(2, 1, START_MS - 600_000));
    first.publish(at(3, 1, START_MS - 599_000));
    marked.reject(new Error("No space left on device"));
    await first.time.run(1);
    kept.markGate = Promise.resolve();
    first.publish(at(4, 1, START_MS - 598_000));
    await first.time.run(20_000);
    expect(kept.markMs).toBe(START_MS - 600_000);
    const stopped = isStopped ? first.runner.stop() : null;
    await first.time.run(3_000);
    await stopped;
    first.target.failure = null;
    const second = sink({ kept, target: first.target });
    second.runner.start();
    await second.time.run(2_000);
    expect(second.target.held).toEqual(second.truth());
  }
});

test("what comes by a clock that was set back before the mark is read takes it back as well, and one ahead is forgotten for good", async () => {
  const kept = new Kept();
  kept.markMs = START_MS - 1_000;
  const early = sink({ kept });
  early.target.failure = new Error("away");
  early.publish(at(1, 1, START_MS - 600_000));
  early.runner.start();
  await early.time.run(1);
  expect(kept.markMs).toBe(START_MS - 600_000);
  kept.markMs = START_MS + HOUR_MS;
  const ahead = sink({ kept });
  ahead.target.failure = new Error("away");
  ahead.runner.start();
  await ahead.time.run(1);
  expect(kept.markMs).toBeNull();
});

test("what is published does not wait while the mark is written", async () => {
  const kept = new Kept();
  const { time, target, runner, publish, truth } = sink({ kept });
  runner.start();
  await time.run(2_000);
  const marked = Promise.withResolvers<void>();
  kept.markGate = marked.promise;
  for (let number = 1; number <= 5; number += 1) {
    publish({ ...result(number, 1), updatedAtMs: START_MS + 2_000 * number });
    await time.run(2_000);
  }
  expect(target.held).toEqual(truth());
  expect(kept.markMs).toBeNull();
  marked.resolve();
  await time.run(2_000);
  expect(kept.markMs).toBe(START_MS + 10_000);
  await runner.stop();
});

test("a mark that cannot be stored is no trouble of the target's, is told, and is stored once that can be done", async () => {
  const kept = new Kept();
  const { time, target, runner, publish, truth, log } = sink({ kept });
  runner.start();
  await time.run(2_000);
  kept.markGate = Promise.reject(new Error("No space left on device"));
  kept.markGate.catch(() => undefined);
  const states = new Set<string>();
  for (let number = 1; number <= 20; number += 1) {
    publish({ ...result(number, 1), updatedAtMs: START_MS + 2_000 + number });
    await time.run(300);
    states.add(runner.view.state);
  }
  expect([...states]).toEqual(["up"]);
  expect(runner.view.failures).toEqual({});
  expect(log.messages("info")).toEqual([]);
  const told = log.messages("warn");
  expect(new Set(told)).toEqual(new Set(["cannot store how far a sink is; trying again"]));
  // Once a second at most, whatever is written meanwhile.
  expect(told.length).toBeLessThan(8);
  expect(target.held).toEqual(truth());
  kept.markGate = Promise.resolve();
  await time.run(2_000);
  expect(kept.markMs).toBe(START_MS + 2_020);
});

test("while the history cannot be read, what is new is written, and nothing is said to be up again", async () => {
  const { time, target, runner, publish, log, history, truth } = sink();
  runner.start();
  await time.run(1);
  const values = () => {
    throw new Error("no room");
  };
  Object.assign(history, { values });
  target.failure = new Error("gone");
  publish(result(0, 1));
  await time.run(1);
  target.failure = null;
  await time.run(500);
  target.holdsAll = true;
  for (let number = 1; number <= 50; number += 1) {
    publish(result(number, 1));
    await time.run(200);
  }
  expect(target.held.size).toBeGreaterThan(40);
  expect(runner.view).toMatchObject({ state: "down", reason: "no room" });
  expect(log.messages("info")).toEqual([]);
  Object.assign(history, { values: Map.prototype.values });
  await time.run(20_000);
  expect(target.held).toEqual(truth());
  expect(log.messages("info")).toEqual(["a sink is up again"]);
});

test("a mark that lies ahead of the clock, or of a target that is another, says nothing", async () => {
  for (const isAhead of [true, false]) {
    const kept = new Kept();
    kept.markMs = isAhead ? START_MS + HOUR_MS : START_MS;
    const { time, target, runner, truth } = sink({ kept });
    target.holdsAll = isAhead;
    const before = at(1, 1, START_MS - 2_000);
    kept.history.set(before.startMs, before);
    let markAtWrite: number | null = START_MS;
    target.onWrite = () => (markAtWrite = kept.markMs);
    runner.start();
    await time.run(1);
    expect(target.held).toEqual(truth());
    if (!isAhead) expect(markAtWrite).toBeNull();
  }
});

test("a target that goes on trying by itself is down meanwhile, and one that asks for rest is left alone", async () => {
  const { time, target, runner, publish, log } = sink();
  runner.start();
  await time.run(1);
  const opened = Promise.withResolvers<void>();
  target.gate = opened.promise;
  target.trouble = new MillraceError("redis_unreachable", { url: "redis://r", reason: "gone" });
  publish(result(1, 1));
  await time.run(1_000);
  expect(runner.view).toMatchObject({ state: "down", code: "redis_unreachable", waiting: 1 });
  opened.resolve();
  await time.run(1);
  expect(runner.view).toMatchObject({ state: "up", code: "", waiting: 0 });
  await time.run(10_000);
  expect(log.messages("info")).toEqual(["a sink is up again"]);
  target.trouble = null;
  target.failure = new Error("too many");
  target.restMsAsked = 60_000;
  const opens = target.opens.length;
  publish(result(2, 1));
  await time.run(59_000);
  expect(target.opens).toHaveLength(opens);
  await time.run(2_000);
  expect(target.opens).toHaveLength(opens + 1);
});

test("a target that can be opened and takes nothing is down all the while, and is not said to be up again", async () => {
  const { time, target, runner, publish, log } = sink();
  runner.start();
  await time.run(1);
  const failure = new Error("full");
  const whileWritten: string[] = [];
  target.onWrite = () => {
    whileWritten.push(runner.view.state);
    throw failure;
  };
  publish(result(1, 1));
  for (let tries = 0; tries < 100; tries += 1) {
    await time.run(137);
    expect(runner.view.state).toBe("down");
  }
  expect(new Set(whileWritten.slice(1))).toEqual(new Set(["down"]));
  expect(log.messages("info")).toEqual([]);
  target.onWrite = () => {};
  await time.run(10_000);
  expect(runner.view).toMatchObject({ state: "up", reason: "" });
  expect(log.messages("info")).toEqual(["a sink is up again"]);
});

test("what a clock that was ahead took for too old is written again once the clock is right", async () => {
  const kept = new Kept();
  const { time, target, runner, publish, truth, setClock } = sink({ kept });
  runner.start();
  for (let number = 0; number < 20; number += 1) publish(result(number * 1_000, 1));
  await time.run(30_000);
  expect(target.held).toEqual(truth());
  setClock(10 * HOUR_MS);
  publish(result(20_000, 1));
  await time.run(30_000);
  expect(target.held.size).toBe(0);
  setClock(0);
  await time.run(30_000);
  expect(target.held).toEqual(truth());
  // Slewed by some seconds it is right all the while.
  const { rebuilds } = runner.view;
  setClock(-5_000);
  await time.run(30_000);
  expect(runner.view.rebuilds).toBe(rebuilds);
  await Promise.all([runner.stop(), time.run(5_000)]);
});

test.each([
  ["takes all", null],
  ["is away until then", new Error("away")],
])(
  "what a clock that was ahead took for too old is written once it is right, over a restart: the target %s",
  async (_, failure) => {
    const kept = new Kept();
    const target = new Target(new SimulatedTime(START_MS));
    // As Kafka and files: it forgets by itself.
    Object.assign(target, { holdsAll: true, prune: undefined });
    const run = async (aheadMs: number) => {
      const central = sink({ kept, target });
      central.setClock(aheadMs);
      central.runner.start();
      await central.time.run(2_000);
      return central;
    };
    const first = await run(10 * HOUR_MS);
    first.publish(at(1, 1, START_MS + 10 * HOUR_MS - 2), at(2, 1, START_MS + 10 * HOUR_MS - 1));
    await first.time.run(2_000);
    expect(target.held.size).toBe(0);
    target.failure = failure;
    const second = await run(10 * HOUR_MS);
    second.setClock(0);
    target.failure = null;
    await second.time.run(20_000);
    expect(target.held).toEqual(second.truth());
    expect(second.truth().size).toBe(2);
  },
);

test("what the first rebuild did not read, by a clock that was ahead, is written once it is right", async () => {
  const kept = new Kept();
  const { time, target, runner, publish, truth, setClock } = sink({ kept });
  Object.assign(target, { prune: undefined });
  publish(at(1, 1, START_MS - 2_000));
  setClock(10 * HOUR_MS);
  runner.start();
  await time.run(2_000);
  expect(target.held.size).toBe(0);
  setClock(0);
  await time.run(20_000);
  expect(target.held).toEqual(truth());
});
