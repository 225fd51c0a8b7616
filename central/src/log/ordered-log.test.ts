// What lies in several partitions of a topic comes in the order in which each agent wrote it, whatever clocks say.
import { expect, onTestFinished, test } from "vitest";
import type { CrashingStore } from "../crashing-store.test-support.ts";
import { KafkaLog } from "./kafka-log.ts";
import { LoggedCentral } from "./logged-central.test-support.ts";
import { BEGAN_MS, StoppableKafka, TopicWriter } from "./topic-writer.test-support.ts";

const TOPIC = "log";
const LIMITS = { timeout: 10_000, interval: 20 } as const;

async function centralOn(kafka: StoppableKafka, store?: CrashingStore): Promise<LoggedCentral> {
  const logged = await LoggedCentral.start(
    (clock, log) => ({
      name: TOPIC,
      log: new KafkaLog({ topic: TOPIC, client: kafka, process: "test", clock, log }),
    }),
    store === undefined ? {} : { store },
  );
  onTestFinished(async () => void (await logged.crash()));
  return logged;
}

const merged = ({ central }: LoggedCentral, agent: string) => central.ledger().get(agent)?.merged ?? 0;

const told = ({ central }: LoggedCentral) =>
  central
    .alarms()
    .map(({ rule, message }) => `${rule}: ${message}`)
    .filter((text) => !text.startsWith("agent_silent"));

test.each([0, 5_000, 3_600_000])(
  "batches before and after partitions were added all count beside an agent whose clock is %s ms ahead",
  async (aheadMs) => {
    const kafka = new StoppableKafka(TOPIC);
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
