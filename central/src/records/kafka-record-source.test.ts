// Reading a topic into central: where it goes on after a crash, what it does about a topic that is not there, partitions that
// are added, partitions that another program reads in its group, brokers that are away, records that retention has deleted, and partitions far ahead of others.
import { silentLogger } from "@millrace/runtime";
import type { Clock, Logger } from "@millrace/runtime";
import { SimulatedTime } from "@millrace/testkit";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { FakeKafka } from "./fake-kafka.test-support.ts";
import { KafkaRecordSource } from "./kafka-record-source.ts";
import { openCentral } from "./open-central.test-support.ts";
import { AMOUNT, AMOUNT_1M, bytesOf, KAFKA_ORDERS } from "./staged-records.test-support.ts";

const NOW = 1_700_000_040_000;

const logged: { readonly cause: string; readonly reason: unknown }[] = [];
const told: string[] = [];
const log: Logger = {
  ...silentLogger,
  info: (message) => void told.push(message),
  ended: (cause) => void told.push(`ended: ${cause}`),
  repeated: (cause, _message, fields) => void logged.push({ cause, reason: fields?.reason }),
};

beforeEach(() => {
  logged.splice(0);
  told.splice(0);
});

async function start(
  kafka: FakeKafka,
  store = new CrashingStore(),
  time = new SimulatedTime(NOW),
  latenessMs = AMOUNT_1M.latenessMs,
) {
  let isAlive = true;
  let readBytes = 0;
  const { after, ...times } = time.clock({ isAlive: () => isAlive });
  let held: (() => void)[] | null = null;
  const clock: Clock = {
    ...times,
    after: (delayMs, callback) => after(delayMs, () => (held === null ? callback() : held.push(callback))),
  };
  const central = await openCentral({
    agents: [],
    pipeline: { metrics: [AMOUNT], windows: [{ ...AMOUNT_1M, latenessMs }] },
    records: [KAFKA_ORDERS],
    store,
    clock,
  });
  const source = new KafkaRecordSource({
    stream: "orders",
    topic: "orders",
    group: "g",
    client: kafka,
    target: central,
    buffers: { add: (bytes) => (readBytes += bytes) },
    clock,
    log,
  });
  source.start();
  onTestFinished(() => void source.close());
  return {
    time,
    store,
    central,
    source,
    die: () => {
      isAlive = false;
      return start(kafka, new CrashingStore(store.snapshot()), time);
    },
    /** The process does not run. */
    freeze: () => void (held = []),
    thaw: () => {
      const due = held ?? [];
      held = null;
      for (const callback of due) callback();
    },
    /** That were read, and are done with. */
    readBytes: () => readBytes,
    stream: () => central.recordStreams()[0],
    windows: async () =>
      (
        await central.windows({
          window: "amount_1m",
          group: {},
          fromMs: -1e15,
          toMs: 1e15,
          limit: 100,
          cursor: null,
        })
      ).windows,
  };
}

const order = (id: number, t = NOW) => bytesOf({ id, t, region: "北京", amount: 1 });
const orders = (from: number, to: number, t = NOW) =>
  Array.from({ length: to - from }, (_, at) => order(from + at, t));

test("a topic that is not there yet is waited for, and said; then it is read from its start, whatever the group has", async () => {
  const kafka = new FakeKafka("orders");
  kafka.committed.set(0, 7);
  const { time, source, stream } = await start(kafka);
  await time.run(5_000);
  expect(source.view).toMatchObject({ state: "no_topic", reason: "there is no topic orders" });
  // By its name: each stream that waits has a line of its own.
  expect(logged[0]?.cause).toBe("records_topic orders");
  kafka.create(2);
  kafka.send(0, orders(0, 25));
  kafka.send(1, [...orders(20, 30), bytesOf("junk"), null]);
  await time.run(3_000);
  expect(source.view).toMatchObject({ state: "reading", lag: { 0: 0, 1: 0 } });
  expect(stream()).toMatchObject({
    totals: { received: 37, aggregated: 30, duplicates: 5, rejected: { malformed: 1, empty: 1 } },
    partitions: [
      { partition: 0, position: 25 },
      { partition: 1, position: 12 },
    ],
  });
  await time.run(3_000);
  expect(kafka.committed).toEqual(
    new Map([
      [0, 25],
      [1, 12],
    ]),
  );
});

