// Records reach their receiver as they happen, each once, in their order; what a dead process has not brought there the
// next one brings.
import { mkdtempSync, readFileSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KafkaProducer, KafkaSentRecord } from "@millrace/kafka";
import { silentLogger } from "@millrace/runtime";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { parsePlan } from "../../plan/load-plan.ts";
import { ReceiverWatch } from "../../publish/receiver-watch.ts";
import { RepeatedRun } from "../../truth/repeated-run.ts";
import { runLine } from "../../truth/run-line.ts";
import { parseTruthLine, type TruthLine } from "../../truth/truth-line.ts";
import { TruthLog } from "../../truth/truth-log.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import { BusinessRun } from "../business-run.ts";
import type { BusinessPlan } from "../plan/business-plan.ts";
import { SendingOrder } from "../sending-order.ts";
import { KafkaReceiver } from "./kafka-receiver.ts";
import { RecordPump } from "./record-pump.ts";
import type { RecordReceiver } from "./record-receiver.ts";
import { recoverRecords } from "./record-recovery.ts";

const START_MS = 1_767_571_234_567;
const PLAN = parsePlan(
  `version: 1
seed: 6
business:
  windows: [10s]
  orders: { perSecond: 20 }
  trucks:
    routes: { road: { through: [北京, 天津], trucks: 5 } }
    events: [{ truck: road-1, event: silence, at: 10s, for: 30s }, { truck: road-2, event: silence, at: 50s, for: 5m }]
`,
  "plan",
);

const BUSINESS = businessOf();

function businessOf(): { readonly plan: BusinessPlan; readonly seed: number } {
  const { business, seed } = PLAN;
  if (business === null) throw new Error("the plan makes records");
  return { plan: business, seed };
}

const newTruth = (): string => join(mkdtempSync(join(tmpdir(), "millrace-pump-")), "truth.jsonl");

function linesOf(path: string): TruthLine[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .map(parseTruthLine)
    .filter((line) => line !== undefined);
}

/** All records of the first minute, as they are made without a receiver. */
function allRecords(): BusinessRecord[] {
  const run = new BusinessRun({
    ...BUSINESS,
    startMs: START_MS,
    record: () => {},
    hasRecords: true,
  });
  const records: BusinessRecord[] = [];
  while (run.nextTimeMs < START_MS + 60_000) records.push(...run.step());
  return records;
}

interface Arrived {
  readonly atMs: number;
  readonly record: BusinessRecord;
}

async function pump(
  path: string,
  time: SimulatedTime,
  send: (records: readonly BusinessRecord[]) => Promise<void>,
  speed: number | null = null,
  streams: readonly RecordStreamName[] | null = null,
  held: number | null = null,
) {
  const truth = new TruthLog(path);
  const done = (): Promise<void> => Promise.resolve();
  const receiver: RecordReceiver = { againMax: 0, open: () => Promise.resolve(held), close: done, send };
  const recovery = await recoverRecords(path);
  const clock = time.clock();
  const startMs = recovery?.startMs ?? START_MS;
  if (recovery === null)
    truth.append(runLine(PLAN, { startMs, plantStartMs: startMs, recordsStartMs: null }));
  const options = {
    ...BUSINESS,
    startMs,
    forMs: 60_000,
    speed,
    recovery,
    streams,
  };
  return { truth, pump: new RecordPump({ ...options, truth, clock, receiver }) };
}

