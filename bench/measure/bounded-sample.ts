const KEPT_MAX = 65_536;

/** A sample of as many values as there are, in bounded memory: of more than `KEPT_MAX` every second is left out, then every fourth. */
export class BoundedSample {
  readonly #values = new Float64Array(KEPT_MAX);
  #kept = 0;
  #stride = 1;
  #toSkip = 0;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    if (value > this.#max) this.#max = value;
    if (this.#toSkip > 0) {
      this.#toSkip -= 1;
      return;
    }
    this.#toSkip = this.#stride - 1;
    this.#values[this.#kept] = value;
    this.#kept += 1;
    if (this.#kept === KEPT_MAX) this.#thin();
  }

  /** What was sampled, and the greatest of all, whether it was or not; begins anew. */
  take(): { readonly values: readonly number[]; readonly max: number } {
    const taken = { values: [...this.#values.subarray(0, this.#kept)], max: this.#max };
    this.#kept = 0;
    this.#stride = 1;
    this.#toSkip = 0;
    this.#max = Number.NEGATIVE_INFINITY;
    return taken;
  }

  #thin(): void {
    this.#kept = KEPT_MAX / 2;
    for (let at = 0; at < this.#kept; at += 1) this.#values[at] = this.#values[2 * at];
    this.#stride *= 2;
    this.#toSkip = this.#stride - 1;
  }
}
