import type { BusinessRecord } from "../../business/business-record.ts";
import { TABLE_COLUMNS, type ChangedTable } from "../../business/debezium/changed-table.ts";
import type { Arrival } from "../arrival.ts";
import type { RecordMetric } from "../central-client.ts";
import type { WindowedValue, WindowOracle } from "../window-oracle.ts";
import type { JudgedStream } from "./judged-stream.ts";
import { readRecord } from "./record-reader.ts";

type Row = NonNullable<BusinessRecord["change"]>["row"];

/** What a row says to one metric, and when it began to. */
interface Saying {
  readonly value: WindowedValue;
  /** Value, time and labels: another one with the same changes nothing. */
  readonly text: string;
  readonly since: Arrival;
}

export interface TableStreamOptions {
  readonly table: ChangedTable;
  readonly metrics: readonly RecordMetric[];
  readonly oracle: WindowOracle;
  /** Tombstones come too. */
  readonly hasTombstones: boolean;
}

const MICROS_PER_MS = 1_000;
const CENTS = 100;

/**
 * A table by its changes, one after another in the order of its log. Windows must say what its rows say in the end; what they had
 * said before must be gone, but where a change may have come too late for a window.
 */
export class TableStream implements JudgedStream {
  readonly watches = [];
  readonly rules = [];
  readonly expected = { good: 0, maybeLate: 0, again: 0, refused: 0, noEffect: 0 };
  readonly #options: TableStreamOptions;
  /** By row, then by metric. */
  readonly #rows = new Map<string, ReadonlyMap<string, Saying>>();
  #latestMs = -Infinity;

  constructor(options: TableStreamOptions) {
    this.#options = options;
  }

  get latestMs(): number {
    return this.#latestMs;
  }

  arrive({ change }: BusinessRecord): void {
    const { hasTombstones, oracle } = this.#options;
    const { expected } = this;
    if (change === undefined) {
      if (hasTombstones) expected.noEffect += 1;
      return;
    }
    const key = String(change.row[0]);
    const before = this.#rows.get(key);
    const read = change.op === "d" ? [] : this.#read(change.row);
    // A table's own time is not beyond its latest row, and its windows end by it.
    const since = { earliestMs: -Infinity, latestMs: this.#latestMs, isUnsure: false };
    const now = new Map<string, Saying>();
    for (const value of read ?? []) {
      const text = this.#textOf(value);
      const said = before?.get(value.metric);
      now.set(value.metric, said?.text === text ? said : { value, text, since });
    }
    for (const [metric, said] of before ?? [])
      if (now.get(metric) !== said) oracle.takeOutValue(said.value, since);
    if (now.size > 0) this.#rows.set(key, now);
    else this.#rows.delete(key);
    if (read === null) expected.refused += 1;
    else if (change.op === "d" && before === undefined) expected.noEffect += 1;
    else expected.good += 1;
    if (read?.some((value) => oracle.mayMiss(value, since)) === true) expected.maybeLate += 1;
  }

  finish(): void {
    for (const row of this.#rows.values())
      for (const { value, since } of row.values()) this.#options.oracle.addValue(value, since);
    this.#rows.clear();
  }

  /** What its metrics read of a row; null: one of them cannot. */
  #read(row: Row): readonly WindowedValue[] | null {
    const { table, metrics } = this.#options;
    const columns = TABLE_COLUMNS[table];
    const timeColumn = metrics[0]?.timePath.join(".");
    const timeMs = Number(row[columns.findIndex(({ name }) => name === timeColumn)]);
    this.#latestMs = Math.max(this.#latestMs, timeMs);
    const said = columns.map(({ name, type }, at) => {
      const value = row[at];
      if (typeof value !== "number") return [name, value] as const;
      return [name, type === "money" ? value / CENTS : value * MICROS_PER_MS] as const;
    });
    const read = readRecord({ json: JSON.stringify(Object.fromEntries(said)), timeMs }, metrics);
    return (
      read?.flatMap(({ metric, value, labels }): WindowedValue[] =>
        value === null ? [] : [{ metric, time: timeMs, value, labelOf: (label) => labels[label] ?? "" }],
      ) ?? null
    );
  }

  #textOf({ metric, time, value, labelOf }: WindowedValue): string {
    const labels = this.#options.metrics.find((each) => each.metric === metric)?.labels ?? [];
    return JSON.stringify([time, value, labels.map(({ name }) => labelOf(name))]);
  }
}
