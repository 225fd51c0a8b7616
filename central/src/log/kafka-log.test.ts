// A Kafka topic as the log, in memory: the contract of all logs, and what readers come upon that no contract plays.
import { uplinkRecord } from "@millrace/wire";
import { silentLogger, systemClock } from "@millrace/runtime";
import { expect, onTestFinished, test } from "vitest";
import { ScriptedAgent } from "../scripted-agent.test-support.ts";
import type { Receiver } from "../scripted-agent.test-support.ts";
import { FakeKafka } from "../records/fake-kafka.test-support.ts";
import { KafkaLog } from "./kafka-log.ts";
import type { CrashingStore } from "../crashing-store.test-support.ts";
import { LoggedCentral } from "./logged-central.test-support.ts";
import type { MakeLog } from "./logged-central.test-support.ts";
import { logContract } from "./log-contract.test-support.ts";
import type { LogGap, StrangeRecord } from "./uplink-log.ts";

const TOPIC = "log";
const LIMITS = { timeout: 10_000, interval: 20 } as const;
const DAMAGE = { reason: "its checksum is wrong", bytes: new Uint8Array(1) };
let processNumber = 0;

logContract(() => {
  const kafka = new FakeKafka(TOPIC);
  kafka.create(3);
  return Promise.resolve((clock, log) => ({
    name: TOPIC,
    log: new KafkaLog({
      topic: TOPIC,
      client: kafka,
      process: `process${(processNumber += 1)}`,
      clock,
      log,
      patienceMs: 600_000,
    }),
  }));
});

/** A log of one partition with so many records, none of which is an agent's, and what is taken of it. */
function logOf(kafka: FakeKafka, records: number | readonly Uint8Array[]) {
  kafka.create(1);
  if (typeof records === "number") append(kafka, records);
  else kafka.send(0, records);
  const log = new KafkaLog({
    topic: TOPIC,
    client: kafka,
    process: "test",
    clock: systemClock,
    log: silentLogger,
    patienceMs: 600_000,
  });
  log.start({ positions: new Map(), isAnew: false, wake: () => undefined });
  onTestFinished(() => log.close());
  const strange: StrangeRecord[] = [];
  const gaps: LogGap[] = [];
  const take = (): void => {
    const turn = log.take({ messages: 100, bytes: 1e6 });
    strange.push(...turn.strange);
    gaps.push(...turn.gaps);
  };
  return { log, take, offsets: () => strange.map(({ offset }) => offset), gaps };
}

function append(kafka: FakeKafka, records: number): void {
  kafka.send(
    0,
    Array.from({ length: records }, () => new Uint8Array(3)),
  );
}

class DamagedKafka extends FakeKafka {
  readonly #from: ReadonlySet<number>;

  /** @param from where a batch of ten begins that nobody can read. */
  constructor(from: readonly number[]) {
    super(TOPIC);
    this.#from = new Set(from);
  }

