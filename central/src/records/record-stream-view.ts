import type { RecordSourceView } from "./kafka-record-source.ts";
import type { RecordStage } from "./record-stage.ts";
import type { RecordTotals } from "./record-totals.ts";

/** One stream of records as central sees it. */
export interface RecordStreamView {
  readonly stream: string;
  /** `http`, or `kafka` and the topic. */
  readonly source: string;
  readonly totals: RecordTotals;
  readonly partitions: readonly RecordPartitionView[];
  /** Ids that are remembered. */
  readonly ids: number;
  /** Rows of the table that are kept; null: each record stands for itself. */
  readonly rows: number | null;
  /** Rows forgotten before their time, since the start: there were more than `debezium.rowsMax`. */
  readonly rowsDropped: number;
  /** Ids forgotten before their time, since the start: there were more than `dedupe.idsMax`. */
  readonly idsDropped: number;
  /** Rules on single records. */
  readonly watches: readonly RecordWatchCounts[];
  /** Rules on its records. */
  readonly rules: readonly RecordRuleCounts[];
  /** Bytes that wait for a commit. */
  readonly waitingBytes: number;
  /** How its source is doing; null: it is posted, or the source is not running. */
  readonly reading: RecordSourceView | null;
}

export interface RecordWatchCounts {
  readonly rule: string;
  /** Series that it watches. */
  readonly series: number;
  /** Records that it did not look at since the start, because there were too many series. */
  readonly overLimit: number;
}

export interface RecordRuleCounts {
  readonly rule: string;
  /** Pairs of key and value that are remembered. */
  readonly known: number;
  /** Keys that had a new value of late. */
  readonly keys: number;
  /** Pairs and keys forgotten before their time: there were more than are kept. */
  readonly forgotten: number;
}

export interface RecordPartitionView {
  readonly partition: number;
  /** The next offset. */
  readonly position: number;
  readonly watermarkMs: number | null;
  /** Read to its end, and without a record for a while: it holds no window open. */
  readonly isIdle: boolean;
}

export function recordStreamView(
  stage: RecordStage,
  { monotonicMs, waitingBytes }: { readonly monotonicMs: number; readonly waitingBytes: number },
): RecordStreamView {
  const { stream, source, totals, idCount, idsDroppedCount, rowCount, rowsDroppedCount } = stage;
  const { clock, rules } = stage;
  const positions = new Map(clock.export().map(({ partition, next }) => [partition, next]));
  const partitions = clock
    .watermarks(monotonicMs)
    .map((each) => ({ ...each, position: positions.get(each.partition) ?? 0 }))
    .sort((a, b) => a.partition - b.partition);
  return {
    stream,
    source,
    totals,
    partitions,
    ids: idCount,
    idsDropped: idsDroppedCount,
    watches: rules.watches.map(({ rule, seriesCount, overLimitCount }) => ({
      rule: rule.spec.name,
      series: seriesCount,
      overLimit: overLimitCount,
    })),
    rules: rules.distinct.map(({ rule, knownCount, keyCount, forgottenCount }) => ({
      rule: rule.spec.name,
      known: knownCount,
      keys: keyCount,
      forgotten: forgottenCount,
    })),
    rows: rowCount,
    rowsDropped: rowsDroppedCount,
    waitingBytes,
    reading: null,
  };
}
