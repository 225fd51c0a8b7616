import type { StateReader } from "../state-reader.ts";
import type { StateWriter } from "../state-writer.ts";
import { MAGNITUDE_MIN, magnitudeKey, middleOfKey } from "./magnitude-key.ts";

/** Most bins of one sign: 58 octaves, so that magnitudes may lie 10^17 apart. */
export const BINS_MAX = 2048;
export const BINS_FIRST = 32;

/** What bins are made of. The counts are from the bin of `firstKey` on; keys in use from `lowest` to `highest`. */
export interface MagnitudeBinsParts {
  readonly counts: Counts;
  readonly firstKey: number;
  readonly lowest: number;
  readonly highest: number;
  readonly least: number;
  readonly greatest: number;
}

/** Two bytes a bin until one of them needs more: with thousands of sketches told in turn, the caches decide how fast. */
type Counts = Uint16Array | Uint32Array | Float64Array;

const EMPTY: MagnitudeBinsParts = {
  counts: new Uint16Array(0),
  firstKey: 0,
  lowest: 2 ** 30,
  highest: -1,
  least: Infinity,
  greatest: 0,
};

/**
 * How many numbers of one sign fell into each bin, dense between the lowest and the highest in use. With a span above
 * BINS_MAX, everything below the highest BINS_MAX is counted in the lowest of them. That bin depends on the greatest
 * magnitude alone, so it is the same in whatever order numbers and other bins came.
 */
export class MagnitudeBins {
  #counts: Counts;
  /** Key of the first of `#counts`. */
  #firstKey: number;
  /** Keys in use: none as long as the lowest is above the highest. */
  #lowest: number;
  #highest: number;
  #least: number;
  #greatest: number;

  /** Takes the parts over. */
  constructor({ counts, firstKey, lowest, highest, least, greatest }: MagnitudeBinsParts = EMPTY) {
    this.#counts = counts;
    this.#firstKey = firstKey;
    this.#lowest = lowest;
    this.#highest = highest;
    this.#least = least;
    this.#greatest = greatest;
  }

  /** Not copied. */
  get parts(): MagnitudeBinsParts {
    return {
      counts: this.#counts,
      firstKey: this.#firstKey,
      lowest: this.#lowest,
      highest: this.#highest,
      least: this.#least,
      greatest: this.#greatest,
    };
  }

  /** Exact; Infinity where there is none. */
  get least(): number {
    return this.#least;
  }

  /** Exact; 0 where there is none. */
  get greatest(): number {
    return this.#greatest;
  }

