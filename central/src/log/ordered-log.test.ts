// What lies in several partitions of a topic comes in the order in which each agent wrote it, whatever clocks say.
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