test("each record leaves when it happens, what waited in a dead spot when it is over, and the rest with the end", async () => {
  const time = new SimulatedTime(START_MS);
  const arrived: Arrived[] = [];
  const path = newTruth();
  const { pump: running, truth } = await pump(path, time, async (records) => {
    for (const record of records) arrived.push({ atMs: time.nowMs, record });
  });
  await time.during(running.run());
  truth.close();
  const expected = allRecords();
  expect(arrived).toHaveLength(expected.length);
  expect(new Set(arrived.map(({ record }) => record.json))).toEqual(
    new Set(expected.map(({ json }) => json)),
  );
  for (const { atMs, record } of arrived) {
    const leavesMs = Math.min(record.sentMs, START_MS + 60_000);
    expect(atMs).toBeGreaterThanOrEqual(leavesMs);
    expect(atMs).toBeLessThanOrEqual(leavesMs + 101);
  }
  expect(arrived.filter(({ record }) => record.sentMs > record.timeMs).length).toBeGreaterThan(3);
  expect(running.progress).toMatchObject({ generated: expected.length, acked: expected.length });

  const lines = linesOf(path);
  expect(lines.at(-1)).toMatchObject({ type: "records-acked", records: expected.length });
  const run = new RepeatedRun({ path, record: () => {} });
  expect(lines.map((line) => run.onLine(line)).filter((difference) => difference !== null)).toEqual([]);
  expect(await recoverRecords(path)).toBeNull();
});

test.each([
  [20, 57_000, 3_000],
  [Infinity, 60_000, 0],
])(
  "%d times as fast as the clock, from the past: a minute of records is over sooner",
  async (speed, agoMs, lengthMs) => {
    const time = new SimulatedTime(START_MS + agoMs);
    const arrived: (string | null)[] = [];
    const send = async (records: readonly BusinessRecord[]): Promise<void> => {
      for (const { json } of records) arrived.push(json);
    };
    const { pump: running, truth } = await pump(newTruth(), time, send, speed);
    await time.during(running.run());
    truth.close();
    expect(new Set(arrived)).toEqual(new Set(allRecords().map(({ json }) => json)));
    expect(time.nowMs - START_MS - agoMs).toBeGreaterThanOrEqual(lengthMs * 0.9);
    expect(time.nowMs - START_MS - agoMs).toBeLessThanOrEqual(lengthMs + 200);
  },
);

test("a receiver that is away is waited for, and gets everything in its order", async () => {
  const time = new SimulatedTime(START_MS);
  const arrived: string[] = [];
  let isAway = true;
  time.after(40_000, () => (isAway = false));
  const { pump: running, truth } = await pump(newTruth(), time, async (records) => {
    while (isAway) await new Promise<void>((resolve) => void time.after(500, resolve));
    for (const { id } of records) arrived.push(id);
  });
  const end = running.run();
  await time.run(39_000);
  expect(arrived).toEqual([]);
  expect(running.progress.lagMs).toBeGreaterThan(38_000);
  await time.during(end);
  truth.close();
  expect(arrived.toSorted()).toEqual(
    allRecords()
      .map(({ id }) => id)
      .toSorted(),
  );
  expect(new Set(arrived).size).toBe(arrived.length);
});

test("killed again and again: the file ends as if nothing had been, and nothing is missing at the receiver", async () => {
  const whole = newTruth();
  const undisturbed = new SimulatedTime(START_MS);
  const first = await pump(whole, undisturbed, () => Promise.resolve());
  await undisturbed.during(first.pump.run());
  first.truth.close();

  const path = newTruth();
  const time = new SimulatedTime(START_MS);
  const arrived: string[] = [];
  let repeated = 0;
  for (const diesAtMs of [7_000, 21_500, 22_000, 44_000, Infinity]) {
    const { pump: running, truth } = await pump(path, time, async (records) => {
      if (time.nowMs >= START_MS + diesAtMs) throw new Error("killed");
      for (const { id } of records) {
        if (arrived.includes(id)) repeated += 1;
        arrived.push(id);
      }
    });
    const [end] = await time.during(Promise.allSettled([running.run()]));
    expect(end.status).toBe(diesAtMs === Infinity ? "fulfilled" : "rejected");
    truth.close();
    // A line that was torn.
    if (diesAtMs === 21_500) truncateSync(path, statSync(path).size - 9);
  }
  expect(new Set(arrived)).toEqual(new Set(allRecords().map(({ id }) => id)));
  // What came since the last mark may come again.
  expect(repeated).toBeLessThan(4 * 60);
  const withoutMarks = (file: string): TruthLine[] =>
    linesOf(file).filter(({ type }) => type !== "records-acked" && type !== "records-unacked");
  expect(withoutMarks(path)).toEqual(withoutMarks(whole));
});