test("it tells what it has read once that is durable, so that its buffers can be collected", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  kafka.send(0, orders(0, 100));
  const store = new CrashingStore();
  let isRefused = true;
  store.fate = () => (isRefused ? "refused" : "done");
  const { time, readBytes } = await start(kafka, store);
  await time.run(1_000);
  expect(readBytes()).toBe(0);
  isRefused = false;
  await time.run(3_000);
  const bytes = orders(0, 100).reduce((sum, { length }) => sum + length, 0);
  expect(readBytes()).toBeGreaterThanOrEqual(bytes);
});

test("killed at any commit, it goes on where the windows are: each record counts once", async () => {
  for (let commit = 1; commit <= 12; commit += 1) {
    for (const fate of ["crash_before", "crash_after"] as const) {
      const kafka = new FakeKafka("orders");
      kafka.create(3);
      kafka.batchMax = 3;
      let world = await start(kafka);
      world.store.fate = (each) => (each === commit ? fate : "done");
      for (let round = 0; round < 6; round += 1) {
        for (const partition of [0, 1, 2])
          kafka.send(partition, orders(round * 20 + partition, round * 20 + partition + 5));
        await world.time.run(700);
      }
      world = await world.die();
      await world.time.run(5_000);
      expect(world.stream().totals).toMatchObject({ received: 90, aggregated: 42, duplicates: 48 });
      const [window] = await world.windows();
      expect(window.values).toMatchObject({ count: 42, sum: 42 });
    }
  }
});

test("partitions that are added are read, and expected only from then on", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  const { time, stream, windows } = await start(kafka);
  kafka.send(0, [order(1, NOW - 120_000), order(2)]);
  await time.run(5_000);
  kafka.create(2);
  kafka.send(1, [order(3)]);
  await time.run(5_000);
  expect(stream()).toMatchObject({ totals: { aggregated: 3 } });
  const [before, now] = await windows();
  expect(before.completeness).toMatchObject({ agentsExpected: 1, agentsMissing: [] });
  expect(now.completeness).toMatchObject({ agentsExpected: 2, agentsMissing: ["orders/0", "orders/1"] });
});

test("a partition without records holds no window open for longer than the idle timeout", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(2);
  const { time, windows } = await start(kafka);
  for (let second = 0; second < 120; second += 1) {
    kafka.send(0, [order(second, NOW + second * 1_000)]);
    await time.run(1_000);
  }
  const [first] = await windows();
  expect(first).toMatchObject({ state: "complete", completeness: { agentsExpected: 2, agentsMissing: [] } });
});

test("what retention has deleted before it was read is counted, alarmed, and its windows are never complete", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  let world = await start(kafka);
  kafka.send(0, orders(0, 10, NOW - 300_000));
  await world.time.run(1_000);
  kafka.isAway = true;
  kafka.send(0, orders(10, 50, NOW - 120_000));
  kafka.send(0, orders(50, 60, NOW));
  kafka.expire(0, 45);
  await world.time.run(5_000);
  expect(world.source.view).toMatchObject({ state: "trouble", reason: "no broker answers" });
  kafka.isAway = false;
  world = await world.die();
  await world.time.run(3_000);
  expect(world.stream().totals).toMatchObject({ received: 25, aggregated: 25, lost: 35 });
  expect(world.central.alarms()[0]).toMatchObject({ rule: "data_loss", agent: "orders/0", isActive: true });
  expect(world.central.alarms()[0].message).toMatch(
    /^35 records of orders\/0 were gone before central could read them/,
  );
  kafka.send(0, [order(100, NOW + 10_000)]);
  await world.time.run(90_000);
  const states = (await world.windows()).map(({ state, completeness }) => [
    state,
    completeness.agentsWithLoss ?? [],
  ]);
  // It may have lost some of the time between the last record before and the first one after.
  expect(states).toEqual([
    ["provisional", ["orders/0"]],
    ["provisional", ["orders/0"]],
    ["complete", []],
  ]);
});

