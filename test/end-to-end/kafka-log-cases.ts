import { expect, test } from "vitest";
import { logContract } from "../../central/src/log/log-contract.test-support.ts";
import type { LoggedCentral } from "../../central/src/log/logged-central.test-support.ts";
import type { KafkaWorks } from "./kafka-works.ts";
import { LogTopic } from "./log-topic.ts";
import { until } from "./until.ts";

const SKIPPED = "needs Java, Maven and the Kafka jars";

/** Kafka as central's log: the contract of all logs, and what is Kafka's alone. */
export function kafkaLogCases(broker: () => KafkaWorks | undefined): void {
  logContract(async () => {
    const works = broker();
    return works === undefined ? SKIPPED : (await LogTopic.make(works)).makeLog;
  });
  const cases: Record<string, (topic: LogTopic) => Promise<void>> = {
    "an empty central has again what the topic holds, of an agent that writes there itself too": rebuilds,
    "what is gone from the topic before it is read is an alarm, and windows of then are not whole": tellsGaps,
    "what an agent wrote counts in an empty central though it lies in several partitions": readsInOrder,
    "a topic that is made anew while central is away is read from its start, and told": tellsRemade,
    "a topic that is made anew while central runs is read from its start, and told": tellsRemadeUnderWay,
    "what is no agent's, or of none that is enrolled, stops nothing and is kept aside": keepsAside,
    "without its topic, or with one that is compacted, central says so and takes nothing": waitsForTopic,
  };
  for (const [name, play] of Object.entries(cases))
    test(name, { timeout: 60_000 }, async ({ skip }) => {
      const works = broker();
      if (works === undefined) return skip(SKIPPED);
      await play(await LogTopic.make(works));
    });
}

async function rebuilds(topic: LogTopic): Promise<void> {
  const first = await topic.start();
  const alpha = first.agent("alpha");
  alpha.hello();
  await until("alpha is welcome", () => alpha.welcome);
  const baseMs = aWhileAgo();
  for (let sequence = 1; sequence <= 20; sequence += 1) alpha.panes(sequence, baseMs + 100 * sequence);
  // What beta says there is answered by nobody, and one of its batches comes twice.
  await writes(topic, 1, [1, 2, 3, 2], baseMs);
  await until("all is in", () => alpha.acks.live === 20 && merged(first, "beta") === 3);
  expect(first.central.agents().find(({ agent }) => agent === "beta-1")).toMatchObject({
    state: "connected",
    clockOffsetMs: null,
  });
  expect(await first.central.resetAlarm("beta-1", "1", "anna")).toBe("agent_away");
  await until("the windows are shown", async () => (await first.windows()).length === 4);
  const windows = await first.windows();
  await first.stop();

  const rebuilt = await topic.start();
  await until("it has read all", () => rebuilt.central.health().isReady);
  await until("the windows are the same", async () => String(await rebuilt.windows()) === String(windows));
  expect([merged(rebuilt, "alpha"), merged(rebuilt, "beta")]).toEqual([20, 3]);
  // Who was there goes on where it was: nothing of its own is taken for new, nothing new for its own.
  const again = rebuilt.agent("alpha");
  const lane = { sent: 20, next: 22, epochs: [{ epoch: 1, from: 1 }] };
  again.hello({ epoch: 1, instance: "two", lanes: { live: lane } });
  await until("it is told what is held", () => again.welcome?.marks.live === 20);
  again.panes(20, baseMs);
  again.panes(21, baseMs);
  await until("it goes on", () => again.acks.live === 21 && merged(rebuilt, "alpha") === 21);
  await rebuilt.stop();
}

async function tellsGaps(topic: LogTopic): Promise<void> {
  const baseMs = aWhileAgo();
  const first = await topic.start();
  await writes(topic, 1, [1, 2], baseMs);
  await until("they are in", () => merged(first, "beta") === 2);
  const store = await first.stop();
  // Behind the hello and two batches come three, of which the first is gone.
  await writes(topic, 1, [3, 4, 5], baseMs);
  await topic.deleteBefore(1, 4);
  const second = await topic.start({ store });
  await until("the rest is in", () => merged(second, "beta") === 4);
  const told = second.central.alarms().map(({ rule, agent, value }) => `${rule} ${agent} ${value}`);
  expect(told).toEqual(expect.arrayContaining(["log_gap  1", "sequence_gap beta-1 1"]));
  expect(second.central.logLoss).toMatchObject({ records: 1 });
  await topic.write("beta", 1, (beta) => beta.panes(6, baseMs, { frontier: { watermarkMs: Date.now() } }));
  const query = { window: "t_1s", group: { site: "beta" }, fromMs: 0, toMs: 2 ** 50, limit: 9, cursor: null };
  await until("the window is revised, and says that it lacks some", async () => {
    const [window] = (await second.central.windows(query)).windows;
    return merged(second, "beta") === 5 && window?.completeness.agentsWithLoss?.includes("beta-1");
  });
  const third = await topic.start({ store: await second.stop() });
  expect(third.central.logLoss).toMatchObject({ records: 1 });
  await third.stop();
}

