// Orders are like those of a shop: shares, amounts, days, a festival; payments fail by the load, and who fails comes again.
import { mean, sampleCorrelation, sampleStandardDeviation } from "simple-statistics";
import { expect, test } from "vitest";
import { parsePlan } from "../../plan/load-plan.ts";
import type { OrdersPlan } from "../plan/business-plan.ts";
import { WallClock } from "../wall-clock.ts";
import { OrderBlock } from "./order-block.ts";
import { orderRate, OrderStream } from "./order-stream.ts";
import { PaymentQueue } from "./payment-queue.ts";

/** Midnight in Shanghai. */
const START_MS = Date.UTC(2026, 0, 4, 16);
const HOUR_MS = 3_600_000;
const FLAT = `daily: [${new Array(24).fill(1).join(", ")}]`;
const clock = new WallClock("Asia/Shanghai");

function planOf(orders: string): OrdersPlan {
  const plan = parsePlan(`version: 1\nbusiness: { orders: { ${orders} } }\n`, "plan").business?.orders;
  if (plan == null) throw new Error("the plan has orders");
  return plan;
}

interface Order {
  readonly number: number;
  readonly timeMs: number;
  readonly region: string;
  readonly category: string;
  readonly amount: number;
  readonly user: number;
  readonly isFailed: boolean;
  readonly retryOf: number;
}

function ordersOf(plan: OrdersPlan, lengthMs: number, seed = 1) {
  const stream = new OrderStream({ plan, seed, clock, startMs: START_MS, planStartMs: START_MS });
  const block = new OrderBlock(500);
  const orders: Order[] = [];
  for (let isDone = false; !isDone;) {
    isDone = stream.generate(block, START_MS + lengthMs);
    for (let at = 0; at < block.count; at += 1) {
      orders.push({
        number: block.number[at],
        timeMs: block.timeMs[at],
        region: plan.regions[block.region[at]].region,
        category: plan.categories[block.category[at]].category,
        amount: block.cents[at] / 100,
        user: block.user[at],
        isFailed: block.isFailed[at] === 1,
        retryOf: block.retryOf[at],
      });
    }
  }
  return { orders, stream };
}

const shareOf = <Item>(items: readonly Item[], is: (item: Item) => boolean): number =>
  items.filter(is).length / items.length;

test("regions and categories have their weights, one category its own by region, and amounts its median", () => {
  const plan = planOf(`perSecond: 100, ${FLAT}, regions: { 北京: 3, 上海: 1 },
    categories: { phones: { median: 3000, spread: 0.5, regions: { 上海: 3 } }, food: { median: 60, spread: 0.8 } }`);
  const { orders } = ordersOf(plan, 1_000_000);
  expect(orders.length / 100_000).toBeCloseTo(1, 1);
  // 北京 3 + 3, 上海 1 × 3 + 1.
  expect(shareOf(orders, ({ region }) => region === "北京")).toBeCloseTo(0.6, 2);
  const inShanghai = orders.filter(({ region }) => region === "上海");
  expect(shareOf(inShanghai, ({ category }) => category === "phones")).toBeCloseTo(0.75, 2);
  for (const { category, median, spread } of plan.categories) {
    const logs = orders.filter((order) => order.category === category).map(({ amount }) => Math.log(amount));
    expect(Math.abs(mean(logs) - Math.log(median))).toBeLessThan(0.015);
    expect(sampleStandardDeviation(logs) / spread).toBeCloseTo(1, 1);
  }
  expect(Math.min(...orders.map(({ user }) => user))).toBeGreaterThanOrEqual(1);
});

test("a day's orders follow its curve, hour by hour", () => {
  const plan = planOf("perSecond: 5");
  const { orders } = ordersOf(plan, 24 * HOUR_MS);
  const rateOf = orderRate(plan, clock, START_MS);
  const counts = Array.from({ length: 24 }, () => 0);
  for (const { timeMs } of orders) counts[Math.floor((timeMs - START_MS) / HOUR_MS)] += 1;
  counts.forEach((count, hour) => {
    let expected = 0;
    for (let second = 0; second < 3_600; second += 1)
      expected += rateOf(START_MS + hour * HOUR_MS + second * 1_000 + 500);
    expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected) + 0.02 * expected);
  });
  expect(counts[4]).toBeLessThan(counts[21] / 5);
  expect(counts.reduce((sum, count) => sum + count, 0) / (5 * 86_400)).toBeCloseTo(1, 1);
});