test("a gap that is met once central takes nothing any more is said, and ends no process", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  const { central, source, time } = await start(kafka);
  kafka.send(0, orders(0, 10));
  await time.run(1_000);
  await central.close();
  kafka.isAway = true;
  kafka.send(0, orders(10, 20));
  kafka.expire(0, 20);
  kafka.isAway = false;
  kafka.send(0, []);
  await time.run(1_000);
  expect(source.view).toMatchObject({ state: "trouble", reason: "central stops; nothing was taken" });
});

test("records that nobody can read are counted, told and kept in the quarantine; what is behind them is read, over crashes", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(2);
  kafka.send(0, orders(0, 20));
  kafka.send(1, orders(20, 25));
  const damage = { reason: "its checksum is another", bytes: bytesOf("junk") };
  kafka.damaged = { topic: "orders", partition: 0, offset: 12, nextOffset: 15, damage };
  let world = await start(kafka);
  await world.time.run(3_000);
  const totals = { received: 22, aggregated: 22, lost: 3 };
  expect(world.stream()).toMatchObject({ totals, partitions: [{ position: 20 }, { position: 5 }] });
  world = await world.die();
  await world.time.run(3_000);
  expect(world.stream().totals).toMatchObject(totals);
  expect(world.central.alarms()).toMatchObject([
    {
      rule: "data_loss",
      agent: "orders/0",
      message: "3 records of orders/0 cannot be read (its checksum is another); it goes on at offset 15",
    },
  ]);
  expect(await world.central.quarantine(10)).toMatchObject([
    {
      reason: "unreadable",
      agent: "orders/0",
      record: { stream: "orders", topic: "orders", partition: 0, offset: 12 },
      detail: damage.reason,
      byteCount: 4,
    },
  ]);
});

test("a partition that is shorter than what was read of it is read from its start", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  let world = await start(kafka);
  kafka.send(0, orders(0, 10));
  await world.time.run(1_000);
  kafka.remake(0);
  kafka.send(0, orders(8, 12));
  world = await world.die();
  await world.time.run(3_000);
  expect(world.stream()).toMatchObject({
    totals: { received: 14, aggregated: 12, duplicates: 2, lost: 0 },
    partitions: [{ position: 4 }],
  });
  expect(world.central.alarms()[0].message).toMatch(/begins anew at offset 0/);
});

test("a topic that was made anew while central was away is read from its start though it holds more than the one before", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(2);
  let world = await start(kafka);
  kafka.send(0, orders(0, 10));
  kafka.send(1, orders(10, 20));
  await world.time.run(1_000);
  kafka.remakeTopic(2);
  kafka.send(0, orders(8, 40));
  world = await world.die();
  await world.time.run(3_000);
  expect(world.stream()).toMatchObject({
    totals: { received: 52, aggregated: 40, duplicates: 12, lost: 0 },
    partitions: [{ position: 32 }, { position: 0 }],
  });
  expect(world.source.view).toMatchObject({ state: "reading", lag: { 0: 0, 1: 0 }, remadeCount: 1 });
  const told = world.central.alarms().map(({ agent, message }) => `${agent}: ${message}`);
  expect(told.sort()).toEqual(
    [0, 1].map(
      (partition) =>
        `orders/${partition}: the topic was made anew: partition orders/${partition} is read from offset 0 on; what it held before from offset 10 on was not read, and is gone`,
    ),
  );
  expect(logged.filter(({ cause }) => cause === "records_topic_remade orders")).toHaveLength(1);
  // It is told once.
  world = await world.die();
  kafka.send(1, orders(40, 45));
  await world.time.run(3_000);
  expect(world.stream().totals).toMatchObject({ received: 57, aggregated: 45, lost: 0 });
  expect(logged.filter(({ cause }) => cause === "records_topic_remade orders")).toHaveLength(1);
});

