import type { PipelineMetric, RecordStreamConfig } from "@millrace/config";
import { histogram, paneMsOf, ratio } from "@millrace/stream";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import { SimulatedTime } from "@millrace/testkit";
import type { Central } from "../../central.ts";
import { CrashingStore } from "../../crashing-store.test-support.ts";
import { openCentral } from "../open-central.test-support.ts";
import type { RecordOutcome } from "../record-batch.ts";
import { bytesOf, ORDERS } from "../staged-records.test-support.ts";

export const NOW = 1_700_000_040_000;

const SOURCE = { kind: "records", stream: "orders", id: ["id"] } as const;
const COMMON = { unit: "1", isLive: true, paneMs: 60_000, stream: "orders" } as const;
const REGION = [{ name: "region", path: ["region"] }];
const TIME = { path: ["t"], unit: "ms", timeZone: null } as const;

const AMOUNT: PipelineMetric = {
  ...COMMON,
  name: "amount",
  accumulate: ["count", "sum", "mean", histogram([2, 5]).name],
  source: {
    ...SOURCE,
    time: TIME,
    measure: {
      metric: "amount",
      path: ["amount"],
      map: null,
      isOptional: false,
      adjustment: null,
      labels: REGION,
    },
  },
};
const FAILED: PipelineMetric = {
  ...COMMON,
  name: "failed",
  accumulate: [ratio("equal", 1).name],
  source: {
    ...SOURCE,
    time: TIME,
    measure: {
      metric: "failed",
      path: ["status"],
      map: new Map([
        ["failed", 1],
        ["paid", 0],
        ["pending", null],
      ]),
      isOptional: false,
      adjustment: null,
      labels: REGION,
    },
  },
};

const WINDOW = {
  kind: "aligned",
  sizeMs: 60_000,
  slideMs: 60_000,
  offsetMs: 0,
  latenessMs: 3_600_000,
} as const;
export const AMOUNT_1M: WindowSpec = { ...WINDOW, name: "amount_1m", metric: "amount", by: ["region"] };
export const AMOUNT_10S = {
  ...WINDOW,
  name: "amount_10s",
  metric: "amount",
  by: ["region"],
  sizeMs: 10_000,
  slideMs: 10_000,
} satisfies WindowSpec;
export const AMOUNT_ALL: WindowSpec = { ...WINDOW, name: "amount_all", metric: "amount", by: [] };
export const FAILED_1M: WindowSpec = { ...WINDOW, name: "failed_1m", metric: "failed", by: ["region"] };
const WINDOWS = [AMOUNT_1M, FAILED_1M];

export const CHANGES: RecordStreamConfig = {
  ...ORDERS,
  debezium: { decimals: new Map(), dates: new Set(), timeZone: null, rowsMax: 10_000 },
};

export interface OrderRow {
  readonly id: number;
  readonly t: number;
  readonly region: string | null;
  readonly amount: number;
  readonly status: string;
}

export type Op = "c" | "u" | "d" | "r" | "t";

/**
 * A change event of PostgreSQL, where in the log it stands told by a number; made a millisecond after the one before it there.
 * `commitBefore`: of the transaction that was committed before, null of the first; absent: it does not say.
 */
export function changeEvent(
  op: Op,
  lsn: number,
  row: Partial<OrderRow> | null,
  madeMs = NOW + lsn,
  commitBefore?: number | null,
): Uint8Array {
  const isGone = op === "d" || op === "t";
  const told = { connector: "postgresql", snapshot: op === "r" ? "true" : "false", lsn, ts_ms: madeMs };
  const sequence = JSON.stringify([commitBefore === null ? null : `${commitBefore}`, `${lsn}`]);
  const source = commitBefore === undefined ? told : { ...told, sequence };
  return bytesOf({
    op,
    before: op === "d" ? { t: 0, region: "", amount: null, status: null, ...row } : null,
    after: isGone ? null : row,
    source,
  });
}

/** Central that follows one table, and can die. */
export class FollowedTable {
  readonly time = new SimulatedTime(NOW);
  store = new CrashingStore();
  central!: Central;
  readonly #config: RecordStreamConfig;
  windows: readonly WindowSpec[] = WINDOWS;

  private constructor(config: RecordStreamConfig) {
    this.#config = config;
  }

  static async open(changes: Partial<RecordStreamConfig> = {}): Promise<FollowedTable> {
    const table = new FollowedTable({ ...CHANGES, ...changes });
    await table.#start();
    return table;
  }

  /** Central dies, and another one goes on with what was committed. */
  async crash(): Promise<void> {
    this.store = new CrashingStore(this.store.snapshot());
    await this.#start();
  }

  /** As `crash`; in the store of an earlier build nobody knows which windows were there. */
  async upgrade(): Promise<void> {
    const { entries } = this.store.snapshot();
    this.store = new CrashingStore({
      entries: new Map([...entries].filter(([key]) => !/^e[nv]\|/.test(key))),
    });
    await this.#start();
  }

  /** Sent until it is answered, whatever dies. */
  async post(values: readonly (Uint8Array | null)[]): Promise<RecordOutcome> {
    for (;;) {
      let outcome: RecordOutcome | null = null;
      const batch = { partition: 0, values, offsets: null, nextOffset: null, isAtEnd: true };
      void this.central.offerRecords("orders", batch)?.then((found) => (outcome = found));
      await this.time.run(300);
      if (outcome !== null) return outcome;
      await this.crash();
    }
  }

  async results(window = "amount_1m"): Promise<readonly WindowResult[]> {
    await this.time.run(2_000);
    const all = { group: {}, fromMs: -1e15, toMs: 1e15, limit: 1_000, cursor: null };
    return (await this.central.windows({ ...all, window })).windows;
  }

  get view() {
    const [view] = this.central.recordStreams();
    return view;
  }

  #withPanes(metric: PipelineMetric): PipelineMetric {
    const size = paneMsOf(this.windows.filter((window) => window.metric === metric.name));
    if (!size.isPossible) throw new Error(size.reason);
    return { ...metric, paneMs: size.paneMs };
  }

  async #start(): Promise<void> {
    this.central = await openCentral({
      agents: [],
      pipeline: { metrics: [AMOUNT, FAILED].map((metric) => this.#withPanes(metric)), windows: this.windows },
      records: [this.#config],
      store: this.store,
      clock: this.time.clock(),
    });
  }
}