async function readsInOrder(topic: LogTopic): Promise<void> {
  const baseMs = aWhileAgo();
  const sequences = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => from + index);
  await writes(topic, 2, sequences(1, 400), baseMs);
  // As where partitions were added: another one is the site's.
  await writes(topic, 0, sequences(401, 400), baseMs);
  const logged = await topic.start();
  await until("it has read all", () => logged.central.health().isReady);
  expect(merged(logged, "beta")).toBe(800);
  expect(logged.central.alarms().map(({ rule }) => rule)).not.toContain("sequence_gap");
  await logged.stop();
}

async function tellsRemadeUnderWay(topic: LogTopic): Promise<void> {
  const baseMs = aWhileAgo();
  const logged = await topic.start();
  await writes(topic, 1, [1, 2, 3, 4], baseMs);
  await until("they are in", () => merged(logged, "beta") === 4);
  await topic.delete();
  await topic.create({});
  await writes(topic, 1, [5, 6], baseMs);
  await until("all of it is in", () => merged(logged, "beta") === 6);
  const told = () => logged.central.alarms().map(({ rule, value }) => `${rule} ${value}`);
  await until("it is told", () => told().includes("log_gap 1"));
  expect(told().join()).not.toContain("sequence_gap");
  await logged.stop();
}

async function tellsRemade(topic: LogTopic): Promise<void> {
  const baseMs = aWhileAgo();
  const first = await topic.start();
  await writes(topic, 1, [1, 2], baseMs);
  await until("they are in", () => merged(first, "beta") === 2);
  const store = await first.stop();
  await topic.delete();
  await topic.create({});
  // More than the one before held.
  await writes(topic, 1, [3, 4, 5, 6, 7], baseMs);
  const second = await topic.start({ store });
  await until("all of it is in", () => merged(second, "beta") === 7);
  const told = second.central.alarms().map(({ rule, agent, value }) => `${rule} ${agent} ${value}`);
  expect(told).toContain("log_gap  1");
  expect(told.join()).not.toContain("sequence_gap");
  await second.stop();
}

async function keepsAside(topic: LogTopic): Promise<void> {
  const central = await topic.start();
  const headers = (type: string, agent: string) => ({ type, agent, site: agent.slice(0, -2) });
  await topic.send([
    { key: "junk", value: "junk", partition: 0 },
    { key: null, value: null, partition: 0 },
    { key: "x", value: "{}", headers: headers("hello", "stranger-1"), partition: 0 },
    { key: "x", value: "not a batch", headers: headers("batch", "beta-1"), partition: 0 },
  ]);
  await writes(topic, 0, [1], aWhileAgo());
  await until("what follows is in", () => merged(central, "beta") === 1);
  const kept = await central.central.quarantine(10);
  expect(kept.map(({ agent, reason }) => `${agent} ${reason}`).sort()).toEqual([
    "(unknown) strange_record",
    "(unknown) strange_record",
    "(unknown) unknown_agent",
    "beta-1 malformed_batch",
  ]);
  await central.stop();
}

async function waitsForTopic(topic: LogTopic): Promise<void> {
  await topic.delete();
  await topic.create({ "cleanup.policy": "compact" });
  const logged = await topic.start();
  const { central } = logged;
  const says = (what: RegExp) => until(`it says ${what}`, () => what.test(central.health().reason));
  await says(/cleanup\.policy=compact/);
  const agent = logged.agent("alpha");
  agent.hello();
  await topic.delete();
  await says(/there is no topic/);
  expect(central.health()).toMatchObject({ isAlive: true, isReady: false });
  expect(agent.answers).toEqual([]);
  await topic.create({});
  await until("it takes what waits", () => agent.welcome, 30_000);
}

/** Batches of beta's, that writes to the topic itself, in this partition; before the first, who it is. */
function writes(
  topic: LogTopic,
  partition: number,
  sequences: readonly number[],
  baseMs: number,
): Promise<void> {
  return topic.write("beta", partition, (beta) => {
    if (sequences[0] === 1) beta.hello();
    for (const sequence of sequences) beta.panes(sequence, baseMs);
  });
}

function merged({ central }: LoggedCentral, site: string): number | undefined {
  return central.ledger().get(`${site}-1`)?.merged;
}

function aWhileAgo(): number {
  return Math.floor(Date.now() / 1_000) * 1_000 - 5_000;
}
