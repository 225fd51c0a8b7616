// What lies in several partitions of a topic comes in the order in which each agent wrote it, whatever clocks say.
import { systemClock } from "@millrace/runtime";
import { expect, test } from "vitest";
import { centralOn, merged, told } from "./central-on-kafka.test-support.ts";
import { BEGAN_MS, StoppableKafka, TopicWriter } from "./topic-writer.test-support.ts";

const LIMITS = { timeout: 10_000, interval: 20 } as const;

test.each([0, 5_000, 3_600_000])(
  "batches before and after partitions were added all count beside an agent whose clock is %s ms ahead",
  async (aheadMs) => {
    const kafka = new StoppableKafka();
    kafka.create(1);
    const [alpha, beta] = [new TopicWriter(kafka, "alpha"), new TopicWriter(kafka, "beta")];
    await alpha.hello();
    beta.atMs = BEGAN_MS + aheadMs;
    await beta.hello();
    for (let sequence = 1; sequence <= 200; sequence += 1) {
      if (sequence === 101) kafka.create(2);
      if (sequence > 100) alpha.partition = 1;
      alpha.atMs = BEGAN_MS + sequence * 100;
      beta.atMs = alpha.atMs + aheadMs;
      if (sequence % 10 === 5 && sequence < 150) await beta.panes((sequence + 5) / 10);
      await alpha.panes(sequence);
    }
    const logged = await centralOn(kafka);
    await expect.poll(() => logged.central.health().isReady, LIMITS).toBe(true);
    expect([merged(logged, "alpha-1"), merged(logged, "beta-1")]).toEqual([200, 15]);
    expect(told(logged)).toEqual([]);
  },
);

test("batches before and after partitions were added all count where central crashes in the middle of them", async () => {
  const kafka = new StoppableKafka();
  kafka.create(1);
  const [alpha, beta] = [new TopicWriter(kafka, "alpha"), new TopicWriter(kafka, "beta")];
  const both = async (from: number, to: number) => {
    for (let sequence = from; sequence <= to; sequence += 1) {
      if (sequence > 120) beta.partition = 1;
      alpha.atMs = beta.atMs = BEGAN_MS + sequence * 100;
      await alpha.panes(sequence);
      await beta.panes(sequence);
    }
  };
  await alpha.hello();
  await beta.hello();
  await both(1, 10);
  const first = await centralOn(kafka);
  await expect.poll(() => merged(first, "alpha-1") + merged(first, "beta-1"), LIMITS).toBe(20);
  const store = await first.crash();
  kafka.create(2);
  alpha.partition = 1;
  await both(11, 200);
  kafka.stops.set(0, 62);
  const second = await centralOn(kafka, store);
  await expect.poll(() => merged(second, "beta-1"), LIMITS).toBe(50);
  const third = await centralOn(kafka, await second.crash());
  // Partition 0 answers later than the other.
  await expect.poll(() => third.central.logView.lag[0], LIMITS).toBeGreaterThan(0);
  kafka.goOn();
  await expect.poll(() => merged(third, "alpha-1"), LIMITS).toBe(200);
  await expect.poll(() => merged(third, "beta-1"), LIMITS).toBe(200);
  expect(told(third)).toEqual([]);
});

test("what is still to be read is not late where another agent's clock is eight hours ahead", async () => {
  const kafka = new StoppableKafka();
  kafka.batchMax = 7;
  kafka.create(1);
  const [alpha, beta] = [new TopicWriter(kafka, "alpha"), new TopicWriter(kafka, "beta")];
  const beganMs = BEGAN_MS - 10 * 3_600_000;
  const at = (seconds: number) => {
    alpha.atMs = beganMs + seconds * 1_000;
    beta.atMs = alpha.atMs + 8 * 3_600_000;
  };
  at(0);
  await alpha.hello();
  await beta.hello();
  for (let sequence = 1; sequence <= 100; sequence += 1) {
    at(sequence);
    if (sequence % 5 === 0) await beta.panes(sequence / 5, beta.atMs - 1_000);
    await alpha.panes(sequence, alpha.atMs - 1_000);
  }
  kafka.stops.set(0, 60);
  const logged = await centralOn(kafka);
  await expect.poll(() => merged(logged, "alpha-1"), LIMITS).toBeGreaterThan(40);
  // Time passes in which central, and its rules, might take the rest for late.
  const commits = systemClock.monotonicMs() + 1_000;
  await expect.poll(() => systemClock.monotonicMs(), LIMITS).toBeGreaterThan(commits);
  kafka.goOn();
  await expect.poll(() => logged.central.health().isReady, LIMITS).toBe(true);
  expect(logged.central.ledger().get("alpha-1")).toMatchObject({ merged: 100, tooLate: 0 });
});

