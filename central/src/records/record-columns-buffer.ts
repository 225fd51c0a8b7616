import type { RecordColumns } from "@millrace/wire";
import { PAIR_HASH_WORDS, RECORD_HASH_WORDS } from "@millrace/wire";

/** Room for the columns of so many records, used again and again. */
export class RecordColumnsBuffer implements RecordColumns {
  readonly hashes: Int32Array;
  readonly timeMs: Float64Array;
  readonly values: readonly Float64Array[];
  readonly series: readonly Uint32Array[];
  readonly pairs: readonly Int32Array[];
  /** Of each record, the watermark that ids are judged by. */
  readonly watermarkMs: Float64Array;
  /** Of each record, the greatest event time of its partition up to it. */
  readonly latestMs: Float64Array;
  /** Of those that a metric takes. */
  readonly taken: {
    readonly series: Uint32Array;
    readonly timeMs: Float64Array;
    readonly value: Float64Array;
  };

  constructor(
    size: number,
    counts: { readonly measures: number; readonly sets: number; readonly pairs: number },
  ) {
    this.hashes = new Int32Array(size * RECORD_HASH_WORDS);
    this.timeMs = new Float64Array(size);
    this.values = Array.from({ length: counts.measures }, () => new Float64Array(size));
    this.series = Array.from({ length: counts.sets }, () => new Uint32Array(size));
    this.pairs = Array.from({ length: counts.pairs }, () => new Int32Array(size * PAIR_HASH_WORDS));
    this.watermarkMs = new Float64Array(size);
    this.latestMs = new Float64Array(size);
    this.taken = {
      series: new Uint32Array(size),
      timeMs: new Float64Array(size),
      value: new Float64Array(size),
    };
  }
}
