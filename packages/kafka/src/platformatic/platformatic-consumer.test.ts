// What one partition's trouble may do to the others, and what becomes of what nobody can read. The library is a script here;
// with real brokers the consumer runs in test/end-to-end/kafka-contract.e2e.test.ts.
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import type * as library from "@platformatic/kafka";
import { crc32c, ResponseError } from "@platformatic/kafka";
import { expect, onTestFinished, test, vi } from "vitest";
import type { KafkaConsumerOptions } from "../kafka-consumer.ts";
import { PlatformaticConsumer } from "./platformatic-consumer.ts";
import { batchOf, ScriptedBroker, TOPIC, type ScriptedLog } from "./scripted-broker.test-support.ts";

const time = new SimulatedTime(0);
const broker = vi.hoisted(() => ({ current: null as ScriptedBroker | null }));

vi.mock("@platformatic/kafka", async (original) => {
  const scripted = () => broker.current!.library;
  return {
    ...(await original<typeof library>()),
    Consumer: function Consumer() {
      return new (scripted().Consumer)();
    },
    createAPI: () => ({
      async: (...args: unknown[]) =>
        scripted()
          .createAPI()
          .async(...args),
    }),
  };
});

const CONNECTION = { brokers: ["k:1"], clientId: "c", tls: null, sasl: null };

async function reading(logs: readonly ScriptedLog[], options: Partial<KafkaConsumerOptions> = {}) {
  const scripted = new ScriptedBroker(time.clock());
  scripted.logs = logs;
  broker.current = scripted;
  const troubles: string[] = [];
  const skipped: unknown[] = [];
  const consumer = new PlatformaticConsumer(
    CONNECTION,
    {
      group: "g",
      topics: [TOPIC],
      from: "start",
      positions: async (assigned) => assigned.map((partition) => ({ ...partition, offset: 0 })),
      onTrouble: (reason) => troubles.push(reason),
      onSkipped: (skip) => skipped.push(skip),
      ...options,
    },
    { clock: time.clock(), random: new SeededRandom(1) },
  );
  onTestFinished(() => consumer.close());
  const given: string[] = [];
  const takeAll = async () => {
    for (let batch = await consumer.next(); batch !== null; batch = await consumer.next())
      for (const { offset, value } of batch.records)
        given.push(`${batch.partition} ${offset} ${Buffer.from(value ?? []).toString()}`);
  };
  return { consumer, scripted, troubles, skipped, given, takeAll };
}

/** Batches, one after another. */
const log =
  (...batches: readonly Buffer[]): ScriptedLog =>
  (offset) => ({
    bytes: Buffer.concat(batches.filter((batch) => lastOffset(batch) >= offset)),
  });
const lastOffset = (batch: Buffer) => Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23);
/** One bit is another on the broker's disk. */
function damaged(batch: Buffer): Buffer {
  const bytes = Buffer.from(batch);
  bytes[bytes.length - 1] ^= 1;
  return bytes;
}

test("a batch that is damaged for good is told and skipped; what is before and behind it, and other partitions, are read", async () => {
  const bad = damaged(batchOf(1, ["b", "c"]));
  const { given, skipped, troubles, takeAll } = await reading([
    log(batchOf(0, ["a"]), bad, batchOf(3, ["d"])),
    log(batchOf(0, ["x"])),
  ]);
  void takeAll();
  await time.run(20);
  expect(given).toEqual(["0 0 a", "1 0 x"]);
  await time.run(10_000);
  expect(given).toEqual(["0 0 a", "1 0 x", "0 3 d"]);
  const reason = "the batch at offset 1 is damaged: its checksum is another";
  expect(skipped).toEqual([
    { topic: TOPIC, partition: 0, offset: 1, nextOffset: 3, damage: { reason, bytes: bad } },
  ]);
  expect(troubles).toHaveLength(5);
  expect(troubles[0]).toBe(`partition 0 of orders: ${reason}`);
});

test("a batch that was damaged on its way only is read", async () => {
  const [good, bad] = [batchOf(0, ["a"]), damaged(batchOf(0, ["a"]))];
  let fetches = 0;
  const { given, skipped, takeAll } = await reading([
    (offset) => ({ bytes: offset > 0 ? Buffer.alloc(0) : (fetches += 1) < 4 ? bad : good }),
  ]);
  void takeAll();
  await time.run(10_000);
  expect(given).toEqual(["0 0 a"]);
  expect(skipped).toEqual([]);
});