test("where partitions were added since its last start a central fetches no more than it may keep of each", async () => {
  const kafka = new StoppableKafka();
  kafka.create(1);
  await new TopicWriter(kafka, "alpha").hello();
  const first = await centralOn(kafka);
  await expect.poll(() => first.central.health().isReady, LIMITS).toBe(true);
  const store = await first.crash();
  kafka.create(2);
  const second = await centralOn(kafka, store);
  await expect.poll(() => second.central.health().isReady, LIMITS).toBe(true);
  expect(kafka.fetchBytesMax).toEqual([1024 * 1024, 1024 * 1024]);
});

test("a partition that gives nothing holds the others back no longer than it may; its windows are complete once it is read", async () => {
  const kafka = new StoppableKafka();
  kafka.create(2);
  const [alpha, beta] = [new TopicWriter(kafka, "alpha"), new TopicWriter(kafka, "beta")];
  beta.partition = 1;
  await alpha.hello();
  await beta.hello();
  for (let sequence = 1; sequence <= 20; sequence += 1)
    for (const writer of [alpha, beta]) {
      writer.atMs += 100;
      await writer.panes(sequence);
    }
  kafka.stops.set(1, 5);
  const logged = await centralOn(kafka, undefined, 3_000);
  await expect.poll(() => logged.central.health().reason, LIMITS).toMatch(/nothing comes of partition 1$/);
  expect(merged(logged, "alpha-1")).toBeLessThan(20);
  await expect.poll(() => merged(logged, "alpha-1"), LIMITS).toBe(20);
  const lacks =
    "nothing comes of partition 1, and what is left there is not in the windows, which stay provisional until it is";
  await expect
    .poll(() => logged.central.health(), LIMITS)
    .toMatchObject({
      isAlive: true,
      isReady: false,
      reason: lacks,
    });
  expect(logged.central.logView).toMatchObject({ state: "trouble", leftOut: [1], lag: { 0: 0, 1: 11 } });
  // Who comes is let in, as where a partition fails later on.
  const comer = logged.agent("alpha");
  comer.hello();
  await expect.poll(() => comer.welcome !== undefined, LIMITS).toBe(true);
  const complete = async () => {
    const query = { window: "t_1s", group: {}, fromMs: 0, toMs: 2 ** 50, limit: 100, cursor: null };
    const { windows } = await logged.central.windows(query);
    return windows.filter(({ state }) => state === "complete").length;
  };
  expect(await complete()).toBe(0);
  kafka.goOn();
  await expect.poll(() => merged(logged, "beta-1"), LIMITS).toBe(20);
  await expect.poll(() => logged.central.health().isReady, LIMITS).toBe(true);
  expect(logged.central.logView.leftOut).toEqual([]);
  expect(told(logged).join()).not.toContain("sequence_gap");
  await expect.poll(complete, LIMITS).toBeGreaterThan(0);
});

test("health names the partition that holds all others back", async () => {
  const kafka = new StoppableKafka();
  kafka.create(2);
  const [alpha, beta] = [new TopicWriter(kafka, "alpha"), new TopicWriter(kafka, "beta")];
  beta.partition = 1;
  await alpha.hello();
  await beta.hello();
  kafka.stops.set(1, 0);
  const logged = await centralOn(kafka);
  const reason = () => logged.central.health().reason;
  await expect
    .poll(reason, LIMITS)
    .toBe(
      "central reads its log to the end first: 2 records to go; all partitions are taken together, the earliest record first, and nothing comes of partition 1",
    );
  kafka.trouble("partition 1 of log: not allowed");
  await expect
    .poll(reason, LIMITS)
    .toMatch(/^the log cannot be used: partition 1 of log: not allowed; .* nothing comes of partition 1$/);
  kafka.goOn();
  await expect.poll(() => logged.central.health().isReady, LIMITS).toBe(true);
});
