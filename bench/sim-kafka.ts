import { join } from "node:path";
import { PlatformaticClient } from "@millrace/kafka";
import { silentLogger, systemClock } from "@millrace/runtime";
import { KafkaReceiver } from "../simulator/src/business/live/kafka-receiver.ts";
import { RecordPump } from "../simulator/src/business/live/record-pump.ts";
import { parsePlan } from "../simulator/src/plan/load-plan.ts";
import { ReceiverWatch } from "../simulator/src/publish/receiver-watch.ts";
import { TruthLog } from "../simulator/src/truth/truth-log.ts";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { OrdersTopic } from "./workload/orders-topic.ts";

const DAY_MS = 86_400_000;
const STREAMS = ["orders", "refunds"] as const;
const PEER_RECORDS = 20_000;
const ORDER = Buffer.from(
  '{"order_id":"osz3xyg-1234567","time":"2026-01-05 08:00:34","amount":159.3,"region":"北京","category":"clothes","user":"u123456","payment":"paid"}',
);

const PLAN = `version: 1
business:
  time: local
  orders: { perSecond: 400000, payment: { perSecond: 450000 } }
`;

/** The simulator as `run --speed max --kafka` has it, truth and all, into a real Kafka of one broker. */
export const simKafka: Bench = {
  name: "sim-kafka",
  summary:
    "orders a second from one simulator into a real Kafka, beside one constant order by the plain client",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const durationMs = isQuick ? 3_000 : 15_000;
      say("starting Kafka");
      const topic = await OrdersTopic.start(join(folder, "kafka"));
      try {
        await topic.create(...STREAMS);
        say("one constant order");
        await publishPlainly(topic.address, durationMs / 3);
        const peer = await publishPlainly(topic.address, durationMs);
        say("the simulator");
        const ours = await simulate(topic.address, join(folder, "truth.jsonl"), durationMs);
        return {
          value: rounded(ours.perSecond),
          unit: "orders/s",
          better: "higher",
          peer: { name: "one constant order, the plain client", value: rounded(peer.perSecond) },
          further: {
            perCpuSecond: rounded(ours.perCpuSecond),
            peerPerCpuSecond: rounded(peer.perCpuSecond),
          },
        };
      } finally {
        await topic.stop();
      }
    }),
};

interface Rate {
  readonly perSecond: number;
  /** Of this process's own time, all its threads. */
  readonly perCpuSecond: number;
}

/** After a first third, in which everything gets warm. */
async function measured(ackedCount: () => number, durationMs: number): Promise<Rate> {
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await wait(durationMs / 3);
  const before = ackedCount();
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  await wait(durationMs);
  const count = ackedCount() - before;
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: (count * 1_000) / (performance.now() - startMs),
    perCpuSecond: (count * 1_000_000) / (user + system),
  };
}

async function simulate(address: string, truthPath: string, durationMs: number): Promise<Rate> {
  const { business, seed } = parsePlan(PLAN, "plan");
  if (business === null) throw new Error("invariant: the plan makes records");
  const truth = new TruthLog(truthPath);
  const receiver = new KafkaReceiver({
    producer: (options) => clientOf(address).bulkProducer(options),
    streams: STREAMS,
    topicOf: (stream) => stream,
    watch: new ReceiverWatch({ receiver: "Kafka", clock: systemClock, log: silentLogger }),
  });
  const pump = new RecordPump({
    plan: business,
    seed,
    startMs: Date.now() - DAY_MS,
    forMs: null,
    speed: Infinity,
    recovery: null,
    truth,
    clock: systemClock,
    receiver,
  });
  const ended = pump.run();
  const rate = await measured(() => pump.progress.acked, durationMs);
  pump.stop();
  await ended;
  await receiver.close();
  truth.close();
  return rate;
}

/** What a first program would do, without a shop behind it. */
async function publishPlainly(address: string, durationMs: number): Promise<Rate> {
  const producer = clientOf(address).producer();
  await producer.connect(["orders"]);
  let [count, isRunning] = [0, true];
  const records = Array.from({ length: PEER_RECORDS }, (_, at) => ({
    topic: "orders",
    key: `u${at}`,
    value: ORDER,
  }));
  const publish = async (): Promise<void> => {
    while (isRunning) {
      await producer.send(records);
      count += records.length;
    }
  };
  const ended = publish();
  const rate = await measured(() => count, durationMs);
  isRunning = false;
  await ended;
  await producer.close();
  return rate;
}

function clientOf(address: string): PlatformaticClient {
  return new PlatformaticClient({ brokers: [address], clientId: "bench", tls: null, sasl: null });
}
