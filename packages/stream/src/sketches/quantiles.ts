import { assert } from "../assert.ts";
import type { Sketch, SketchInput, SketchKind } from "../sketch.ts";
import { numberInput } from "./number-input.ts";
import { MagnitudeBins } from "./quantiles/magnitude-bins.ts";
import { MAGNITUDE_MIN } from "./quantiles/magnitude-key.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

const FORMAT = 1;
const SHARES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;

/**
 * DDSketch (Masson, Rim and Lee, VLDB 2019): every quantile within 1 % of the reading of that rank; count, least and greatest
 * exact. Merging is associative and commutative to the bit, in whatever order.
 *
 * Bounds: at most 2,048 bins for each sign. Of one sign, readings nearer to 0 than about 10^-17 of the farthest share
 * one bin; a quantile among them is off by less than that, 10^-17 of the farthest, instead of 1 % of its own. Readings nearer to
 * 0 than 2^-1022 count as 0.
 */
export class Quantiles implements Sketch {
  readonly name = "quantiles";
  readonly #positive: MagnitudeBins;
  /** Only where there are any: most sketches have none, and each object less leaves more of them in the caches. */
  #negative: MagnitudeBins | undefined;
  #zeroCount: number;

  constructor(positive = new MagnitudeBins(), negative?: MagnitudeBins, zeroCount = 0) {
    this.#positive = positive;
    this.#negative = negative;
    this.#zeroCount = zeroCount;
  }

  /** Not copied. */
  get parts() {
    return { positive: this.#positive, negative: this.#negative, zeroCount: this.#zeroCount };
  }

  add(input: SketchInput): void {
    const value = numberInput(input);
    if (value >= MAGNITUDE_MIN) this.#positive.add(value);
    else if (value > -MAGNITUDE_MIN) this.#zeroCount++;
    else (this.#negative ??= new MagnitudeBins()).add(-value);
  }

  merge(from: Sketch): void {
    assert(from instanceof Quantiles, "quantiles merge with quantiles");
    this.#positive.merge(from.#positive);
    if (from.#negative !== undefined) (this.#negative ??= new MagnitudeBins()).merge(from.#negative);
    this.#zeroCount += from.#zeroCount;
  }

  copy(): Quantiles {
    return new Quantiles(this.#positive.copy(), this.#negative?.copy(), this.#zeroCount);
  }

  /**
   * The least reading that at least `share` (0 … 1) of all do not exceed, within 1 %; the least and the greatest of all
   * exactly. Undefined where there is none.
   */
  quantile(share: number): number | undefined {
    assert(share >= 0 && share <= 1, "a share lies between 0 and 1");
    const negative = this.#negative;
    const negativeCount = negative?.count ?? 0;
    const upToZero = negativeCount + this.#zeroCount;
    const count = upToZero + this.#positive.count;
    if (count === 0) return undefined;
    const rank = Math.max(0, Math.ceil(share * count) - 1);
    if (negative !== undefined && rank < negativeCount)
      return rank === 0 ? -negative.greatest : -negative.atRank(negativeCount - 1 - rank);
    if (rank < upToZero) return 0;
    return rank === count - 1 ? this.#positive.greatest : this.#positive.atRank(rank - upToZero);
  }

  results(): Readonly<Record<string, number>> {
    const results: Record<string, number> = {};
    for (const [name, share] of Object.entries(SHARES)) {
      const quantile = this.quantile(share);
      if (quantile !== undefined) results[name] = quantile;
    }
    return results;
  }

  /**
   *   u8     format (1)
   *   count  readings that were 0
   *   bins   of the positive ones  (MagnitudeBins.write)
   *   bins   of the negative ones, by magnitude
   *
   * `count` is LEB128 here and in all sketches, floats are little-endian.
   */
  encode(): Uint8Array {
    const writer = new StateWriter();
    writer.byte(FORMAT);
    writer.count(this.#zeroCount);
    this.#positive.write(writer);
    (this.#negative ?? new MagnitudeBins()).write(writer);
    return writer.bytes();
  }
}

export const quantilesKind: SketchKind = {
  name: "quantiles",
  id: 8,
  results: Object.keys(SHARES),
  create: () => new Quantiles(),
  decode(bytes) {
    const reader = new StateReader(bytes);
    reader.require(reader.byte() === FORMAT);
    const zeroCount = reader.count();
    const positive = MagnitudeBins.read(reader);
    const negative = MagnitudeBins.read(reader);
    return reader.isWhole ? new Quantiles(positive, negative, zeroCount) : undefined;
  },
};