  get count(): number {
    let count = 0;
    for (const inBin of this.#counts) count += inBin;
    return count;
  }

  add(magnitude: number): void {
    let key = magnitudeKey(magnitude);
    // In between it is neither the least nor the greatest, and its bin is there.
    if (key <= this.#lowest || key >= this.#highest) key = this.#stretch(key, magnitude);
    const at = key - this.#firstKey;
    const count = this.#counts[at] + 1;
    this.#counts[at] = count;
    if (this.#counts[at] !== count) this.#widen(at, count);
  }

  merge(from: MagnitudeBins): void {
    if (from.#greatest === 0) return;
    this.#cover(from.#lowest, from.#highest);
    if (from.#lowest < this.#lowest)
      for (let key = from.#lowest; key <= from.#highest; key++)
        this.#gain(key, from.#counts[key - from.#firstKey]);
    else this.#gainAll(from);
    this.#least = Math.min(this.#least, from.#least);
    this.#greatest = Math.max(this.#greatest, from.#greatest);
  }

  copy(): MagnitudeBins {
    return new MagnitudeBins({ ...this.parts, counts: this.#counts.slice() });
  }

  /** About the magnitude with `rank` smaller ones, 0 … count - 1; the least exactly. */
  atRank(rank: number): number {
    if (rank === 0) return this.#least;
    let before = 0;
    for (let at = 0; at < this.#counts.length; at++) {
      before += this.#counts[at];
      if (before > rank)
        return Math.min(this.#greatest, Math.max(this.#least, middleOfKey(this.#firstKey + at)));
    }
    return this.#greatest;
  }

  /**
   *   count  bins from the lowest to the highest in use; nothing follows 0
   *   count  key of the lowest
   *   f64    least magnitude
   *   f64    greatest magnitude
   *   count  × bins: how many fell into each; a 0 is followed by the number of empty bins that it stands for
   */
  write(writer: StateWriter): void {
    if (this.#greatest === 0) return writer.count(0);
    writer.count(this.#highest - this.#lowest + 1);
    writer.count(this.#lowest);
    writer.float(this.#least);
    writer.float(this.#greatest);
    const end = this.#highest + 1 - this.#firstKey;
    for (let at = this.#lowest - this.#firstKey; at < end; at++) {
      writer.count(this.#counts[at]);
      if (this.#counts[at] > 0) continue;
      const from = at;
      while (this.#counts[at + 1] === 0) at++;
      writer.count(at + 1 - from);
    }
  }

  /** Undefined where there are none. What it returns after a fault of the reader says nothing. */
  static read(reader: StateReader): MagnitudeBins | undefined {
    const span = reader.count(BINS_MAX);
    if (span === 0) return undefined;
    const low = reader.count(magnitudeKey(Number.MAX_VALUE));
    const least = reader.float();
    const greatest = reader.float();
    reader.require(MAGNITUDE_MIN <= least && least <= greatest);
    // Also where there was a fault: it would be read as 0.
    if (greatest < MAGNITUDE_MIN) return undefined;
    const isCollapsed = span === BINS_MAX && magnitudeKey(least) < low;
    reader.require(isCollapsed || magnitudeKey(least) === low);
    reader.require(magnitudeKey(greatest) === low + span - 1);
    const counts = new Uint16Array(span);
    const highest = low + span - 1;
    const bins = new MagnitudeBins({ counts, firstKey: low, lowest: low, highest, least, greatest });
    let total = 0;
    let wasEmpty = true;
    for (let at = 0; at < span; at++) {
      const count = reader.count();
      total += count;
      if (count > 0) {
        bins.#counts[at] = count;
        if (bins.#counts[at] !== count) bins.#widen(at, count);
        wasEmpty = false;
        continue;
      }
      // The bins at the ends are in use, and one 0 stands for all that follow one another.
      const emptyCount = reader.count(span - 1 - at);
      reader.require(!wasEmpty && emptyCount > 0);
      wasEmpty = true;
      at += Math.max(0, emptyCount - 1);
    }
    reader.require(!wasEmpty && (total > 1 || least === greatest));
    return bins;
  }

  /** Takes note of a number outside the bins in use, or at their ends, and says which bin it counts in. */
  #stretch(key: number, magnitude: number): number {
    this.#cover(key, key);
    if (magnitude < this.#least) this.#least = magnitude;
    if (magnitude > this.#greatest) this.#greatest = magnitude;
    return Math.max(key, this.#lowest);
  }

  /** Takes the bins from `fromKey` to `toKey` into use beside the others, as far as BINS_MAX allows. */
  #cover(fromKey: number, toKey: number): void {
    const highest = Math.max(toKey, this.#highest);
    const lowest = Math.max(Math.min(fromKey, this.#lowest), highest - BINS_MAX + 1);
    if (lowest < this.#firstKey || highest >= this.#firstKey + this.#counts.length)
      this.#move(lowest, highest);
    this.#lowest = lowest;
    this.#highest = highest;
  }

  /** To counts with room from `lowest` to `highest`, and half as much again on either side. */
  #move(lowest: number, highest: number): void {
    const before = this.#counts;
    const beforeFirstKey = this.#firstKey;
    const span = highest - lowest + 1;
    const length = Math.min(BINS_MAX, Math.max(BINS_FIRST, 2 * span));
    this.#counts = sameCounts(before, length);
    this.#firstKey = lowest - ((length - span) >> 1);
    for (let key = this.#lowest; key <= this.#highest; key++)
      this.#gain(Math.max(key, lowest), before[key - beforeFirstKey]);
  }

  #gain(key: number, gained: number): void {
    const at = Math.max(key, this.#lowest) - this.#firstKey;
    const count = this.#counts[at] + gained;
    this.#counts[at] = count;
    if (this.#counts[at] !== count) this.#widen(at, count);
  }

  /** All its bins are in use here too. */
  #gainAll(from: MagnitudeBins): void {
    const gained = from.#counts;
    const end = from.#highest + 1 - from.#firstKey;
    let counts = this.#counts;
    let at = from.#lowest - this.#firstKey;
    for (let index = from.#lowest - from.#firstKey; index < end; index++, at++) {
      const count = counts[at] + gained[index];
      counts[at] = count;
      if (counts[at] === count) continue;
      this.#widen(at, count);
      counts = this.#counts;
    }
  }

  /** The count did not fit. */
  #widen(at: number, count: number): void {
    this.#counts = count < 2 ** 32 ? new Uint32Array(this.#counts) : new Float64Array(this.#counts);
    this.#counts[at] = count;
  }
}

function sameCounts(like: Counts, length: number): Counts {
  if (like instanceof Uint16Array) return new Uint16Array(length);
  return like instanceof Uint32Array ? new Uint32Array(length) : new Float64Array(length);
}
