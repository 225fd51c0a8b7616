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
  /** Ids forgotten before their time, since the start: there were more than `dedupe.idsMax`. */
  readonly idsDropped: number;
  /** Bytes that wait for a commit. */
  readonly waitingBytes: number;
  /** How its source is doing; null: it is posted, or the source is not running. */
  readonly reading: RecordSourceView | null;
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
  const { stream, source, totals, idCount, idsDroppedCount } = stage;
  const positions = new Map(stage.partitions.map(({ partition, next }) => [partition, next]));
  const partitions = stage
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
    waitingBytes,
    reading: null,
  };
}
