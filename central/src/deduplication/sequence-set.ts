/** Farthest that a batch may be above the contiguous mark and still be taken; what is beyond comes again. */
export const SEQUENCES_ABOVE_MAX = 4096;

export type SequenceVerdict = "new" | "duplicate" | "beyond";

/**
 * Which sequences of one (store, epoch, lane) are held: everything up to a contiguous mark, and a bounded set above it
 * as ascending, disjoint, inclusive ranges. The floor is where this epoch began: nothing at or below it was promised.
 */
export class SequenceSet {
  readonly floor: number;
  #mark: number;
  #above: [from: number, to: number][];

  constructor(floor: number, mark = floor, above: readonly (readonly [number, number])[] = []) {
    this.floor = floor;
    this.#mark = Math.max(floor, mark);
    this.#above = above.map(([from, to]) => [from, to]);
    this.#absorb();
  }

  /** Everything at or below is held. */
  get mark(): number {
    return this.#mark;
  }

  get above(): readonly (readonly [number, number])[] {
    return this.#above;
  }

  get greatest(): number {
    return this.#above.at(-1)?.[1] ?? this.#mark;
  }

  verdict(sequence: number): SequenceVerdict {
    if (sequence <= this.#mark) return "duplicate";
    if (sequence - this.#mark > SEQUENCES_ABOVE_MAX) return "beyond";
    return this.#above.some(([from, to]) => from <= sequence && sequence <= to) ? "duplicate" : "new";
  }

  /** Holds `from..to` from now on; returns how many of them were not held before. */
  add(from: number, to: number): number {
    if (to <= this.#mark) return 0;
    // As nearly all do: the next one, and none above it.
    if (this.#above.length === 0 && from <= this.#mark + 1) {
      const added = to - this.#mark;
      this.#mark = to;
      return added;
    }
    let first = Math.max(from, this.#mark + 1);
    let last = to;
    let added = last - first + 1;
    const apart: [number, number][] = [];
    for (const range of this.#above) {
      const overlap = Math.min(range[1], to) - Math.max(range[0], from) + 1;
      if (overlap > 0) added -= overlap;
      if (range[1] < first - 1 || range[0] > last + 1) {
        apart.push(range);
      } else {
        first = Math.min(first, range[0]);
        last = Math.max(last, range[1]);
      }
    }
    apart.push([first, last]);
    this.#above = apart.sort((a, b) => a[0] - b[0]);
    this.#absorb();
    return added;
  }

  #absorb(): void {
    let next = this.#above[0];
    while (next !== undefined && next[0] <= this.#mark + 1) {
      this.#mark = Math.max(this.#mark, next[1]);
      this.#above.shift();
      next = this.#above[0];
    }
  }
}