test("a festival rises to its peak at midnight, fades over the night, comes again in the evening and ends", () => {
  const plan = planOf("perSecond: 10, festival: { at: next-midnight, peak: 50, warmUp: 2h, rise: 30s }");
  const eveningMs = START_MS - 4 * HOUR_MS;
  const rateOf = orderRate(plan, clock, eveningMs);
  const at = (hours: number): number => rateOf(START_MS + hours * HOUR_MS);
  const usual = orderRate({ ...plan, festival: null }, clock, eveningMs);
  expect(at(-3)).toBe(usual(START_MS - 3 * HOUR_MS));
  expect(at(30 / 3_600)).toBeCloseTo(500, 6);
  expect(at(-0.01)).toBeGreaterThan(3 * usual(START_MS));
  expect(at(-0.01)).toBeLessThan(0.2 * 500);
  const night = [30 / 3_600, 0.25, 0.5, 1, 2, 4].map(at);
  expect(night).toEqual(night.toSorted((one, other) => other - one));
  expect(at(21)).toBeGreaterThan(2 * at(16));
  expect(at(27)).toBeLessThan(1.1 * usual(START_MS + 27 * HOUR_MS));
  // A date's midnight is the zone's.
  const dated = planOf("perSecond: 10, festival: { at: 2026-01-05, peak: 50, rise: 30s }");
  expect(orderRate(dated, clock, 0)(START_MS + 30_000)).toBeCloseTo(500, 6);
});

test("a payment system at its limit makes everybody wait as long as it may, and turns the others away", () => {
  const queue = new PaymentQueue(10, 1_000);
  expect(queue.offer(0)).toBe(100);
  expect(queue.offer(0)).toBe(200);
  for (let turn = 0; turn < 9; turn += 1) expect(queue.offer(0)).not.toBeNull();
  expect(queue.offer(0)).toBeNull();
  expect(queue.offer(200)).not.toBeNull();
  expect(queue.offer(60_000)).toBe(100);
});

test.each([0.5, 0.9, 1.25, 2, 5])(
  "at %s times the payment system's capacity the share of failures is that of theory",
  (load) => {
    const plan = planOf(`perSecond: ${200 * load}, ${FLAT},
    payment: { perSecond: 200, waitMax: 2s, declined: 0.02, retry: { share: 0 } }`);
    // Without the first seconds, in which the queue fills.
    const settled = ordersOf(plan, 240_000).orders.filter(({ timeMs }) => timeMs >= START_MS + 30_000);
    const turnedAway = Math.max(0, 1 - 1 / load);
    const expected = turnedAway + (1 - turnedAway) * 0.02;
    expect(Math.abs(shareOf(settled, ({ isFailed }) => isFailed) - expected)).toBeLessThan(0.012);
  },
);

test("the share of failures rises and falls with the load of a festival", () => {
  const plan = planOf(`perSecond: 20, ${FLAT}, festival: { at: 2m, peak: 50, warmUp: 1m, decay: 5m },
    payment: { perSecond: 300, waitMax: 3s, declined: 0, retry: { share: 0.6, after: 10s } }`);
  const { orders } = ordersOf(plan, 40 * 60_000);
  const minutes = Array.from({ length: 40 }, (_, minute) => {
    const within = orders.filter(({ timeMs }) => Math.floor((timeMs - START_MS) / 60_000) === minute);
    return { load: within.length / 60 / 300, failed: shareOf(within, ({ isFailed }) => isFailed) };
  });
  expect(Math.max(...minutes.map(({ failed }) => failed))).toBeGreaterThan(0.6);
  for (const { load, failed } of minutes) {
    if (load < 0.9) expect(failed).toBeLessThan(0.15);
    else if (load > 1.3) expect(Math.abs(failed - (1 - 1 / load))).toBeLessThan(0.08);
  }
  expect(
    sampleCorrelation(
      minutes.map(({ load }) => load),
      minutes.map(({ failed }) => failed),
    ),
  ).toBeGreaterThan(0.9);
});