test("a run that ends before all was acknowledged says how much was not; the next process says that it goes on", async () => {
  const path = newTruth();
  const time = new SimulatedTime(START_MS);
  let arrived = 0;
  const first = await pump(path, time, async (records) => {
    if (time.nowMs >= START_MS + 20_000) throw new Error("closed");
    arrived += records.length;
  });
  await time.during(Promise.allSettled([first.pump.run()]));
  first.truth.close();
  const { generated: made, acked } = first.pump.progress;
  expect(acked).toBe(arrived);
  expect(linesOf(path).slice(-2)).toMatchObject([
    { type: "records-acked", records: acked },
    { type: "records-unacked", records: made - acked },
  ]);
  const next = await pump(path, time, () => Promise.resolve());
  await time.during(next.pump.run());
  next.truth.close();
  const lines = linesOf(path);
  expect(lines.filter((line) => line.type === "records-acked" && line.isResumed === true)).toHaveLength(1);
  const run = new RepeatedRun({ path, record: () => {} });
  expect(lines.map((line) => run.onLine(line)).filter((difference) => difference !== null)).toEqual([]);
});

test.each([-50, 30])(
  "a receiver that counts what it holds is believed: %i records beside the truth's last mark",
  async (beside) => {
    const path = newTruth();
    const time = new SimulatedTime(START_MS);
    const first = await pump(path, time, async () => {
      if (time.nowMs >= START_MS + 20_000) throw new Error("closed");
    });
    await time.during(Promise.allSettled([first.pump.run()]));
    first.truth.close();
    const held = first.pump.progress.acked + beside;
    const arrived: string[] = [];
    const send = async (records: readonly BusinessRecord[]): Promise<void> => {
      for (const { id } of records) arrived.push(id);
    };
    const next = await pump(path, time, send, null, null, held);
    await time.during(next.pump.run());
    next.truth.close();
    const leaving = new SendingOrder();
    const all = [...leaving.take(allRecords()), ...leaving.until(Infinity)].map(({ id }) => id);
    expect(arrived).toEqual(all.slice(held));
    expect(linesOf(path).at(-1)).toMatchObject({ type: "records-acked", records: all.length });
  },
);

test("a quick run that is gone on with is made again at once, and then keeps its pace", async () => {
  const path = newTruth();
  const time = new SimulatedTime(START_MS + 86_400_000);
  const beganMs = time.nowMs;
  const first = await pump(
    path,
    time,
    async () => {
      if (time.nowMs >= beganMs + 10_000) throw new Error("killed");
    },
    2,
  );
  await time.during(Promise.allSettled([first.pump.run()]));
  first.truth.close();
  await time.run(3_600_000);
  const againMs = time.nowMs;
  const arrived: Arrived[] = [];
  const send = async (records: readonly BusinessRecord[]): Promise<void> => {
    for (const record of records) arrived.push({ atMs: time.nowMs - againMs, record });
  };
  const next = await pump(path, time, send, 2);
  const end = next.pump.run();
  await time.run(1_000);
  expect(next.pump.progress.lagMs).toBeLessThan(1_000);
  await time.during(end);
  next.truth.close();
  // Twenty of its seconds were over; of them the last mark says which have come.
  const until = (ms: number): number =>
    Math.max(...arrived.filter(({ atMs }) => atMs <= ms).map(({ record }) => record.timeMs - START_MS));
  expect(until(300) / 1_000).toBeCloseTo(20, 0);
  expect(until(5_000) / 1_000).toBeCloseTo(30, 0);
  expect((time.nowMs - againMs) / 1_000).toBeCloseTo(20, 0);
});

