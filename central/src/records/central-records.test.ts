// Records through the whole of central: windows by the records' labels, complete once every partition has passed, each record
// in them once, whatever dies between any two commits.
import type { PipelineMetric } from "@millrace/config";
import { MillraceError } from "@millrace/runtime";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { Central, CentralOptions } from "../central.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { openCentral } from "./open-central.test-support.ts";
import { STREAM_INBOX_BYTES_MAX } from "./record-inbox.ts";
import { ScriptedAgent } from "../scripted-agent.test-support.ts";
import { AMOUNT, bytesOf, FAILED, ORDERS } from "./staged-records.test-support.ts";

const NOW = 1_700_000_040_000;
const COMMON = {
  kind: "aligned",
  sizeMs: 60_000,
  slideMs: 60_000,
  offsetMs: 0,
  latenessMs: 3_600_000,
} as const;
const WINDOWS: readonly WindowSpec[] = [
  { ...COMMON, name: "amount_1m", metric: "amount", by: ["region"] },
  { ...COMMON, name: "failed_1m", metric: "failed", by: [] },
  { ...COMMON, name: "cpu_1m", metric: "cpu", by: [] },
];
const CPU: PipelineMetric = {
  name: "cpu",
  unit: "%",
  accumulate: ["mean"],
  isLive: true,
  paneMs: 60_000,
  source: { kind: "host", sensor: "cpu" },
};

const PIPELINE = { metrics: [AMOUNT, FAILED, CPU], windows: WINDOWS };

async function start(
  store = new CrashingStore(),
  {
    time = new SimulatedTime(NOW),
    pipeline = PIPELINE,
    records = [ORDERS],
  }: {
    time?: SimulatedTime;
    pipeline?: CentralOptions["pipeline"];
    records?: CentralOptions["records"];
  } = {},
) {
  const central = await openCentral({
    agents: [{ id: "alpha-1", site: "alpha" }],
    pipeline,
    records,
    store,
    clock: time.clock(),
  });
  return { time, store, central };
}

const order = (id: number, t: number, region = "北京", amount = 2) =>
  bytesOf({ id, t, region, amount, payment: id % 2 === 0 ? "paid" : "failed" });
const posted = (values: readonly Uint8Array[], partition = 0) => ({
  partition,
  values,
  offsets: null,
  nextOffset: null,
  isAtEnd: true,
});
const ALL = { group: {}, fromMs: -1e15, toMs: 1e15, limit: 1_000, cursor: null };

async function windowsOf(central: Central, window = "amount_1m"): Promise<readonly WindowResult[]> {
  return (await central.windows({ ...ALL, window })).windows;
}

test("the ledger and the positions of a stream are shown once they are durable", async () => {
  const { central, time, store } = await start();
  const { commit } = store;
  const underWay = Promise.withResolvers<void>();
  store.commit = async (...changes) => {
    await underWay.promise;
    return commit.apply(store, changes);
  };
  void central.offerRecords("orders", { ...posted([order(1, NOW)]), offsets: [7], nextOffset: 8 });
  const shown = () => central.recordStreams().map(({ totals, partitions }) => [totals.received, partitions]);
  const before = shown();
  await time.run(300);
  expect(shown()).toEqual(before);
  underWay.resolve();
  await time.run(300);
  expect(shown()).toMatchObject([[1, [{ partition: 0, position: 8 }]]]);
});

test("windows by region, whose completeness counts partitions and no agents; agents' windows expect no partition", async () => {
  const { central, time } = await start();
  const outcome = central.offerRecords(
    "orders",
    posted([order(1, NOW), order(2, NOW + 1), order(3, NOW, "上海", 5)]),
  );
  await time.run(300);
  expect(await outcome).toMatchObject({ received: 3, taken: 3 });
  const [shanghai, beijing] = (await windowsOf(central)).toSorted((a, b) =>
    a.group["region"] < b.group["region"] ? -1 : 1,
  );
  expect(beijing).toMatchObject({
    group: { region: "北京" },
    state: "provisional",
    values: { count: 2, sum: 4 },
  });
  expect(shanghai).toMatchObject({ group: { region: "上海" }, values: { count: 1, sum: 5 } });
  expect(beijing.completeness).toMatchObject({
    agentsExpected: 1,
    agentsMissing: ["orders/0"],
    sitesExpected: 0,
  });
  await time.run(60_000);
  void central.offerRecords("orders", posted([order(4, NOW + 65_000)]));
  await time.run(1_000);
  const [done] = await windowsOf(central, "failed_1m");
  expect(done).toMatchObject({ state: "complete", values: { ratio: 2 / 3 } });
  expect(done.completeness).toMatchObject({ agentsExpected: 1, agentsReporting: 1, agentsMissing: [] });
});