test("a topic that is made anew while central runs is read from its start, whatever is under way", async () => {
  for (let atMs = 0; atMs <= 500; atMs += 50) {
    const kafka = new FakeKafka("orders");
    kafka.create(2);
    const { time, stream, central } = await start(kafka);
    kafka.send(0, orders(0, 100));
    kafka.send(1, orders(100, 110));
    await time.run(atMs);
    const before = stream().totals.received;
    kafka.remakeTopic(2);
    kafka.send(0, orders(90, 300));
    await time.run(10_000);
    expect(stream().partitions).toMatchObject([{ position: 210 }, { position: 0 }]);
    expect(stream().totals).toMatchObject({
      received: before + 210,
      aggregated: before === 110 ? 300 : expect.any(Number),
    });
    if (before > 0) expect(central.alarms().map(({ rule }) => rule)).toContain("data_loss");
  }
});

test("a topic that was made anew with fewer partitions holds no window open for those that are gone", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(2);
  const { time, stream, windows } = await start(kafka);
  for (const partition of [0, 1]) kafka.send(partition, orders(10 * partition, 10 * partition + 10));
  await time.run(1_000);
  kafka.remakeTopic(1);
  await time.run(3_000);
  for (let second = 0; second < 240; second += 1) {
    kafka.send(0, [order(100 + second, NOW + 4_000 + second * 1_000)]);
    await time.run(1_000);
  }
  expect(stream().totals).toMatchObject({ received: 260, aggregated: 260 });
  const states = (await windows()).map(({ state, completeness: { agentsWithLoss } }) => [
    state,
    agentsWithLoss ?? [],
  ]);
  // What the topic of before held and was not read may have been of the first window.
  expect(states.slice(0, 3)).toEqual([
    ["provisional", ["orders/0", "orders/1"]],
    ["complete", []],
    ["complete", []],
  ]);
});

test("a store that does not say of which topic its positions are goes on at them", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  let world = await start(kafka);
  kafka.send(0, orders(0, 10));
  await world.time.run(1_000);
  const key = CENTRAL_KEYS.records("orders");
  const stored = new TextDecoder().decode(await world.store.get(key));
  expect(stored).toContain('"topicId":"orders 1"');
  const value = new TextEncoder().encode(stored.replace(',"topicId":"orders 1"', ""));
  await world.store.commit([{ type: "put", key, value }], { isSync: true });
  kafka.send(0, orders(10, 20));
  world = await world.die();
  await world.time.run(3_000);
  expect(world.stream().totals).toMatchObject({ received: 20, aggregated: 20 });
  kafka.remakeTopic(1);
  kafka.send(0, orders(20, 60));
  world = await world.die();
  await world.time.run(3_000);
  expect(world.stream().totals).toMatchObject({ received: 60, aggregated: 60 });
});

test("a backlog that is read one partition after the other: nothing is set aside, and the same ids are found in all", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(3);
  kafka.batchMax = 1_000;
  for (const partition of [0, 1, 2])
    for (let hour = 240; hour > 0; hour -= 1)
      kafka.send(partition, [
        order(1_000 * partition + hour, NOW - hour * 3_600_000),
        order(5_000 + hour, NOW - hour * 3_600_000),
      ]);
  const { time, stream } = await start(kafka);
  await time.run(5_000);
  expect(stream().totals).toMatchObject({ received: 1_440, aggregated: 960, duplicates: 480, setAside: 0 });
});

