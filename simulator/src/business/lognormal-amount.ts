import { normalQuantile } from "../signal/normal-quantile.ts";
import { portableExp, portableLog } from "../signal/portable-math.ts";

const CELLS = 4_096;
/** At either end, where the quantiles bend too much for a straight line. */
const TAIL_CELLS = 32;

/** Lognormal amounts in whole cents, at least one: from a table of quantiles, straight between them, exact in the tails. */
export class LognormalAmount {
  readonly #logMedian: number;
  readonly #spread: number;
  readonly #quantiles: Float64Array;

  constructor(median: number, spread: number) {
    this.#logMedian = portableLog(median);
    this.#spread = spread;
    this.#quantiles = Float64Array.from({ length: CELLS + 1 }, (_, cell) =>
      this.#exact(Math.min(Math.max(cell, 0.5), CELLS - 0.5) / CELLS),
    );
  }

  /** `uniform` in [0, 1). */
  centsAt(uniform: number): number {
    const place = uniform * CELLS;
    const cell = Math.floor(place);
    if (cell < TAIL_CELLS || cell >= CELLS - TAIL_CELLS) {
      return Math.max(1, Math.round(this.#exact((uniform * 0x1_0000_0000 + 0.5) / 0x1_0000_0000)));
    }
    const low = this.#quantiles[cell];
    return Math.max(1, Math.round(low + (this.#quantiles[cell + 1] - low) * (place - cell)));
  }

  #exact(share: number): number {
    return 100 * portableExp(this.#logMedian + this.#spread * normalQuantile(share));
  }
}