test("the last window of a stream that falls silent is completed, by the time that passes", async () => {
  const { central, time } = await start();
  void central.offerRecords("orders", posted([order(1, NOW)]));
  await time.run(60_000 + 4_000);
  expect((await windowsOf(central))[0].state).toBe("provisional");
  await time.run(2_000);
  expect((await windowsOf(central))[0]).toMatchObject({ state: "complete", values: { count: 1 } });
});

test("records of years ago make windows that are complete and take late ones, and are final in their own time", async () => {
  const old = Date.UTC(2023, 9, 11, 12);
  const { central, time } = await start();
  void central.offerRecords("orders", posted([order(1, old), order(2, old + 66_000)]));
  await time.run(500);
  expect((await windowsOf(central)).map(({ state, values }) => [state, values["count"]])).toEqual([
    ["complete", 1],
    ["provisional", 1],
  ]);
  void central.offerRecords("orders", posted([order(3, old + 1_000)]));
  await time.run(2_000);
  expect((await windowsOf(central))[0]).toMatchObject({ state: "complete", values: { count: 2 } });
  await time.run(3_600_000);
  expect((await windowsOf(central))[0]).toMatchObject({ state: "final", values: { count: 2 } });
  expect((await windowsOf(central))[1]).not.toMatchObject({ state: "final" });
});

test("a full disk: posts that wait are told so at once, and nothing of them is taken; those of a commit count once it succeeds", async () => {
  const { central, store, time } = await start();
  const { commit } = store;
  const underWay = Promise.withResolvers<void>();
  store.commit = () => underWay.promise;
  const outcomes: Record<string, string> = {};
  const post = (id: number) =>
    central.offerRecords("orders", posted([order(id, NOW)]))?.then(
      () => (outcomes[id] = "taken"),
      (error: unknown) => (outcomes[id] = String(error)),
    );
  void post(1);
  await time.run(10);
  void post(2);
  expect(outcomes).toEqual({});
  const reason = "IO error: store/000033.log: No space left on device";
  const full = new MillraceError("store_write", { path: "memory", reason });
  store.commit = () => Promise.reject(full);
  underWay.reject(full);
  await time.run(10);
  expect(outcomes).toEqual({
    1: expect.stringMatching(
      /^Error: the disk is full: .*may have been taken: send it again, ids count once$/,
    ),
    2: expect.stringMatching(/^Error: the disk is full: .*; nothing was taken: send it again$/),
  });
  expect(post(3)).toBeUndefined();
  store.commit = commit;
  await time.run(10_000);
  expect((await windowsOf(central)).map(({ values }) => values["count"])).toEqual([1]);
  await time.during(Promise.all([post(1), post(2)]));
  expect(outcomes).toEqual({ 1: "taken", 2: "taken" });
  await time.run(1_000);
  expect((await windowsOf(central)).map(({ values }) => values["count"])).toEqual([2]);
});

