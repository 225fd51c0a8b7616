// How fast what came as a backlog is rolled up, and that central's history is what a batch over the records says afterwards.
import type { PipelineMetric } from "@millrace/config";
import type { WindowSpec } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { openCentral } from "../records/open-central.test-support.ts";
import { AMOUNT, bytesOf, ORDERS } from "../records/staged-records.test-support.ts";
import { UNLIMITED } from "./history-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const NOW = 1_700_006_400_000;
const METRIC: PipelineMetric = { ...AMOUNT, accumulate: ["count", "sum", "min", "max"] };
const WINDOW: WindowSpec = {
  name: "amount_1m",
  metric: "amount",
  kind: "aligned",
  sizeMs: MINUTE_MS,
  slideMs: MINUTE_MS,
  offsetMs: 0,
  latenessMs: 30 * DAY_MS,
  by: ["region"],
};
const REGIONS = ["北京", "上海"];

interface Order {
  readonly timeMs: number;
  readonly amount: number;
  readonly region: string;
}

async function start(time: SimulatedTime, store = new CrashingStore()) {
  const central = await openCentral({
    agents: [],
    pipeline: { metrics: [METRIC], windows: [WINDOW] },
    records: [{ ...ORDERS, dedupeHorizonMs: 30 * DAY_MS, dedupeIdsMax: 1_000_000 }],
    history: UNLIMITED,
    store,
    clock: time.clock(),
  });
  let id = 0;
  return {
    central,
    send: (orders: readonly Order[]) => {
      const values = orders.map(({ timeMs, ...fields }) => bytesOf({ id: id++, t: timeMs, ...fields }));
      return central.offerRecords("orders", {
        partition: 0,
        values,
        offsets: null,
        nextOffset: null,
        isAtEnd: true,
      });
    },
    dirtyBlocks: () => central.historyCounts(time.nowMs)?.dirtyBlocks ?? 0,
  };
}

/** Of days before now, in no order; eighths, so that sums are exact. */
function backlog(random: SeededRandom, count: number, days: number): Order[] {
  return Array.from({ length: count }, () => ({
    timeMs: NOW - random.integer(0, days * DAY_MS),
    amount: random.integer(0, 8_000) / 8,
    region: REGIONS[random.integer(0, 1)],
  }));
}

test("a backlog of days is rolled up within a minute while nothing else is there, and every zoom is the batch over its records", async () => {
  const time = new SimulatedTime(NOW);
  const { central, send, dirtyBlocks } = await start(time);
  const orders = backlog(new SeededRandom(5), 4_000, 4);
  for (let at = 0; at < orders.length; at += 1_000) {
    void send(orders.slice(at, at + 1_000));
    await time.run(1_000);
  }
  expect(dirtyBlocks()).toBeGreaterThan(900);
  await time.run(MINUTE_MS);
  expect(dirtyBlocks()).toBeLessThan(3);
  for (const stepMs of [MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, DAY_MS]) {
    const page = await central.series({
      metric: "amount",
      by: null,
      group: {},
      fromMs: NOW - 5 * DAY_MS,
      toMs: NOW + DAY_MS,
      stepMs,
      maxPoints: 1_000,
      values: ["count", "sum", "min", "max"],
      limit: 1_000,
      cursor: null,
    });
    if ("reason" in page) throw new Error(page.detail);
    const points = Object.fromEntries(
      page.series.flatMap(({ labels, startMs, values }) =>
        startMs.map((atMs, index) => [
          `${labels["region"]} ${atMs}`,
          ["count", "sum", "min", "max"].map((name) => values[name][index]),
        ]),
      ),
    );
    const truth = Map.groupBy(
      orders,
      ({ timeMs, region }) => `${region} ${Math.floor(timeMs / stepMs) * stepMs}`,
    );
    expect(points).toEqual(
      Object.fromEntries(
        Array.from(truth, ([key, of]) => {
          const amounts = of.map(({ amount }) => amount);
          const sum = amounts.reduce((total, amount) => total + amount, 0);
          return [key, [of.length, sum, Math.min(...amounts), Math.max(...amounts)]];
        }),
      ),
    );
  }
});

test("what comes meanwhile is committed first: it never waits for more than one piece of the backlog", async () => {
  const time = new SimulatedTime(NOW);
  const store = new CrashingStore();
  const { send, dirtyBlocks } = await start(time, store);
  void send(backlog(new SeededRandom(6), 500, 4));
  await time.run(5_290);
  const before = dirtyBlocks();
  let commitsMax = 0;
  for (let at = 0; at < 20; at += 1) {
    const first = store.triedCount;
    let isAnswered = false;
    void send([{ timeMs: NOW, amount: 1, region: "北京" }])?.then(() => (isAnswered = true));
    while (!isAnswered) await time.run(1);
    commitsMax = Math.max(commitsMax, store.triedCount - first);
    await time.run(3);
  }
  expect(dirtyBlocks()).toBeLessThan(before - 10);
  expect(dirtyBlocks()).toBeGreaterThan(10);
  expect(commitsMax).toBeLessThanOrEqual(2);
});
