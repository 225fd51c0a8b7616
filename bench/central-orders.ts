import { join } from "node:path";
import { RedisServer } from "../scripts/stack/redis-server.ts";
import { StackUnavailable } from "../scripts/stack/stack-unavailable.ts";
import type { Bench } from "./bench.ts";
import { processUsage } from "./measure/process-usage.ts";
import { rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { Child } from "./workload/child.ts";
import { freePort } from "./workload/free-port.ts";
import { orderTruth } from "./workload/order-texts.ts";
import { OrdersTopic } from "./workload/orders-topic.ts";
import { centralBinary, RecordsCentral } from "./workload/records-central.ts";

const CONSUMER = join(import.meta.dirname, "workload/counting-consumer-process.ts");
const FIRST_PORT = 23_000 + (process.pid % 900) * 10;

interface Taken {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/** A backlog of orders from a real Kafka into the real central's windows. */
export const centralOrders: Bench = {
  name: "central-orders",
  summary:
    "orders a second from Kafka into central's windows, from its start until they hold a backlog, beside a consumer that only counts",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const count = isQuick ? 200_000 : 1_000_000;
      say("starting Kafka");
      const topic = await OrdersTopic.start(join(folder, "kafka"));
      const redis = await startRedis(join(folder, "redis"));
      try {
        say(`${count} orders into four partitions`);
        await topic.fill(count);
        say("a consumer that only counts");
        const counter = await runCounter(topic, count);
        say(`central, with ${redis === null ? "no Redis" : "its windows into Redis"}`);
        const redisUrl = redis === null ? null : `redis://${redis.address}`;
        const program = await centralBinary();
        const ours = await runCentral(join(folder, "central"), { program, topic, count, redisUrl });
        return {
          value: rounded(ours.perSecond),
          unit: "orders/s",
          better: "higher",
          peer: { name: "a consumer that only counts", value: rounded(counter.perSecond) },
          further: {
            perCpuSecond: rounded(ours.perCpuSecond),
            startMs: rounded(ours.startMs),
            onceStartedPerSecond: rounded(ours.onceStarted.perSecond),
            onceStartedPerCpuSecond: rounded(ours.onceStarted.perCpuSecond),
            counterPerCpuSecond: rounded(counter.perCpuSecond),
            redis: redis === null ? 0 : 1,
          },
        };
      } finally {
        await redis?.kill();
        await topic.stop();
      }
    }),
};

async function startRedis(dataFolder: string): Promise<RedisServer | null> {
  try {
    const port = await freePort("Redis", FIRST_PORT);
    const server = new RedisServer({ dataFolder, port, isPersistent: false });
    await server.start();
    return server;
  } catch (error) {
    if (error instanceof StackUnavailable) return null;
    throw error;
  }
}

async function runCounter(topic: OrdersTopic, count: number): Promise<Taken> {
  const startedMs = performance.now();
  const child = Child.ofModule(CONSUMER, [topic.address, topic.topic, String(count)]);
  try {
    await child.ask<number>();
    return takenIn(count, performance.now() - startedMs, cpuMsOf(child.pid));
  } finally {
    await child.stop();
  }
}

async function runCentral(
  folder: string,
  run: {
    readonly program: string;
    readonly topic: OrdersTopic;
    readonly count: number;
    readonly redisUrl: string | null;
  },
): Promise<Taken & { readonly startMs: number; readonly onceStarted: Taken }> {
  const { program, count, redisUrl } = run;
  const { address, topic } = run.topic;
  const truth = orderTruth(count);
  const orders = [...truth.values()].reduce((sum, minute) => sum + minute.count, 0);
  const startedMs = performance.now();
  const central = await RecordsCentral.start(folder, {
    program,
    stream: "orders",
    address,
    topic,
    ...(redisUrl === null ? {} : { sinks: { redis: { url: redisUrl, prefix: "{window}" } } }),
  });
  try {
    const startMs = performance.now() - startedMs;
    const startCpuMs = cpuMsOf(central.pid);
    await central.hasAll("orders_1m", count, orders);
    const tookMs = performance.now() - startedMs;
    const cpuMs = cpuMsOf(central.pid);
    await checkTruth(central, truth, { count, orders });
    const onceStarted = takenIn(count, tookMs - startMs, cpuMs - startCpuMs);
    return { ...takenIn(count, tookMs, cpuMs), startMs, onceStarted };
  } finally {
    await central.stop();
  }
}

function takenIn(count: number, tookMs: number, cpuMs: number): Taken {
  return { perSecond: (count / tookMs) * 1_000, perCpuSecond: (count / cpuMs) * 1_000 };
}

function cpuMsOf(pid: number): number {
  return processUsage(pid)?.cpuMs ?? Number.NaN;
}

async function checkTruth(
  central: RecordsCentral,
  truth: ReturnType<typeof orderTruth>,
  expected: { readonly count: number; readonly orders: number },
): Promise<void> {
  const { totals } = await central.stream();
  const isSum =
    totals.received === expected.count &&
    totals.aggregated === expected.orders &&
    totals.duplicates === expected.count - expected.orders;
  if (!isSum) throw new Error(`cannot trust the figures: the ledger says ${JSON.stringify(totals)}`);
  const windows = await central.windows("orders_1m");
  for (const { group, startMs, values } of windows) {
    const key = `${startMs} ${group["region"]}`;
    const minute = truth.get(key);
    if (minute?.count === values["count"] && Math.abs(minute.sum - values["sum"]) < 0.01) continue;
    throw new Error(`cannot trust the figures: ${key} has ${JSON.stringify(values)}`);
  }
  if (windows.length !== truth.size) throw new Error(`cannot trust the figures: ${windows.length} windows`);
}