test("a crash at every commit, before or after it: what is posted again until it is answered counts once", async () => {
  const all = Array.from({ length: 60 }, (_, id) =>
    order(id, NOW - 120_000 + ((id * 7_919) % 120_000), ["北京", "上海"][id % 2], id),
  );
  const batches = Array.from({ length: 12 }, (_, at) => [
    ...all.slice(at * 5, at * 5 + 5),
    ...all.slice(0, at),
    bytesOf("junk"),
  ]);
  const run = async (commit: number, fate: "crash_before" | "crash_after" | "refused") => {
    let world = await start();
    const time = world.time;
    world.store.fate = (each) => (each === commit ? fate : "done");
    for (const batch of batches) {
      for (;;) {
        let isAnswered = false;
        void world.central.offerRecords("orders", posted(batch))?.then(
          () => (isAnswered = true),
          () => "to be sent again",
        );
        await time.run(2_000);
        if (isAnswered) break;
        world = await start(new CrashingStore(world.store.snapshot()), { time });
      }
    }
    await time.run(200_000);
    const windows = [...(await windowsOf(world.central)), ...(await windowsOf(world.central, "failed_1m"))];
    const [{ totals, ids }] = world.central.recordStreams();
    const results = windows.map(({ window, group, startMs, values, state }) => ({
      window,
      group,
      startMs,
      values,
      state,
    }));
    return { results, totals, ids, commits: world.store.triedCount };
  };
  const whole = await run(-1, "refused");
  expect(whole.totals).toMatchObject({ aggregated: 60, rejected: { malformed: 12 } });
  expect(
    whole.results.filter(({ window }) => window === "amount_1m").map(({ values }) => values["sum"]),
  ).toHaveLength(4);
  for (let commit = 1; commit <= 16; commit += 1) {
    for (const fate of ["crash_before", "crash_after", "refused"] as const) {
      const { results, totals, ids } = await run(commit, fate);
      expect(results).toEqual(whole.results);
      expect(ids).toBe(60);
      expect(totals.aggregated).toBe(60);
      const { received, aggregated, duplicates, setAside, tooLate, rejected } = totals;
      expect(received).toBe(aggregated + duplicates + setAside + tooLate + (rejected["malformed"] ?? 0));
      // What was committed and not answered comes again: duplicates, and junk that is counted again.
      expect(duplicates).toBeGreaterThanOrEqual(whole.totals.duplicates);
    }
  }
});

test("what is refused is in the quarantine with stream, partition and offset, once the position is past it", async () => {
  const { central, time, store } = await start();
  void central.offerRecords("orders", posted([order(1, NOW), bytesOf("no json"), bytesOf({ id: 2 })]));
  await time.run(300);
  const entries = await central.quarantine(10);
  expect(entries.map(({ agent, topic, reason, record }) => ({ agent, topic, reason, record }))).toEqual([
    {
      agent: "orders/0",
      topic: "records",
      reason: "no_time",
      record: { stream: "orders", partition: 0, offset: 2 },
    },
    {
      agent: "orders/0",
      topic: "records",
      reason: "malformed",
      record: { stream: "orders", partition: 0, offset: 1 },
    },
  ]);
  expect(Buffer.from(entries[1].head, "base64").toString()).toBe("no json");
  const again = await start(new CrashingStore(store.snapshot()), { time });
  expect(again.central.recordStreams()[0]).toMatchObject({ partitions: [{ partition: 0, position: 3 }] });
  expect(await again.central.quarantine(10)).toHaveLength(2);
});

test("a burst of five thousand that nobody can read is in the quarantine whole, over a start; what is behind it is taken", async () => {
  const { central, time, store } = await start();
  const junk = Array.from({ length: 5_000 }, (_, at) => bytesOf(`junk ${at}`));
  const outcome = central.offerRecords("orders", posted([...junk, order(1, NOW)]));
  await time.run(300);
  expect(await outcome).toMatchObject({ received: 5_001, taken: 1, rejectedCount: 5_000 });
  const again = await start(new CrashingStore(store.snapshot()), { time });
  const entries = await again.central.quarantine(10_000, { agent: "orders/0", reason: "malformed" });
  expect(entries.map(({ record }) => record?.offset)).toEqual(junk.map((_, at) => 4_999 - at));
  expect(again.central.quarantineCounts()).toMatchObject({
    taken: 5_000,
    kept: { entries: 5_000 },
    dropped: { flood: 0, room: 0, age: 0 },
  });
});

test("an agent that still sends a metric which is made of records now adds nothing to its windows", async () => {
  const pipeline = {
    metrics: [{ ...AMOUNT, name: "t" }],
    windows: [{ ...COMMON, name: "t_1m", metric: "t", by: [] }],
  };
  const { central, time } = await start(undefined, { pipeline });
  const agent = new ScriptedAgent(central, () => Math.floor(time.nowMs));
  agent.hello();
  await time.run(10);
  agent.panes(1, NOW);
  await time.run(300);
  expect(await windowsOf(central, "t_1m")).toEqual([]);
  expect(central.ledger().get("alpha-1")).toMatchObject({ received: 1, merged: 0, unwindowed: 1 });
});

test("records wait for a commit within a bound; what stops says so", async () => {
  const { central, time, store } = await start();
  store.fate = () => "crash_before";
  const big = new Uint8Array(STREAM_INBOX_BYTES_MAX / 2);
  const first = central.offerRecords("orders", posted([big]));
  await time.run(300);
  const second = central.offerRecords("orders", posted([big]));
  expect(first).not.toBeNull();
  expect(second).not.toBeNull();
  expect(central.offerRecords("orders", posted([big]))).toBeNull();
  expect(central.offerRecords("nothing", posted([big]))).not.toBeNull();
});