test("the last batch of a partition, and one whose own count is damaged, are skipped by what is known of them", async () => {
  const nonsense = batchOf(4, ["e", "f"]);
  nonsense.writeInt32BE(2 ** 31 - 1, 23);
  const { given, skipped, takeAll } = await reading([
    log(damaged(batchOf(0, ["a", "b"]))),
    (offset) => ({ bytes: Buffer.concat([nonsense, batchOf(6, ["g"])].slice(offset < 6 ? 0 : offset - 5)) }),
    (offset) => ({ bytes: offset < 6 ? nonsense : Buffer.alloc(0) }),
  ]);
  void takeAll();
  await time.run(30_000);
  expect(given).toEqual(["1 6 g"]);
  expect(skipped.toSorted(byPlace)).toMatchObject([
    { partition: 0, offset: 0, nextOffset: 2 },
    { partition: 1, offset: 0, nextOffset: 6 },
    ...[0, 1, 2, 3, 4, 5].map((offset) => ({ partition: 2, offset, nextOffset: offset + 1 })),
  ]);
});

test("a batch that does not unpack is skipped like one that is damaged, and what was read ahead behind it comes once", async () => {
  const bad = batchOf(1, ["b"]);
  bad.writeInt16BE(1, 21); // says gzip, and is none
  bad.writeUInt32BE(crc32c(bad.subarray(21)), 17);
  const { given, skipped, takeAll } = await reading([
    (offset) => ({ bytes: [batchOf(0, ["a"]), bad, batchOf(2, ["c"])][offset] ?? Buffer.alloc(0) }),
    log(batchOf(0, ["x"])),
  ]);
  // It reads ahead before anybody asks.
  await time.run(100);
  void takeAll();
  await time.run(10_000);
  expect(given.toSorted()).toEqual(["0 0 a", "0 2 c", "1 0 x"]);
  expect(skipped).toMatchObject([{ partition: 0, offset: 1, nextOffset: 2 }]);
});

test("what a broker refuses of one partition keeps no other from being read", async () => {
  const refusal = new ResponseError(1, 13, { "/responses/0/partitions/0": [56, null] }, null);
  let isRefused = true;
  const { given, troubles, scripted, takeAll } = await reading([
    (offset) => (isRefused ? { refusal } : log(batchOf(0, ["a"]))(offset, 0)),
    log(batchOf(0, ["x"])),
  ]);
  void takeAll();
  await time.run(20_000);
  expect(given).toEqual(["1 0 x"]);
  expect(troubles[0]).toMatch(/^partition 0 of orders: /);
  // It is asked for again, after pauses.
  const times = scripted.asked.filter((asked) => asked.some(({ partition }) => partition === 0)).length;
  expect(times).toBeGreaterThan(5);
  expect(times).toBeLessThan(50);
  isRefused = false;
  await time.run(3_000);
  expect(given).toEqual(["1 0 x", "0 0 a"]);
});

test("what is ready of a partition that is paused takes no room, and comes in order once it goes on", async () => {
  /** As much as is asked for, without an end; the last batch is cut off. */
  const endless: ScriptedLog = (offset, bytesMax) => {
    const batches: Buffer[] = [];
    for (let bytes = 0, at = offset; bytes < bytesMax; at += 10) {
      const batch = batchOf(
        at,
        Array.from({ length: 10 }, () => "x".repeat(100)),
      );
      batches.push(batch);
      bytes += batch.length;
    }
    return { bytes: Buffer.concat(batches).subarray(0, bytesMax) };
  };
  const { consumer, scripted } = await reading([endless, endless], { fetchBytesMax: 4_000 });
  const offsets: number[][] = [[], []];
  const take = async () => {
    const next = consumer.next();
    await time.run(100);
    const batch = await Promise.race([next, time.run(1_000).then(() => null)]);
    if (batch === null) throw new Error("nothing comes");
    for (const { offset } of batch.records) offsets[batch.partition].push(offset);
    return batch.partition;
  };
  const first = await take();
  const second = await take();
  expect(new Set([first, second]).size).toBe(2);
  consumer.pause([{ topic: TOPIC, partition: first }]);
  const asked = scripted.asked.length;
  for (let turn = 0; turn < 5; turn += 1) expect(await take()).toBe(second);
  for (const places of scripted.asked.slice(asked + 1))
    expect(places.map(({ partition }) => partition)).toEqual([second]);
  consumer.resume([{ topic: TOPIC, partition: first }]);
  for (let turn = 0; turn < 6; turn += 1) await take();
  expect(offsets[first].length).toBeGreaterThan(30);
  for (const of of offsets) expect(of).toEqual(of.map((_, at) => at));
});

interface Place {
  readonly partition: number;
  readonly offset: number;
}
const byPlace = (a: unknown, b: unknown) =>
  (a as Place).partition - (b as Place).partition || (a as Place).offset - (b as Place).offset;
