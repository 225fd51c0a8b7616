/** Good readings, each with the place of its state, in order of arrival. */
export interface ReadingRun {
  readonly place: Uint32Array;
  /** Event time ms. */
  readonly timeMs: Float64Array;
  readonly value: Float64Array;
}

/** States of the same kind that lie in rows: that of row `r` begins at `from[r * stride + offset]`. */
export interface StateRows {
  readonly from: Float64Array;
  readonly stride: number;
  readonly offset: number;
}

/**
 * A mergeable partial aggregate of fixed width: a commutative monoid over `width` float64 fields, which live in a
 * caller's `Float64Array` at an offset, so that a table of panes is one flat array and adding allocates nothing.
 *
 * Laws (property-tested): `merge` is associative and commutative with `identity` as its neutral element: to the bit for
 * counts, min, max, range, first, last; within 1e-12 of Σ|x| for sums and of Σx² for second moments. A state of NaN is
 * unknown: whatever is merged with it is unknown, and has no results.
 */
export interface Accumulator {
  /** As the pipeline's panes name it, parameters included: `count`, `histogram(10,20)`. */
  readonly name: string;
  /** Number on the wire and on disk, of all with the same formula; never reused. */
  readonly id: number;
  /** What tells accumulators with the same number apart; mostly none. */
  readonly params: readonly number[];
  /** How many float64 fields one state takes. */
  readonly width: number;
  /** The names that `finish` may return. */
  readonly results: readonly string[];
  identity(state: Float64Array, at: number): void;
  add(state: Float64Array, at: number, value: number, timeMs: number): void;
  /**
   * `add` for the readings `from` … `to - 1`, each to the state that begins at `place * width`. A loop of its own: one
   * loop over several accumulators is too long for the compiler to keep what does not change in registers.
   */
  addRun?(states: Float64Array, run: ReadingRun, from: number, to: number): void;
  /** `add` for the readings `from` … `to - 1`, all to the one state: the same bits, without a look at memory between them. */
  addAll?(state: Float64Array, at: number, run: ReadingRun, from: number, to: number): void;
  /** Merges the state at `from[fromAt]` into the one at `state[at]`. */
  merge(state: Float64Array, at: number, from: Float64Array, fromAt: number): void;
  /** `merge` of these rows, one after another, for the same reason as `addRun`. */
  mergeRows?(state: Float64Array, at: number, states: StateRows, rows: ArrayLike<number>): void;
  /** Takes out what was merged in before, as exactly as `merge` is; of accumulators that cannot, a record cannot be taken back. */
  subtract?(state: Float64Array, at: number, from: Float64Array, fromAt: number): void;
  /** The named results; no entry where there was no reading. Never NaN. */
  finish(state: Float64Array, at: number): Readonly<Record<string, number>>;
  /** One of the results, NaN where `finish` has no entry for it: of many states without an object for each. */
  result?(state: Float64Array, at: number, name: string): number;
}