test("records alone let windows become final: their times are witnesses of central's clock", async () => {
  const { central, time } = await start();
  for (let minute = 0; minute < 70; minute += 1) {
    void central.offerRecords("orders", posted([order(minute, NOW + minute * 60_000)]));
    await time.run(60_000);
  }
  const states = (await windowsOf(central)).map(({ state }) => state);
  expect(states.filter((state) => state === "final").length).toBeGreaterThanOrEqual(5);
  expect(states.at(-1)).not.toBe("final");
  expect(central.alarms().filter(({ rule }) => rule === "clock_disagrees")).toEqual([]);
});

test("a central whose clock begins in the past after a start takes what is of now, and refuses what is far ahead all the same", async () => {
  const { central, time, store } = await start();
  void central.offerRecords("orders", posted([order(1, NOW)]));
  await time.run(20_000);
  await central.close();
  const clock = time.clock({ offsetMs: () => -3_600_000 });
  const again = await openCentral({
    agents: [],
    pipeline: PIPELINE,
    records: [ORDERS],
    store,
    clock,
  });
  const outcome = again.offerRecords("orders", posted([order(2, NOW + 21_000), order(3, NOW + 400_000)]));
  await time.run(300);
  expect(await outcome).toMatchObject({ received: 2, taken: 1, rejectedCount: 1 });
});

test("a clock that is set back while central runs makes no record one of the future, now or after the next starts", async () => {
  const time = new SimulatedTime(NOW);
  let offsetMs = 0;
  let id = 0;
  const store = new CrashingStore();
  const takes = async (central: Central) => {
    id += 1;
    const outcome = central.offerRecords("orders", posted([order(id, Math.floor(time.nowMs))]));
    await time.run(300);
    return (await outcome)?.taken;
  };
  for (let start = 0; start < 3; start += 1) {
    const clock = time.clock({ offsetMs: () => offsetMs });
    const central = await openCentral({ agents: [], pipeline: PIPELINE, records: [ORDERS], store, clock });
    expect(await takes(central)).toBe(1);
    offsetMs = -7_200_000;
    await time.run(30_000);
    expect(await takes(central)).toBe(1);
    await time.run(30_000);
    await central.close();
  }
});

test("where all records are of the future, as for a clock that is behind, it is alarmed; for a few it is not", async () => {
  const { central, time } = await start();
  const ahead = (from: number, count: number) =>
    posted(Array.from({ length: count }, (_, at) => order(from + at, NOW + 300_000)));
  const alarms = () => central.alarms().filter(({ rule }) => rule === "data_loss");
  void central.offerRecords("orders", ahead(0, 60));
  void central.offerRecords("orders", posted([order(1_000, NOW)]));
  void central.offerRecords("orders", ahead(100, 60));
  await time.run(300);
  expect(alarms()).toEqual([]);
  void central.offerRecords("orders", ahead(200, 60));
  await time.run(300);
  void central.offerRecords("orders", ahead(300, 60));
  await time.run(300);
  expect(alarms()).toMatchObject([{ agent: "orders/0", isActive: true, step: 1, value: 120 }]);
  expect(alarms()[0].message).toContain("further ahead of central's clock than maxFuture");
});

test("where ids were too few for partitions that lie apart it is alarmed, with what to set", async () => {
  const { central, time } = await start(undefined, { records: [{ ...ORDERS, dedupeIdsMax: 1_000 }] });
  const alarms = () => central.alarms().filter(({ rule }) => rule === "data_loss");
  void central.offerRecords("orders", { ...posted([order(0, NOW - 7_200_000)], 1), isAtEnd: false });
  void central.offerRecords(
    "orders",
    posted(Array.from({ length: 3_000 }, (_, at) => order(1 + at, NOW - 3_600_000 + at * 1_000))),
  );
  await time.run(300);
  expect(alarms()).toEqual([]);
  void central.offerRecords("orders", posted([order(4_000, NOW - 7_100_000)], 1));
  await time.run(300);
  expect(alarms()).toMatchObject([{ agent: "orders/1", isActive: true, value: 1 }]);
  expect(alarms()[0].message).toContain("raise dedupe.idsMax of records.orders");
});

