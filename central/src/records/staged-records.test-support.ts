import type { PipelineMetric, RecordStreamConfig } from "@millrace/config";
import type { PaneRows, WindowSpec } from "@millrace/stream";
import { labelsKey, ratio } from "@millrace/stream";
import { numberOf } from "../store/central-keys.ts";
import { RecordStage } from "./record-stage.ts";
import type { RefusedRecord } from "./record-ledger.ts";
import type { StreamRecord } from "./record-stage.ts";
import type { RecordBatch, RecordOutcome } from "./record-batch.ts";

export const ORDERS: RecordStreamConfig = {
  name: "orders",
  kafka: null,
  outOfOrdernessMs: 5_000,
  idleTimeoutMs: 30_000,
  maxFutureMs: 60_000,
  recordBytesMax: 1_000,
  dedupeHorizonMs: 600_000,
  dedupeIdsMax: 10_000,
};

/** The same from a topic. */
export const KAFKA_ORDERS = {
  ...ORDERS,
  kafka: { brokers: ["k:1"], topic: "orders", clientId: "c", group: "g", tls: null, sasl: null },
} satisfies RecordStreamConfig;

const SOURCE = {
  kind: "records",
  stream: "orders",
  id: ["id"],
  time: { path: ["t"], unit: "ms", timeZone: null },
} as const;
const COMMON = { unit: "1", isLive: true, paneMs: 60_000, stream: "orders" } as const;
const MEASURE = { isOptional: false, adjustment: null, labels: [{ name: "region", path: ["region"] }] };

export const AMOUNT: PipelineMetric = {
  ...COMMON,
  name: "amount",
  accumulate: ["count", "sum"],
  source: { ...SOURCE, measure: { ...MEASURE, metric: "amount", path: ["amount"], map: null } },
};
export const AMOUNT_1M: WindowSpec = {
  name: "amount_1m",
  metric: "amount",
  kind: "aligned",
  sizeMs: 60_000,
  slideMs: 60_000,
  offsetMs: 0,
  latenessMs: 86_400_000,
  by: [],
};
export const FAILED: PipelineMetric = {
  ...COMMON,
  name: "failed",
  accumulate: [ratio("equal", 1).name],
  source: {
    ...SOURCE,
    measure: {
      ...MEASURE,
      metric: "failed",
      path: ["payment"],
      isOptional: true,
      map: new Map([
        ["failed", 1],
        ["paid", 0],
      ]),
    },
  },
};

const encoder = new TextEncoder();
export const bytesOf = (value: unknown): Uint8Array =>
  encoder.encode(typeof value === "string" ? value : JSON.stringify(value));

/** What a commit keeps. */
interface Kept {
  record: StreamRecord | null;
  readonly ids: Map<number, Uint8Array>;
  /** Sums of `count` and `sum` by metric, labels and pane. */
  readonly panes: Map<string, number>;
}

/** A stage with a store in memory, whose process can die at any point. */
export class StagedRecords {
  readonly #config: RecordStreamConfig;
  readonly #metrics: readonly PipelineMetric[];
  readonly #kept: Kept = { record: null, ids: new Map(), panes: new Map() };
  nowMs: number;
  monotonicMs = 0;
  finalToMs = -Infinity;
  stage: RecordStage;
  readonly refused: RefusedRecord[] = [];

  constructor(nowMs: number, config: RecordStreamConfig = ORDERS, metrics = [AMOUNT, FAILED]) {
    this.nowMs = nowMs;
    this.#config = config;
    this.#metrics = metrics;
    this.stage = new RecordStage(config, { metrics });
  }

  get kept(): Kept {
    return this.#kept;
  }

  take(batch: Partial<RecordBatch> & Pick<RecordBatch, "values">): RecordOutcome {
    const whole = { partition: 0, offsets: null, nextOffset: null, isAtEnd: true, ...batch };
    const { nowMs, monotonicMs, finalToMs } = this;
    return this.stage.take(whole, { nowMs, monotonicMs, finalToMs });
  }

  commit(): void {
    for (const rows of this.stage.takeRows()) this.#merge(rows);
    for (const refused of this.stage.takeRefused()) this.refused.push(refused);
    const changed = this.stage.takeChanges(this.monotonicMs);
    if (changed === null) return;
    this.#kept.record = changed.record;
    for (const change of changed.ids) {
      if (change.type === "put") this.#kept.ids.set(numberOf(change.key), change.value.slice());
      else this.#kept.ids.delete(numberOf(change.key));
    }
  }

  /** The process dies, and another one goes on from the last commit. */
  async crash(): Promise<void> {
    this.monotonicMs = 0;
    this.stage = new RecordStage(this.#config, { metrics: this.#metrics });
    const { record, ids } = this.#kept;
    if (record === null) return;
    await this.stage.restore(record, entriesOf(ids, record.idsFrom), 0);
  }

  get position(): (partition: number) => number {
    const partitions = this.stage.clock.export();
    return (partition) => partitions.find((each) => each.partition === partition)?.next ?? 0;
  }

  #merge({ metric, layout, rowCount, series, seriesIndex, startMs, state }: PaneRows): void {
    for (let row = 0; row < rowCount; row += 1) {
      for (const field of ["count", "sum"]) {
        const index = layout.accumulators.findIndex(({ name }) => name === field);
        if (index < 0) continue;
        const key = `${metric} ${labelsKey(series[seriesIndex[row]])} ${startMs[row]} ${field}`;
        const value = state[row * layout.stride + layout.offsets[index]];
        this.#kept.panes.set(key, (this.#kept.panes.get(key) ?? 0) + value);
      }
    }
  }
}

async function* entriesOf(ids: ReadonlyMap<number, Uint8Array>, from: number) {
  for (const number of [...ids.keys()].sort((a, b) => a - b))
    if (number >= from) yield { number, bytes: ids.get(number) ?? new Uint8Array(0) };
}
