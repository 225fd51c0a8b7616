/**
 * Draws one of n by weights with a single uniform number, however many there are: the alias method (A. J. Walker, ACM
 * TOMS 3, 1977; tables after M. D. Vose, 1991).
 */
export class WeightedChoice {
  readonly #threshold: Float64Array;
  readonly #alias: Uint32Array;

  /** At least one weight is above 0, none below. */
  constructor(weights: readonly number[]) {
    const count = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (!(total > 0)) throw new Error("invariant: there is something to choose");
    this.#threshold = Float64Array.from(weights, (weight) => (weight * count) / total);
    this.#alias = Uint32Array.from(weights, (_, index) => index);
    const small: number[] = [];
    const large: number[] = [];
    this.#threshold.forEach((share, index) => (share < 1 ? small : large).push(index));
    for (let low = small.pop(); low !== undefined; low = small.pop()) {
      const high = large.pop();
      if (high === undefined) {
        this.#threshold[low] = 1; // what rounding has left
        continue;
      }
      this.#alias[low] = high;
      this.#threshold[high] -= 1 - this.#threshold[low];
      (this.#threshold[high] < 1 ? small : large).push(high);
    }
  }

  /** The index for `uniform` in [0, 1). */
  at(uniform: number): number {
    const scaled = uniform * this.#alias.length;
    const index = Math.floor(scaled);
    return scaled - index < this.#threshold[index] ? index : this.#alias[index];
  }
}