test("where machines have begun anew beside them, records are still found where they were", async () => {
  const path = newTruth();
  const truth = new TruthLog(path);
  const times = { startMs: START_MS, plantStartMs: START_MS };
  const window = { start: START_MS, end: START_MS + 10_000, count: 1, sum: 1, byRegion: {} };
  truth.append(runLine(PLAN, { ...times, recordsStartMs: null }));
  truth.append({ type: "refunds-window", ...window });
  truth.append({ type: "records-acked", records: 70, at: START_MS });
  truth.append(runLine(PLAN, { ...times, startMs: START_MS + 60_000, recordsStartMs: START_MS }));
  truth.append({ type: "refunds-window", ...window });
  truth.close();
  expect(await recoverRecords(path)).toMatchObject({ startMs: START_MS, lineCount: 2, ackedCount: 70 });
});

test("streams that are not chosen are made, and go nowhere", async () => {
  const time = new SimulatedTime(START_MS);
  const arrived = new Set<string>();
  const send = async (records: readonly BusinessRecord[]): Promise<void> => {
    for (const { topic } of records) arrived.add(topic);
  };
  const path = newTruth();
  const { pump: running, truth } = await pump(path, time, send, null, ["trucks"]);
  await time.during(running.run());
  truth.close();
  expect([...arrived]).toEqual(["trucks"]);
  expect(linesOf(path).at(-1)).toMatchObject({ records: allRecords().length, streams: ["trucks"] });
  const count = allRecords().filter(({ topic }) => topic === "trucks").length;
  expect(running.progress).toMatchObject({ generated: count, acked: count, waiting: 0 });
});

test("what was made of streams that are not chosen is not missing at the end, nor after a restart", async () => {
  const time = new SimulatedTime(START_MS);
  const path = newTruth();
  let arrived = 0;
  const send = async (records: readonly BusinessRecord[]): Promise<void> => {
    if (time.nowMs >= START_MS + 20_000) throw new Error("closed");
    arrived += records.length;
  };
  const first = await pump(path, time, send, null, ["trucks"]);
  await time.during(Promise.allSettled([first.pump.run()]));
  first.truth.close();
  const { generated, acked } = first.pump.progress;
  expect(acked).toBe(arrived);
  expect(linesOf(path).at(-1)).toMatchObject({ type: "records-unacked", records: generated - acked });
  const rest: string[] = [];
  const next = await pump(
    path,
    time,
    async (records) => void rest.push(...records.map(({ id }) => id)),
    null,
    ["trucks"],
  );
  await time.during(next.pump.run());
  next.truth.close();
  const count = allRecords().filter(({ topic }) => topic === "trucks").length;
  expect(arrived + rest.length).toBe(count);
  expect(next.pump.progress).toMatchObject({ generated: count, acked: count, waiting: 0 });
});

test("in Kafka a stream is a topic, a record its key and JSON, a tombstone a null", async () => {
  const sent: KafkaSentRecord[] = [];
  const connected: string[] = [];
  const producer: KafkaProducer = {
    connect: async (topics) => void connected.push(...topics),
    send: async (records) => void sent.push(...records),
    close: () => Promise.resolve(),
  };
  const receiver = new KafkaReceiver({
    producer: () => producer,
    watch: new ReceiverWatch({ receiver: "Kafka", clock: new SimulatedTime(0).clock(), log: silentLogger }),
    streams: ["orders", "refunds"],
    topicOf: (stream) => `shop.${stream}`,
  });
  await receiver.open();
  const record = { id: "1", timeMs: 1, sentMs: 1, key: "u1" };
  await receiver.send([
    { ...record, topic: "orders", json: '{"region":"北京"}' },
    { ...record, topic: "refunds", json: null },
  ]);
  expect(connected).toEqual(["shop.orders", "shop.refunds"]);
  expect(sent).toEqual([
    { topic: "shop.orders", key: "u1", value: '{"region":"北京"}' },
    { topic: "shop.refunds", key: "u1", value: null },
  ]);
});
