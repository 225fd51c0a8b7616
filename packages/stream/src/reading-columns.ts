/** Good readings by column, `count` of them, in order of arrival. Series are small dense indices. */
export interface ReadingColumns {
  readonly count: number;
  readonly series: Uint32Array;
  /** Event time ms. */
  readonly timeMs: Float64Array;
  readonly value: Float64Array;
}