test("who fails comes again with the same order, after a while, up to the plan's number of times", () => {
  const plan = planOf(`perSecond: 50, ${FLAT},
    payment: { perSecond: 1000, declined: 0.5, retry: { share: 0.8, after: 20s, attemptsMax: 3 } }`);
  const { orders } = ordersOf(plan, 600_000);
  const byNumber = new Map(orders.map((order) => [order.number, order]));
  const tries = new Map<number, Order[]>();
  for (const order of orders) {
    if (order.retryOf === 0) continue;
    const first = byNumber.get(order.retryOf);
    expect(first).toMatchObject({
      isFailed: true,
      retryOf: 0,
      user: order.user,
      amount: order.amount,
      region: order.region,
      category: order.category,
    });
    tries.set(order.retryOf, [...(tries.get(order.retryOf) ?? []), order]);
  }
  expect(Math.max(...[...tries.values()].map((each) => each.length))).toBe(2);
  const seconds = [...tries].map(
    ([first, [again]]) => (again.timeMs - (byNumber.get(first)?.timeMs ?? 0)) / 1_000,
  );
  expect(mean(seconds)).toBeGreaterThan(17);
  expect(mean(seconds)).toBeLessThan(22);
  const failures = orders.filter(
    (order) => order.retryOf === 0 && order.isFailed && order.timeMs < START_MS + 400_000,
  );
  expect(shareOf(failures, ({ number }) => tries.has(number))).toBeCloseTo(0.8, 1);
});

test("what is given back was paid, in its category's share, after a lognormal while", () => {
  const plan = planOf(`perSecond: 100, ${FLAT}, refundDelay: { median: 1h, spread: 0.5 },
    payment: { declined: 0.2, retry: { share: 0 } },
    categories: { phones: { median: 3000, refunds: 0.3 }, food: { median: 60, refunds: 0.02 } }`);
  const { orders, stream } = ordersOf(plan, 600_000);
  const byNumber = new Map(orders.map((order) => [order.number, order]));
  const refunded = new Map<string, number>();
  const logs: number[] = [];
  for (let timeMs = stream.refunds.nextMs, last = 0; timeMs < Infinity; timeMs = stream.refunds.nextMs) {
    const refund = stream.refunds.pop();
    const order = byNumber.get(refund?.order ?? 0);
    expect(order?.isFailed).toBe(false);
    expect((refund?.cents ?? 0) / 100).toBe(order?.amount);
    expect(timeMs).toBeGreaterThanOrEqual(last);
    last = timeMs;
    logs.push(Math.log(timeMs - (order?.timeMs ?? 0)));
    refunded.set(order?.category ?? "", (refunded.get(order?.category ?? "") ?? 0) + 1);
  }
  for (const { category, refundShare } of plan.categories) {
    const paid = orders.filter((order) => order.category === category && !order.isFailed).length;
    expect((refunded.get(category) ?? 0) / paid).toBeCloseTo(refundShare, 1);
  }
  expect(mean(logs)).toBeCloseTo(Math.log(HOUR_MS), 1);
  expect(sampleStandardDeviation(logs)).toBeCloseTo(0.5, 1);
});

test("a setting changes only what it sets: amounts, users and times of other orders stay", () => {
  const plan = (settings: string): OrdersPlan => planOf(`perSecond: 50, ${FLAT}, ${settings}`);
  const of = (settings: string): Order[] => ordersOf(plan(settings), 60_000).orders;
  const usual = of("payment: { perSecond: 1000 }");
  const declined = of("payment: { perSecond: 1000, declined: 0.5, retry: { share: 0 } }");
  expect(declined.map((order) => ({ ...order, isFailed: false }))).toEqual(
    usual
      .filter(({ retryOf }) => retryOf === 0)
      .map((order, at) => ({ ...order, number: at + 1, isFailed: false })),
  );
});
