import type { RecordRefusalReason } from "@millrace/wire";

/**
 * What became of a stream's records, since central's store was made:
 * `received = aggregated + unwindowed + duplicates + setAside + tooLate + noEffect + rejected (all reasons)`.
 */
export interface RecordTotals {
  readonly received: number;
  /** In windows. */
  readonly aggregated: number;
  /** Of metrics none of which is in a window: rules alone see them. */
  readonly unwindowed: number;
  /** Ids that had come before, within the horizon. */
  readonly duplicates: number;
  /** Of these: with another time, value or label. */
  readonly altered: number;
  /** Older than ids are remembered: whether they had come before is not known, and they are in no window. */
  readonly setAside: number;
  /** Of a time of which no window takes anything any more: final, or kept since the pipeline was changed. */
  readonly tooLate: number;
  /**
   * By metric, beside `received`: values that no window of the metric takes any more, of records that are too late and of those that
   * windows of other metrics took. Counted since central counts it so.
   */
  readonly tooLateByMetric: Readonly<Record<string, number>>;
  /** Of a table's changes: what says nothing of a row in a window, such as tombstones. */
  readonly noEffect: number;
  readonly rejected: Readonly<Partial<Record<RecordRefusalReason, number>>>;
  /** Of a table's changes, beside `received`: what rows had said before, taken out of windows again. */
  readonly retracted: number;
  /** Beside `received`: records that the source no longer had when they were asked for. */
  readonly lost: number;
}

export const NO_RECORDS: RecordTotals = {
  received: 0,
  aggregated: 0,
  unwindowed: 0,
  duplicates: 0,
  altered: 0,
  setAside: 0,
  tooLate: 0,
  tooLateByMetric: {},
  noEffect: 0,
  rejected: {},
  retracted: 0,
  lost: 0,
};