  override read(position: Parameters<FakeKafka["read"]>[0]): ReturnType<FakeKafka["read"]> {
    if (!this.#from.has(position.offset)) return super.read(position);
    return { ...position, nextOffset: position.offset + 10, damage: DAMAGE };
  }
}

test("a damaged batch at the log's end is told, and central goes on", async () => {
  const { log, take, offsets, gaps } = logOf(new DamagedKafka([10]), 20);
  await expect
    .poll(() => {
      take();
      return log.hasRoom;
    }, LIMITS)
    .toBe(true);
  expect(offsets()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(gaps).toMatchObject([{ partition: 0, from: 10, next: 20, damage: DAMAGE }]);
  expect(log.view).toMatchObject({ lag: { 0: 0 } });
});

test("a broker that hangs while the topic is looked for holds up no stop", { timeout: 5_000 }, async () => {
  const kafka = new FakeKafka(TOPIC);
  kafka.hangs = true;
  const { log } = logOf(kafka, 0);
  await new Promise((resolve) => setImmediate(resolve));
  await log.close();
  expect(log.view.state).toBe("stopped");
});

test("of two damaged batches in a row both are told, each once", async () => {
  const { take, offsets, gaps } = logOf(new DamagedKafka([10, 20]), 40);
  await expect
    .poll(() => {
      take();
      return offsets().length;
    }, LIMITS)
    .toBe(20);
  expect(gaps).toMatchObject([
    { from: 10, next: 20 },
    { from: 20, next: 30 },
  ]);
});

test("the first bytes of a damaged batch are in the quarantine, with where they lie", async () => {
  const kafka = new DamagedKafka([0]);
  kafka.create(1);
  append(kafka, 12);
  const logged = await centralOn(kafka);
  const unreadable = async () =>
    (await logged.central.quarantine(100)).filter(({ reason }) => reason === "unreadable");
  await expect.poll(unreadable, LIMITS).toMatchObject([
    {
      topic: "log",
      detail: `offsets 0 to 9 of partition 0 of ${TOPIC}: ${DAMAGE.reason}`,
      byteCount: DAMAGE.bytes.length,
      head: Buffer.from(DAMAGE.bytes).toString("base64"),
    },
  ]);
  expect(logged.central.alarms()).toMatchObject([{ rule: "log_gap", value: 10 }]);
});

/** An agent that writes to the topic itself, a record every tenth of a second, from a hundred seconds ago. */
function writer(kafka: FakeKafka) {
  const producer = kafka.producer();
  const startMs = Math.floor(systemClock.nowMs() / 1_000) * 1_000 - 100_000;
  let atMs = startMs;
  const sent: Promise<void>[] = [];
  const topic: Receiver = {
    onOpen: () => undefined,
    onClose: () => undefined,
    onMessage: ({ agent }, type, payload) => {
      atMs += 100;
      const record = uplinkRecord({ agent, site: "alpha", session: null }, type, payload);
      sent.push(producer.send([{ topic: TOPIC, ...record, timestampMs: atMs }]));
    },
  };
  const agent = new ScriptedAgent(topic, () => atMs);
  const panes = async (from: number, to: number) => {
    for (let sequence = from; sequence <= to; sequence++) agent.panes(sequence, startMs);
    await Promise.all(sent.splice(0));
  };
  return { agent, panes };
}

async function centralOn(kafka: FakeKafka, store?: CrashingStore): Promise<LoggedCentral> {
  const makeLog: MakeLog = (clock, log) => ({
    name: TOPIC,
    log: new KafkaLog({ topic: TOPIC, client: kafka, process: "test", clock, log, patienceMs: 600_000 }),
  });
  const logged = await LoggedCentral.start(makeLog, store === undefined ? {} : { store });
  onTestFinished(async () => void (await logged.crash()));
  return logged;
}

const told = ({ central }: LoggedCentral) =>
  central
    .alarms()
    .map(({ rule, message }) => `${rule}: ${message}`)
    .filter((text) => !text.startsWith("agent_silent"));

test("a topic that was made anew while central was away is read from its start, however far it has grown, and what may be lost is told", async () => {
  const kafka = new FakeKafka(TOPIC);
  kafka.create(3);
  const { agent, panes } = writer(kafka);
  agent.hello({ epoch: 1 });
  await panes(1, 20);
  const first = await centralOn(kafka);
  const counted = (logged: LoggedCentral) => logged.central.ledger().get("alpha-1")?.merged;
  await expect.poll(() => counted(first), LIMITS).toBe(20);
  const store = await first.crash();
  kafka.remakeTopic(3);
  await panes(21, 60);
  const second = await centralOn(kafka, store);
  await expect.poll(() => counted(second), LIMITS).toBe(60);
  const gap =
    "partition 2 of the log was made anew: what it held from offset 21 on was not read, and is gone";
  expect(told(second)).toEqual([`log_gap: ${gap}`]);

  // With fewer partitions; and once it is told, that is all.
  const later = await second.crash();
  kafka.remakeTopic(1);
  await panes(61, 70);
  const third = await centralOn(kafka, later);
  await expect.poll(() => counted(third), LIMITS).toBe(70);
  await expect.poll(() => third.central.ledgerSum().logLost?.records, LIMITS).toBe(2);
  const fourth = await centralOn(kafka, await third.crash());
  await panes(71, 72);
  await expect.poll(() => counted(fourth), LIMITS).toBe(72);
  expect(fourth.central.ledgerSum().logLost?.records).toBe(2);
});

test("after partitions were added all that an agent wrote itself counts in a central that reads anew", async () => {
  const kafka = new FakeKafka(TOPIC);
  const { agent, panes } = writer(kafka);
  kafka.create(1);
  agent.hello({ epoch: 1 });
  await panes(1, 100);
  kafka.create(3);
  await panes(101, 200);
  expect(kafka.ranges().map(({ endOffset }) => endOffset)).toEqual([101, 0, 100]);
  const logged = await centralOn(kafka);
  await expect.poll(() => logged.central.health().isReady, LIMITS).toBe(true);
  expect(logged.central.ledger().get("alpha-1")).toMatchObject({ merged: 200, batches: 200, duplicates: 0 });
  expect(told(logged)).toEqual([]);
});

test("a central that reads anew keeps no more of a partition in memory than its share while it waits for another", async () => {
  const MIB = 1024 * 1024;
  const kafka = new (class extends FakeKafka {
    readTo = 0;
    isSlow = true;

    override read(position: Parameters<FakeKafka["read"]>[0]): ReturnType<FakeKafka["read"]> {
      if (position.partition === 1 && this.isSlow) return null;
      if (position.partition === 0) this.readTo = Math.max(this.readTo, position.offset);
      return super.read(position);
    }
  })(TOPIC);
  kafka.batchMax = 1;
  kafka.create(2);
  kafka.send(1, [new Uint8Array(3)]);
  const { log, take, offsets } = logOf(
    kafka,
    Array.from({ length: 40 }, () => new Uint8Array(MIB)),
  );
  await expect.poll(() => kafka.readTo, LIMITS).toBeGreaterThanOrEqual(7);
  take();
  expect([offsets(), log.isEmpty]).toEqual([[], true]);
  expect(kafka.readTo).toBeLessThanOrEqual(9);
  kafka.isSlow = false;
  append(kafka, 1);
  await expect
    .poll(() => {
      take();
      return offsets().length;
    }, LIMITS)
    .toBe(42);
  expect(log.isCaughtUp).toBe(true);
});

test("a reader that has to begin anew does not read again what waits for a commit", async () => {
  const kafka = new FakeKafka(TOPIC);
  const { log, take, offsets } = logOf(kafka, 5);
  await expect.poll(() => log.isEmpty, LIMITS).toBe(false);
  kafka.fail(new Error("the broker hung up"));
  await expect.poll(() => log.view.state, LIMITS).toBe("trouble");
  append(kafka, 1);
  // It has begun anew, and nothing has been taken.
  await expect.poll(() => log.view.lag[0], LIMITS).toBe(6);
  await expect
    .poll(() => {
      take();
      return offsets().at(-1);
    }, LIMITS)
    .toBe(5);
  expect(offsets()).toEqual([0, 1, 2, 3, 4, 5]);
});

test("while Kafka cannot be asked, what agents may have written meanwhile is not late", async () => {
  const kafka = new FakeKafka(TOPIC);
  const { log, take } = logOf(kafka, 3);
  await expect
    .poll(() => {
      take();
      return log.takenToMs;
    }, LIMITS)
    .toBe(Infinity);
  kafka.isAway = true;
  const awayMs = systemClock.nowMs();
  append(kafka, 2);
  await expect.poll(() => log.takenToMs, LIMITS).toBeLessThanOrEqual(awayMs);
  expect(log.takenToMs).toBeGreaterThan(awayMs - 5_000);
  kafka.isAway = false;
  append(kafka, 1);
  await expect
    .poll(() => {
      take();
      return log.takenToMs;
    }, LIMITS)
    .toBe(Infinity);
});

test("trouble with one partition stays in view while the broker answers and others are read", async () => {
  const kafka = new FakeKafka(TOPIC);
  const { log, take, offsets } = logOf(kafka, 3);
  await expect
    .poll(() => {
      take();
      return log.view.state;
    }, LIMITS)
    .toBe("up");
  const states = new Set<string>();
  for (let records = 4; records <= 6; records += 1) {
    kafka.trouble("partition 0: not allowed");
    append(kafka, 1);
    await expect
      .poll(() => {
        take();
        states.add(log.view.state);
        return offsets().length;
      }, LIMITS)
      .toBe(records);
  }
  expect([...states]).toEqual(["trouble"]);
  await expect.poll(() => log.view.state, LIMITS).toBe("up");
});