test("a partition waits while it is far ahead of another and ids have become many", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(2);
  const { time, source, stream, central } = await start(kafka);
  const isAhead = vi
    .spyOn(central, "isRecordPartitionAhead")
    .mockImplementation((_, partition) => partition === 0);
  kafka.send(0, orders(0, 5));
  await time.run(1_000);
  kafka.send(0, orders(5, 10));
  kafka.send(1, orders(10, 15));
  await time.run(3_000);
  expect(source.view.waiting).toEqual([0]);
  expect(stream().totals.received).toBe(10);
  isAhead.mockRestore();
  await time.run(3_000);
  expect(source.view.waiting).toEqual([]);
  expect(stream().totals.received).toBe(15);
});

test("a partition that waits goes on waiting where reading had to begin anew", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(2);
  const { time, source, stream, central } = await start(kafka);
  const isAhead = vi
    .spyOn(central, "isRecordPartitionAhead")
    .mockImplementation((_, partition) => partition === 0);
  await time.run(3_000);
  expect(source.view.waiting).toEqual([0]);
  kafka.fail(new Error("the connection is gone"));
  await time.run(5_000);
  expect(source.view).toMatchObject({ state: "reading", waiting: [0] });
  kafka.send(0, orders(0, 5));
  kafka.send(1, orders(5, 10));
  await time.run(3_000);
  expect(stream().totals.received).toBe(5);
  isAhead.mockRestore();
  await time.run(3_000);
  expect(stream().totals.received).toBe(10);
});

test("where central has no room for more it is offered again once something is durable, or later: never without a pause", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  const { time, central, stream } = await start(kafka);
  kafka.send(0, orders(0, 5));
  await time.run(1_000);
  let refusedCount = 0;
  const offered = vi.spyOn(central, "offerRecords").mockImplementation(() => {
    refusedCount += 1;
    if (refusedCount > 1_000) throw new Error("it lets nobody else run");
    return null;
  });
  kafka.send(0, orders(5, 10));
  await time.run(3_000);
  expect(refusedCount).toBeGreaterThan(0);
  expect(refusedCount).toBeLessThan(10);
  offered.mockRestore();
  await time.run(3_000);
  expect(stream().totals).toMatchObject({ received: 10, aggregated: 10 });
});

test("partitions that another member of the group reads: it says so while there is something in them, and who has all has none", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(3);
  kafka.others.add(0).add(2);
  const { time, source } = await start(kafka);
  for (const partition of [0, 1]) kafka.send(partition, orders(partition * 10, partition * 10 + 5));
  await time.run(30_000);
  // Partitions that are added are with nobody for so long.
  expect(source.view).toMatchObject({ state: "reading", reason: "", lag: { 0: 5, 1: 0, 2: 0 } });
  await time.run(20_000);
  const reason =
    "partition 0 is read by another member of group g; give kafka.group a name that only this central has";
  expect(source.view).toMatchObject({ state: "trouble", reason });
  kafka.send(1, orders(20, 25));
  kafka.send(2, orders(30, 31));
  await time.run(50_000);
  expect(source.view).toMatchObject({
    state: "trouble",
    reason: reason.replace("partition 0 is", "partitions 0, 2 are"),
  });
  expect(logged.at(-1)).toEqual({ cause: "records_source orders", reason: source.view.reason });
  kafka.others.clear();
  kafka.create(3);
  await time.run(10_000);
  expect(source.view).toMatchObject({ state: "reading", reason: "", lag: { 0: 0, 1: 0, 2: 0 } });
});

test("one whose every partition another member reads says so too", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  kafka.others.add(0);
  const { time, source } = await start(kafka);
  kafka.send(0, orders(0, 5));
  await time.run(50_000);
  expect(source.view).toMatchObject({ state: "trouble", lag: { 0: 5 } });
  expect(source.view.reason).toMatch(/^partition 0 is read by another member of group g/);
});

