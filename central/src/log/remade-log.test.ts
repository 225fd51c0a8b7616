// A topic that is deleted and made again is read from its start, whenever that happens, and what it held is told as gone.
import { expect, test } from "vitest";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { centralOn, merged, told } from "./central-on-kafka.test-support.ts";
import { StoppableKafka, TopicWriter } from "./topic-writer.test-support.ts";

const LIMITS = { timeout: 10_000, interval: 20 } as const;

const gone = (partition: number, offset: number) =>
  `log_gap: partition ${partition} of the log was made anew: what it held from offset ${offset} on was not read, and is gone`;

/** A topic of so many partitions, and an agent for each of them. */
async function topicOf(partitions: number) {
  const kafka = new StoppableKafka();
  kafka.create(partitions);
  const writers = ["alpha", "beta"].slice(0, partitions).map((site) => new TopicWriter(kafka, site));
  for (const [partition, writer] of writers.entries()) {
    writer.partition = partition;
    await writer.hello();
  }
  const panes = async (from: number, to: number) => {
    for (let sequence = from; sequence <= to; sequence += 1)
      for (const writer of writers) {
        writer.atMs += 100;
        await writer.panes(sequence);
      }
  };
  return { kafka, panes };
}

test("a topic made anew while central runs and cannot reach it is read from its start", async () => {
  const { kafka, panes } = await topicOf(1);
  await panes(1, 20);
  const logged = await centralOn(kafka);
  await expect.poll(() => merged(logged, "alpha-1"), LIMITS).toBe(20);
  kafka.isAway = true;
  kafka.fail(new Error("the broker hung up"));
  await expect.poll(() => logged.central.logView.state, LIMITS).toBe("trouble");
  kafka.isAway = false;
  kafka.remakeTopic(1);
  await panes(21, 60);
  await expect.poll(() => merged(logged, "alpha-1"), LIMITS).toBe(60);
  await expect.poll(() => told(logged), LIMITS).toEqual([gone(0, 21)]);
});

test("a topic made anew while central runs, that has more than the one before as soon as it is seen, is read from its start", async () => {
  const { kafka, panes } = await topicOf(1);
  await panes(1, 20);
  const logged = await centralOn(kafka);
  await expect.poll(() => merged(logged, "alpha-1"), LIMITS).toBe(20);
  kafka.stops.set(0, 0);
  kafka.remakeTopic(1);
  await panes(21, 60);
  kafka.goOn();
  await expect.poll(() => merged(logged, "alpha-1"), LIMITS).toBe(60);
  await expect.poll(() => told(logged), LIMITS).toEqual([gone(0, 21)]);
});

test("a topic made anew while central runs, with fewer partitions, and again while it is away, is read from its start twice", async () => {
  const { kafka, panes } = await topicOf(1);
  kafka.create(2);
  await panes(1, 20);
  const first = await centralOn(kafka);
  await expect.poll(() => merged(first, "alpha-1"), LIMITS).toBe(20);
  kafka.remakeTopic(1);
  await panes(21, 30);
  await expect.poll(() => merged(first, "alpha-1"), LIMITS).toBe(30);
  await expect.poll(() => first.central.logView, LIMITS).toMatchObject({ state: "up", lag: { 0: 0 } });
  const store = await first.crash();
  kafka.remakeTopic(1);
  await panes(31, 70);
  const second = await centralOn(kafka, store);
  await expect.poll(() => merged(second, "alpha-1"), LIMITS).toBe(70);
  await expect.poll(() => told(second), LIMITS).toEqual([gone(0, 10)]);
});

test("where it is stored of one partition which topic it is of, all of another topic are read from their start", async () => {
  const { kafka, panes } = await topicOf(2);
  await panes(1, 20);
  const first = await centralOn(kafka);
  await expect.poll(() => merged(first, "alpha-1") + merged(first, "beta-1"), LIMITS).toBe(40);
  const store = await first.crash();
  // As it was stored before a position had one.
  const old = { log: "log", partition: 1, next: 21 };
  const value = new TextEncoder().encode(JSON.stringify(old));
  await store.commit([{ type: "put", key: CENTRAL_KEYS.logPosition("log", 1), value }], { isSync: true });
  kafka.remakeTopic(2);
  await panes(21, 60);
  const second = await centralOn(kafka, store);
  await expect.poll(() => merged(second, "alpha-1"), LIMITS).toBe(60);
  await expect.poll(() => merged(second, "beta-1"), LIMITS).toBe(60);
  await expect.poll(() => second.central.ledgerSum().logLost?.records, LIMITS).toBe(2);
});
