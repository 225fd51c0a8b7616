import type { ReadingRun } from "../../accumulator.ts";
import { assert } from "../../assert.ts";
import type { Sketch } from "../../sketch.ts";
import type { SketchSlots } from "../../sketch-slots.ts";
import { Quantiles } from "../quantiles.ts";
import { MagnitudeBins } from "./magnitude-bins.ts";
import { MAGNITUDE_MIN, magnitudeKey } from "./magnitude-key.ts";
import { MagnitudeSlots } from "./magnitude-slots.ts";

const SLOTS_FIRST = 64;
const BLOCK = 2_048;
/** Below those of all bins: of what is not positive. */
const NO_KEY = -1;
const keys = new Int32Array(BLOCK);

/** Quantiles by slot, whose bins lie in few arrays: the same sketches to the bit as objects, at several times the rate. */
export class QuantileSlots implements SketchSlots {
  readonly #positive = new MagnitudeSlots();
  /** Only where there are any. */
  #negative: MagnitudeSlots | undefined;
  /** By slot: readings that were 0; NaN where the sketch is unknown. */
  #zeroCounts = new Float64Array(SLOTS_FIRST);

  open(slot: number): void {
    if (slot >= this.#zeroCounts.length) {
      const zeroCounts = new Float64Array(Math.max(2 * this.#zeroCounts.length, slot + 1));
      zeroCounts.set(this.#zeroCounts);
      this.#zeroCounts = zeroCounts;
    }
    this.#zeroCounts[slot] = 0;
    this.close(slot);
  }

  close(slot: number): void {
    this.#positive.clear(slot);
    this.#negative?.clear(slot);
  }

  add(slot: number, value: number): void {
    if (value >= MAGNITUDE_MIN) this.#positive.add(slot, value);
    else if (value > -MAGNITUDE_MIN) this.#zeroCounts[slot]++;
    else this.#below().add(slot, -value);
  }

  /** First all keys, then all bins: in a loop as short as that the processor fetches many bins at once. */
  addRun({ place, value }: ReadingRun, from: number, to: number): void {
    for (let start = from; start < to; start += BLOCK) {
      const count = Math.min(BLOCK, to - start);
      for (let at = 0; at < count; at++) {
        const each = value[start + at];
        keys[at] = each >= MAGNITUDE_MIN ? magnitudeKey(each) : NO_KEY;
      }
      for (let at = 0; ; at++) {
        at = this.#positive.addInside(place, start, keys, at, count);
        if (at === count) break;
        this.add(place[start + at], value[start + at]);
      }
    }
  }

  merge(slot: number, from: Sketch | null): void {
    const sketch = this.at(slot);
    if (sketch === null) return;
    if (from !== null) sketch.merge(from);
    assert(sketch instanceof Quantiles, "quantiles merge with quantiles");
    const { positive, negative, zeroCount } = sketch.parts;
    this.#zeroCounts[slot] = from === null ? NaN : zeroCount;
    this.#positive.set(slot, positive);
    if (negative !== undefined) this.#below().set(slot, negative);
  }

  at(slot: number): Quantiles | null {
    const zeroCount = this.#zeroCounts[slot];
    if (Number.isNaN(zeroCount)) return null;
    return new Quantiles(this.#positive.at(slot) ?? new MagnitudeBins(), this.#negative?.at(slot), zeroCount);
  }

  #below(): MagnitudeSlots {
    return (this.#negative ??= new MagnitudeSlots());
  }
}
