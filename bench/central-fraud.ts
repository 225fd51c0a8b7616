import { join } from "node:path";
import { type KafkaBatch, PlatformaticClient } from "@millrace/kafka";
import type { Bench } from "./bench.ts";
import { percentile, rounded } from "./measure/statistics.ts";
import { startBenchKafka } from "./workload/bench-kafka.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { Child } from "./workload/child.ts";
import { centralBinary, RecordsCentral } from "./workload/records-central.ts";
import { TRANSFER_PARTITIONS, transferTexts } from "./workload/transfer-texts.ts";

const LOAD = join(import.meta.dirname, "workload/transfer-load-process.ts");
const RELAY = join(import.meta.dirname, "workload/relay-process.ts");
const PER_SECOND = 50_000;
const ACCOUNTS = 1_000_000;
const TOPIC = "transfers";
const SEND_RECORDS = 8_000;
/** The processes come to rest, and the compiler has seen the load. */
const WARM_UP_MS = 3_000;
const PATIENCE_MS = 30_000;

interface Load {
  readonly sent: number;
  readonly rings: number;
  readonly tookMs: number;
  readonly behindMsMax: number;
}

/** From a payment that makes an alarm to the alarm in Kafka. */
export const centralFraud: Bench = {
  name: "central-fraud",
  summary:
    "from the tenth payment's way into Kafka to its alarm in Kafka's topic of alarms, beside a bare relay",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const accounts = isQuick ? ACCOUNTS / 10 : ACCOUNTS;
      const forMs = isQuick ? 8_000 : 30_000;
      say("starting Kafka");
      const kafka = await startBenchKafka(join(folder, "kafka"));
      const { address } = kafka;
      const client = new PlatformaticClient({ brokers: [address], clientId: "bench", tls: null, sasl: null });
      try {
        say(`whom ${accounts} accounts have paid before`);
        await fillHistory(client, accounts);
        const central = await RecordsCentral.start(join(folder, "central"), {
          program: await centralBinary(),
          stream: "transfers",
          address,
          topic: TOPIC,
          settings: { dedupe: { horizon: "15m" } },
          sinks: { kafka: { brokers: [address] } },
        });
        try {
          await central.hasReceived(accounts);
          say(`${PER_SECOND} transfers a second through central`);
          const ours = await measure(client, { address, accounts, forMs, topic: "millrace.alarms.v1" });
          const { totals, rules } = await central.stream();
          if (totals.aggregated !== accounts + ours.load.sent)
            throw new Error(`cannot trust the figures: the ledger says ${JSON.stringify(totals)}`);
          await central.stop();
          say("the same through a relay");
          const relay = Child.ofModule(RELAY, [address, TOPIC, "relayed"]);
          await relay.ask<string>();
          const peer = await measure(client, { address, accounts, forMs: forMs / 2, topic: "relayed" });
          await relay.stop();
          return {
            value: rounded(percentile(ours.delaysMs, 0.99)),
            unit: "ms",
            better: "lower",
            peer: { name: "a bare relay", value: rounded(percentile(peer.delaysMs, 0.99)) },
            further: {
              p50Ms: rounded(percentile(ours.delaysMs, 0.5)),
              maxMs: Math.max(...ours.delaysMs),
              raisedP99Ms: rounded(percentile(ours.raisedMs, 0.99)),
              relayP50Ms: rounded(percentile(peer.delaysMs, 0.5)),
              alarms: ours.load.rings,
              transfersPerSecond: rounded((ours.load.sent / ours.load.tookMs) * 1_000),
              loadBehindMsMax: rounded(ours.load.behindMsMax),
              pairsKnown: rules[0].known,
            },
          };
        } finally {
          await central.stop();
        }
      } finally {
        await kafka.kill();
      }
    }),
};

async function fillHistory(client: PlatformaticClient, accounts: number): Promise<void> {
  const [admin, producer] = [client.admin(), client.producer()];
  try {
    for (const [topic, partitions] of [
      [TOPIC, TRANSFER_PARTITIONS],
      ["relayed", 1],
      ["millrace.alarms.v1", 1],
    ] as const)
      await admin.createTopic({ topic, partitions, replicas: 1 });
    await producer.connect([TOPIC]);
    const timeMs = Date.now() - 3_600_000;
    for (let from = 0; from < accounts; from += SEND_RECORDS) {
      const count = Math.min(SEND_RECORDS, accounts - from);
      const texts = transferTexts(from, count, { accounts, timeMs, isHistory: true });
      await producer.send(
        texts.map(({ partition, value }) => ({ topic: TOPIC, key: null, value, partition })),
      );
    }
  } finally {
    await Promise.all([admin.close(), producer.close()]);
  }
}

/** How long after its last payment was handed to Kafka each ring is in the topic, and central had raised it. */
async function measure(
  client: PlatformaticClient,
  run: {
    readonly address: string;
    readonly accounts: number;
    readonly forMs: number;
    readonly topic: string;
  },
): Promise<{ readonly delaysMs: number[]; readonly raisedMs: number[]; readonly load: Load }> {
  const { address, accounts, forMs, topic } = run;
  const consumer = client.consumer({ group: `bench-${topic}`, topics: [topic], from: "end" });
  const seen = new Map<string, Seen>();
  const reading = readAlarms(() => consumer.next(), seen);
  const load = Child.ofModule(LOAD, [
    address,
    TOPIC,
    String(PER_SECOND),
    String(accounts),
    String(WARM_UP_MS + forMs),
  ]);
  try {
    const startMs = Date.now();
    const done = await load.ask<Load>();
    const waitedFromMs = performance.now();
    while (seen.size < done.rings && performance.now() - waitedFromMs < PATIENCE_MS)
      await new Promise((resolve) => setTimeout(resolve, 100));
    await consumer.close();
    await reading;
    if (seen.size !== done.rings)
      throw new Error(`cannot trust the figures: ${seen.size} of ${done.rings} rings came`);
    const warm = [...seen.values()].filter(({ paidAtMs }) => paidAtMs >= startMs + WARM_UP_MS);
    return {
      delaysMs: warm.map(({ atMs, paidAtMs }) => atMs - paidAtMs),
      raisedMs: warm.map(({ raisedAtMs, paidAtMs }) => raisedAtMs - paidAtMs),
      load: done,
    };
  } finally {
    await load.stop();
  }
}

interface Seen {
  readonly atMs: number;
  readonly raisedAtMs: number;
  readonly paidAtMs: number;
}

async function readAlarms(next: () => Promise<KafkaBatch | null>, seen: Map<string, Seen>): Promise<void> {
  for (let batch = await next(); batch !== null; batch = await next()) {
    const atMs = Date.now();
    for (const { value } of batch.records) {
      if (value === null) continue;
      const text = Buffer.from(value).toString();
      const {
        activeAtMs,
        step = 1,
        receivedAtMs = atMs,
        from,
        time,
        labels,
      }: RaisedOrRelayed = JSON.parse(text);
      const account = labels?.account ?? from ?? "";
      const paidAtMs = activeAtMs ?? Date.parse(time ?? "");
      if (step === 1) seen.set(`${account} ${paidAtMs}`, { atMs, raisedAtMs: receivedAtMs, paidAtMs });
    }
  }
}

/** An alarm, or the payment itself. */
interface RaisedOrRelayed {
  readonly activeAtMs?: number;
  readonly step?: number;
  readonly receivedAtMs?: number;
  readonly labels?: { readonly account: string };
  readonly from?: string;
  readonly time?: string;
}
