import type { PipelineMetric, RecordStreamConfig } from "@millrace/config";
import { ratio } from "@millrace/stream";
import type { RecordValues } from "../central/src/records/record-batch.ts";
import { RecordStage } from "../central/src/records/record-stage.ts";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";
import { ORDERS_START_MS, orderTexts } from "./workload/order-texts.ts";

const BATCH = 2_000;
/** Batches in a commit. */
const BATCHES_PER_COMMIT = 10;

const STREAM: RecordStreamConfig = {
  name: "orders",
  kafka: null,
  outOfOrdernessMs: 5_000,
  idleTimeoutMs: 30_000,
  maxFutureMs: 60_000,
  recordBytesMax: 1_048_576,
  dedupeHorizonMs: 600_000,
  dedupeIdsMax: 2_000_000,
};
const SOURCE = {
  kind: "records",
  stream: "orders",
  id: ["order_id"],
  time: { path: ["time"], unit: "iso", timeZone: "Asia/Shanghai" },
} as const;
const MEASURE = {
  isOptional: false,
  adjustment: null,
  labels: [
    { name: "region", path: ["region"] },
    { name: "category", path: ["category"] },
  ],
};
const METRICS: readonly PipelineMetric[] = [
  {
    name: "order_amount",
    unit: "CNY",
    accumulate: ["count", "sum"],
    isLive: true,
    paneMs: 60_000,
    stream: "orders",
    source: { ...SOURCE, measure: { ...MEASURE, metric: "order_amount", path: ["amount"], map: null } },
  },
  {
    name: "payment_failed",
    unit: "1",
    accumulate: [ratio("equal", 1).name],
    isLive: true,
    paneMs: 60_000,
    stream: "orders",
    source: {
      ...SOURCE,
      measure: {
        ...MEASURE,
        metric: "payment_failed",
        path: ["payment"],
        map: new Map([
          ["paid", 0],
          ["failed", 1],
        ]),
      },
    },
  },
];

/** Orders from their bytes into panes, each id once. */
export const centralRecords: Bench = {
  name: "central-records",
  summary:
    "JSON orders into panes by region and category, deduplicated, changes for the store made (RecordStage), beside JSON.parse and Maps",
  async run({ isQuick, say }) {
    const count = isQuick ? 200_000 : 1_000_000;
    const orders = orderTexts(0, count);
    const bytes = orders.reduce((sum, { length }) => sum + length, 0);
    say(`${count} orders of ${Math.round(bytes / count)} bytes`);
    const fetched = Array.from({ length: Math.ceil(count / BATCH) }, (_, at) =>
      fetchedValues(orders.slice(at * BATCH, (at + 1) * BATCH)),
    );
    const rates = measureRates(
      {
        stage: () => ({ units: count, checkSum: runStage(fetched) }),
        maps: () => ({ units: count, checkSum: runMaps(orders) }),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 9 },
    );
    const restore = await restored(isQuick ? 200_000 : 1_000_000);
    return {
      value: rounded(rates.stage.perSecond),
      unit: "records/s",
      better: "higher",
      peer: {
        name: "JSON.parse, a Map of ids and times, a Map of windows",
        value: rounded(rates.maps.perSecond),
      },
      further: {
        spread: rounded(rates.stage.spread),
        bytesPerRecord: rounded(bytes / count),
        idBytesWrittenPerRecord: rounded(restore.bytesPerId),
        restoreIds: restore.ids,
        restoreMs: rounded(restore.ms),
      },
    };
  },
};

/** As Kafka's batches have them: one after another in one piece of memory. */
function fetchedValues(values: readonly Uint8Array[]): RecordValues {
  const source = Buffer.concat(values);
  const ends = new Uint32Array(values.length);
  let end = 0;
  for (const [at, { length }] of values.entries()) ends[at] = end += length;
  const startOf = (at: number): number => (at === 0 ? 0 : ends[at - 1]);
  return {
    length: values.length,
    at: (at) => source.subarray(startOf(at), ends[at]),
    spanAt(at, span) {
      span.source = source;
      span.start = startOf(at);
      span.end = ends[at];
      return true;
    },
  };
}

/** As central calls it: batches from the source, some in each commit. */
function runStage(batches: readonly RecordValues[]): number {
  const stage = new RecordStage(STREAM, { metrics: METRICS });
  const moment = { nowMs: ORDERS_START_MS + 1e9, monotonicMs: 0, finalToMs: -Infinity };
  let checkSum = 0;
  for (const [at, values] of batches.entries()) {
    stage.take({ partition: 0, values, offsets: null, nextOffset: null, isAtEnd: false }, moment);
    if ((at + 1) % BATCHES_PER_COMMIT > 0) continue;
    for (const { rowCount } of stage.takeRows()) checkSum += rowCount;
    checkSum += stage.takeChanges(0)?.ids.length ?? 0;
  }
  return checkSum + stage.totals.aggregated;
}

/** What a first program would do. */
function runMaps(orders: readonly Uint8Array[]): number {
  const decoder = new TextDecoder();
  const ids = new Map<string, number>();
  const windows = new Map<string, { count: number; sum: number; failed: number }>();
  for (const bytes of orders) {
    const order: {
      order_id: string;
      time: string;
      amount: number;
      region: string;
      category: string;
      payment: string;
    } = JSON.parse(decoder.decode(bytes));
    const timeMs = Date.parse(`${order.time.replace(" ", "T")}+08:00`);
    if (ids.has(order.order_id)) continue;
    ids.set(order.order_id, timeMs);
    const key = `${Math.floor(timeMs / 60_000)}|${order.region}|${order.category}`;
    let window = windows.get(key);
    if (window === undefined) windows.set(key, (window = { count: 0, sum: 0, failed: 0 }));
    window.count += 1;
    window.sum += order.amount;
    if (order.payment === "failed") window.failed += 1;
  }
  return ids.size + windows.size;
}

/** How long a start takes with so many ids remembered, the reading of the disk aside. */
async function restored(count: number): Promise<{ ids: number; ms: number; bytesPerId: number }> {
  const stage = new RecordStage({ ...STREAM, dedupeHorizonMs: 86_400_000 }, { metrics: METRICS });
  const moment = { nowMs: ORDERS_START_MS + 1e9, monotonicMs: 0, finalToMs: -Infinity };
  const entries: { number: number; bytes: Uint8Array }[] = [];
  const orders = orderTexts(0, count);
  let record;
  for (let from = 0; from < count; from += BATCH * BATCHES_PER_COMMIT) {
    const values = orders.slice(from, from + BATCH * BATCHES_PER_COMMIT);
    stage.take({ partition: 0, values, offsets: null, nextOffset: null, isAtEnd: false }, moment);
    stage.takeRows();
    const changed = stage.takeChanges(0);
    if (changed === null) continue;
    record = changed.record;
    for (const change of changed.ids)
      if (change.type === "put") entries.push({ number: entries.length, bytes: change.value });
  }
  if (record === undefined) throw new Error("invariant: something was committed");
  const again = new RecordStage({ ...STREAM, dedupeHorizonMs: 86_400_000 }, { metrics: METRICS });
  const before = performance.now();
  await again.restore(
    record,
    (async function* () {
      yield* entries;
    })(),
    0,
  );
  const ms = performance.now() - before;
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
  return { ids: again.idCount, ms, bytesPerId: bytes / again.idCount };
}
