import type { BusinessRecord } from "../simulator/src/business/business-record.ts";
import { BusinessRun } from "../simulator/src/business/business-run.ts";
import { OrderBlock } from "../simulator/src/business/orders/order-block.ts";
import { OrderStream } from "../simulator/src/business/orders/order-stream.ts";
import type { BusinessPlan } from "../simulator/src/business/plan/business-plan.ts";
import { WallClock } from "../simulator/src/business/wall-clock.ts";
import { parsePlan } from "../simulator/src/plan/load-plan.ts";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";

const START_MS = 1_767_225_600_000;
const BLOCK_ORDERS = 4_096;
const REGIONS = ["北京", "上海", "广州", "深圳"];

/** So many orders a second that a step of 10 ms holds some four thousand; times by the wall clock, payments, refunds. */
const PLAN = `version: 1
business:
  time: local
  orders: { perSecond: 400000, payment: { perSecond: 450000 } }
`;

/** Orders as records with their JSON, beside one object an order and JSON.stringify. */
export const simRecords: Bench = {
  name: "sim-records",
  summary: "the simulator's orders as JSON records beside an object and JSON.stringify for each",
  async run({ isQuick }) {
    const steps = isQuick ? 20 : 60;
    const { business } = parsePlan(PLAN, "plan");
    if (business === null) throw new Error("invariant: the plan makes records");
    const records = recordsOf(business);
    const bytes = recordsOf(business);
    const columns = columnsOf(business);
    const buffer = Buffer.alloc(1 << 20);
    const rates = measureRates(
      {
        records: () => records(steps, countOf),
        bytes: () => bytes(steps, (made) => writeAll(made, buffer)),
        columns: () => columns(steps),
        objects: () => runObjects(steps),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 11 },
    );
    return {
      value: rounded(rates.records.perSecond),
      unit: "records/s",
      better: "higher",
      peer: { name: "JSON.stringify of an object, Math.random", value: rounded(rates.objects.perSecond) },
      further: {
        spread: rounded(rates.records.spread),
        /** With each record's JSON written as UTF-8. */
        bytesRecordsPerSecond: rounded(rates.bytes.perSecond),
        /** Without records: what the truth of windows needs. */
        columnsOrdersPerSecond: rounded(rates.columns.perSecond),
      },
    };
  },
};

/** Goes on with the same run, round by round, its truth of windows with it. */
function recordsOf(plan: BusinessPlan) {
  const run = new BusinessRun({ plan, seed: 1, startMs: START_MS, record: () => {}, hasRecords: true });
  return (steps: number, use: (made: readonly BusinessRecord[]) => number) => {
    let units = 0;
    let checkSum = 0;
    for (let step = 0; step < steps; step += 1) {
      const made = run.step();
      units += made.length;
      checkSum += use(made);
    }
    return { units, checkSum };
  };
}

function countOf(made: readonly BusinessRecord[]): number {
  return made.length === 0 ? 0 : (made[made.length - 1].json?.length ?? 0);
}

function writeAll(made: readonly BusinessRecord[], buffer: Buffer): number {
  let at = 0;
  for (const { json } of made) {
    if (at > buffer.length - 1_024) at = 0;
    at += buffer.write(json ?? "", at);
  }
  return at;
}

function columnsOf(plan: BusinessPlan) {
  const { orders } = plan;
  if (orders === null) throw new Error("invariant: the plan makes orders");
  const clock = new WallClock(plan.zone);
  const stream = new OrderStream({ plan: orders, seed: 1, clock, startMs: START_MS, planStartMs: START_MS });
  const block = new OrderBlock(BLOCK_ORDERS);
  return (blocks: number) => {
    let checkSum = 0;
    for (let turn = 0; turn < blocks; turn += 1) {
      stream.generate(block, Infinity);
      checkSum += block.cents[block.count - 1];
    }
    return { units: blocks * BLOCK_ORDERS, checkSum };
  };
}

/** What a first program would do: an object an order, a normal deviate by Box and Muller, JSON.stringify. */
function runObjects(steps: number) {
  const count = steps * BLOCK_ORDERS;
  let checkSum = 0;
  for (let number = 0; number < count; number += 1) {
    const noise = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    const order = {
      order_id: `o${number}`,
      time: new Date(START_MS + number / 400).toISOString(),
      amount: Math.round(159 * Math.exp(0.7 * noise) * 100) / 100,
      region: REGIONS[Math.floor(Math.random() * REGIONS.length)],
      category: "clothes",
      user: `u${Math.floor(Math.random() * 1_000_000)}`,
      payment: Math.random() < 0.01 ? "failed" : "paid",
    };
    checkSum += JSON.stringify(order).length;
  }
  return { units: count, checkSum };
}
