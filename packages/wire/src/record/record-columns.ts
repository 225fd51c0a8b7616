/** Words of a record's hash: three of its id, one of its content. */
export const RECORD_HASH_WORDS = 4;
/** Words of a pair's hash. */
export const PAIR_HASH_WORDS = 2;

/** What was read of records, by column; a value is NaN where an optional one is absent. */
export interface RecordColumns {
  readonly hashes: Int32Array;
  readonly timeMs: Float64Array;
  /** By measure. */
  readonly values: readonly Float64Array[];
  /** By label set: the combination of label values. */
  readonly series: readonly Uint32Array[];
  /** By pair: its hash. */
  readonly pairs: readonly Int32Array[];
}