test("fetches that fail are said, in the log too, as long as they fail, whatever the broker answers beside", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  const { time, source } = await start(kafka);
  await time.run(3_000);
  const fetches = vi.spyOn(kafka, "read").mockReturnValue(null);
  kafka.send(0, orders(0, 5));
  for (let second = 0; second < 20; second += 1) {
    kafka.trouble("not authorized");
    await time.run(1_000);
    expect(source.view).toMatchObject({ state: "trouble", reason: "not authorized" });
  }
  expect(logged).toContainEqual({ cause: "records_source orders", reason: "not authorized" });
  // Nobody has said that they go on.
  await time.run(30_000);
  expect(source.view.state).toBe("trouble");
  fetches.mockRestore();
  expect(told).toEqual([]);
  kafka.send(0, []);
  await time.run(3_000);
  expect(source.view).toMatchObject({ state: "reading", reason: "" });
  await time.run(30_000);
  // Nothing of before is said behind it.
  const ended = ["ended: records_topic orders", "ended: records_source orders"];
  expect(told).toEqual([...ended, "records are read"]);
});

test("a broker that hangs is said after ten seconds, and so is that it is over", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  const { time, source } = await start(kafka);
  await time.run(3_000);
  const { promise, resolve } = Promise.withResolvers<void>();
  kafka.gate = promise;
  await time.run(9_000);
  expect(source.view).toMatchObject({ state: "reading", reason: "" });
  await time.run(4_000);
  const reason = "no answer for 10 s; waiting for it";
  expect(source.view).toMatchObject({ state: "trouble", reason });
  expect(logged).toEqual([{ cause: "records_source orders", reason }]);
  resolve();
  await time.run(10_000);
  expect(source.view).toMatchObject({ state: "reading", reason: "" });
});

test("brokers that hang hold up no stop: neither what the group is still to be told, nor the question for the topic", async () => {
  const [kafka, early] = [new FakeKafka("orders"), new FakeKafka("orders")];
  for (const each of [kafka, early]) each.create(1);
  kafka.send(0, orders(0, 5));
  early.hangs = true;
  for (const each of [kafka, early]) {
    const { time, source } = await start(each);
    await time.run(1_000);
    each.hangs = true;
    void source.close();
    await time.run(1_500);
    expect(source.view.state).toBe("stopped");
  }
});

test("while no broker answers nobody knows what is there: windows are not complete, and none is final without it", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(2);
  const { time, windows, stream } = await start(kafka, new CrashingStore(), new SimulatedTime(NOW), 60_000);
  kafka.send(0, orders(0, 5));
  kafka.send(1, orders(5, 10));
  await time.run(5_000);
  kafka.isAway = true;
  // It is central that is cut off: others write on.
  for (let minute = 0; minute < 10; minute += 1) {
    for (const partition of [0, 1])
      kafka.send(partition, [order(100 + 2 * minute + partition, NOW + 10_000 + minute * 60_000)]);
    await time.run(60_000);
  }
  expect((await windows()).map(({ state }) => state)).toEqual(["provisional"]);
  kafka.isAway = false;
  for (const partition of [0, 1]) kafka.send(partition, []);
  await time.run(100_000);
  expect(stream().totals).toMatchObject({ received: 30, aggregated: 30, tooLate: 0 });
  expect((await windows()).map(({ values }) => values["count"])).toEqual([12, ...Array(9).fill(2)]);
});

test("after the process stood still nobody knows what has come meanwhile, before the broker was asked", async () => {
  const kafka = new FakeKafka("orders");
  kafka.create(1);
  const world = await start(kafka, new CrashingStore(), new SimulatedTime(NOW), 60_000);
  const { time, stream, windows } = world;
  kafka.send(0, orders(0, 5));
  await time.run(5_000);
  world.freeze();
  await time.run(600_000);
  const told = Promise.withResolvers<void>();
  kafka.gate = told.promise;
  world.thaw();
  await time.run(1_500);
  expect((await windows()).map(({ state }) => state)).toEqual(["provisional"]);
  told.resolve();
  kafka.send(0, [order(6, NOW + 10_000)]);
  await time.run(5_000);
  expect(stream().totals).toMatchObject({ aggregated: 6, tooLate: 0 });
});