test("a partition all of whose records are too late is alarmed, with what to set", async () => {
  const records = [{ ...ORDERS, dedupeHorizonMs: 86_400_000 }];
  const { central, time } = await start(undefined, { records });
  void central.offerRecords("orders", posted([order(0, NOW)]));
  await time.run(90_000);
  const late = NOW - 3 * 3_600_000;
  void central.offerRecords("orders", posted(Array.from({ length: 150 }, (_, at) => order(1 + at, late))));
  await time.run(300);
  const alarms = central.alarms().filter(({ rule }) => rule === "data_loss");
  expect(alarms).toMatchObject([{ agent: "orders/0", isActive: true, value: 150 }]);
  expect(alarms[0].message).toContain("lengthen late.allowed");
});

/** The windows of `failed` are final long before those of `amount`. */
const UNEQUAL = {
  metrics: [AMOUNT, FAILED],
  windows: [WINDOWS[0], { ...WINDOWS[1], latenessMs: 10_000 }],
};

test("a metric all of whose windows are final is counted and alarmed, though another's still take each record", async () => {
  const store = new CrashingStore();
  const first = await start(store, { pipeline: UNEQUAL });
  void first.central.offerRecords("orders", posted([order(0, NOW)]));
  await first.time.run(90_000);
  const late = (from: number) =>
    posted(Array.from({ length: 150 }, (_, at) => order(from + at, NOW - 300_000 - (at % 3) * 60_000)));
  const outcome = first.central.offerRecords("orders", late(1));
  await first.time.run(300);
  expect(await outcome).toMatchObject({ taken: 150, tooLate: 0 });
  const totals = (central: Central) => central.recordStreams()[0].totals;
  expect(totals(first.central)).toMatchObject({
    received: 151,
    aggregated: 151,
    tooLate: 0,
    tooLateByMetric: { failed: 150 },
  });
  const alarms = (central: Central) => central.alarms().filter(({ rule }) => rule === "data_loss");
  expect(alarms(first.central)).toMatchObject([
    { agent: "orders", metric: "failed", isActive: true, step: 1, value: 150 },
  ]);
  expect(alarms(first.central)[0].message).toMatch(
    /^all that comes of metric failed of orders is too late: .* lengthen late\.allowed/,
  );
  await first.central.close();
  const { central, time } = await start(store, { time: first.time, pipeline: UNEQUAL });
  void central.offerRecords("orders", late(1_000));
  await time.run(300);
  expect(totals(central).tooLateByMetric).toEqual({ failed: 300 });
  expect(alarms(central)).toMatchObject([{ agent: "orders", metric: "failed", isActive: true, step: 1 }]);
  await time.run(601_000);
  expect(alarms(central)).toMatchObject([{ metric: "failed", isActive: false }]);
});

test("what is too late for all metrics of a stream is counted for each, and told of once", async () => {
  const records = [{ ...ORDERS, dedupeHorizonMs: 86_400_000 }];
  const { central, time } = await start(undefined, { records, pipeline: UNEQUAL });
  void central.offerRecords("orders", posted([order(0, NOW)]));
  await time.run(90_000);
  const late = NOW - 3 * 3_600_000;
  const some = Array.from({ length: 150 }, (_, at) => order(1 + at, late));
  // A value that is optional may be absent.
  some.push(bytesOf({ id: 999, t: late, region: "x", amount: 1 }));
  void central.offerRecords("orders", posted(some));
  await time.run(300);
  expect(central.recordStreams()[0].totals).toMatchObject({
    tooLate: 151,
    tooLateByMetric: { amount: 151, failed: 150 },
  });
  const alarms = central.alarms().filter(({ rule }) => rule === "data_loss");
  expect(alarms).toMatchObject([{ agent: "orders/0", metric: "" }]);
});

test("a stream all of whose records are set aside is alarmed", async () => {
  const { central, time } = await start();
  void central.offerRecords("orders", posted([order(0, NOW)]));
  await time.run(90_000);
  const late = NOW - 2 * ORDERS.dedupeHorizonMs;
  void central.offerRecords("orders", posted(Array.from({ length: 150 }, (_, at) => order(1 + at, late))));
  await time.run(300);
  const alarms = central.alarms().filter(({ rule }) => rule === "data_loss");
  expect(alarms).toMatchObject([{ agent: "orders/0", isActive: true, value: 150 }]);
  expect(alarms[0].message).toContain("lengthen dedupe.horizon");
});
