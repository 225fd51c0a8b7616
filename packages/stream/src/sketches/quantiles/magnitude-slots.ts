import { BinPool, chunkOf, startOf } from "./bin-pool.ts";
import { BINS_FIRST, BINS_MAX, MagnitudeBins } from "./magnitude-bins.ts";
import { magnitudeKey } from "./magnitude-key.ts";

const SLOTS_FIRST = 64;

/** Fields of a slot, one after another, so that an addition touches one line of the caches beside that of its bin. */
const FIELDS = 4;
/** Keys in use; of none the lowest is above the highest. */
const LOWEST = 0;
const HIGHEST = 1;
/** The chunk that its bins lie in, and what, added to a key, is the place there. */
const CHUNK = 2;
const BASE = 3;
const NO_KEYS = { lowest: 2 ** 30, highest: -1 } as const;

/**
 * What `MagnitudeBins` is, by slot: the bins of all lie in a pool, two bytes each. A slot of which a bin needs more becomes such
 * an object.
 */
export class MagnitudeSlots {
  readonly #pool = new BinPool();
  #slots = new Int32Array(0);
  /** By slot: place and count of its bins in the pool, the least magnitude, the greatest. */
  #places = new Float64Array(0);
  #lengths = new Uint16Array(0);
  #least = new Float64Array(0);
  #greatest = new Float64Array(0);
  readonly #wide = new Map<number, MagnitudeBins>();

  constructor() {
    this.#grow(SLOTS_FIRST);
  }

  /** Empties the slot. */
  clear(slot: number): void {
    if (slot >= this.#lengths.length) return;
    this.#release(slot);
    this.#wide.delete(slot);
    this.#least[slot] = Infinity;
    this.#greatest[slot] = 0;
  }

  add(slot: number, magnitude: number): void {
    const slots = this.#slots;
    const at = slot * FIELDS;
    const key = magnitudeKey(magnitude);
    // In between it is neither the least nor the greatest, and its bin is there.
    if (key > slots[at + LOWEST] && key < slots[at + HIGHEST]) {
      const bins = this.#pool.chunks[slots[at + CHUNK]];
      const bin = slots[at + BASE] + key;
      const count = bins[bin];
      if (count < 0xffff) bins[bin] = count + 1;
      else this.#widen(slot).add(magnitude);
    } else this.#stretch(slot, key, magnitude);
  }

  /**
   * Counts magnitudes by their keys, that at `at` in slot `place[start + at]`, as long as they lie inside the bins in use of
   * their slots; the first that does not, or `to`. What is left at it takes `add`.
   */
  addInside(place: Uint32Array, start: number, keys: Int32Array, from: number, to: number): number {
    const slots = this.#slots;
    const { chunks } = this.#pool;
    for (let at = from; at < to; at++) {
      const fields = place[start + at] * FIELDS;
      const key = keys[at];
      if (!(key > slots[fields + LOWEST] && key < slots[fields + HIGHEST])) return at;
      const bins = chunks[slots[fields + CHUNK]];
      const bin = slots[fields + BASE] + key;
      const count = bins[bin];
      if (count === 0xffff) return at;
      bins[bin] = count + 1;
    }
    return to;
  }

  /** What the slot holds becomes these bins. */
  set(slot: number, bins: MagnitudeBins): void {
    this.clear(slot);
    const { counts, firstKey, lowest, highest, least, greatest } = bins.parts;
    if (greatest === 0) return;
    if (slot >= this.#lengths.length) this.#grow(slot + 1);
    if (!(counts instanceof Uint16Array)) {
      this.#wide.set(slot, bins.copy());
      return;
    }
    this.#cover(slot, lowest, highest);
    this.#bins(slot).set(
      counts.subarray(lowest - firstKey, highest + 1 - firstKey),
      this.#slots[slot * FIELDS + BASE] + lowest,
    );
    this.#least[slot] = least;
    this.#greatest[slot] = greatest;
  }

  /** A copy; undefined where the slot has none. */
  at(slot: number): MagnitudeBins | undefined {
    const wide = this.#wide.get(slot);
    if (wide !== undefined) return wide.copy();
    if (!(this.#greatest[slot] > 0)) return undefined;
    const [lowest, highest, , base] = this.#slots.subarray(slot * FIELDS, (slot + 1) * FIELDS);
    return new MagnitudeBins({
      counts: this.#bins(slot).slice(base + lowest, base + highest + 1),
      firstKey: lowest,
      lowest,
      highest,
      least: this.#least[slot],
      greatest: this.#greatest[slot],
    });
  }

  /** Adds a magnitude outside the bins in use, or at their ends. */
  #stretch(slot: number, key: number, magnitude: number): void {
    const wide = this.#wide.get(slot);
    if (wide !== undefined) return wide.add(magnitude);
    if (slot >= this.#lengths.length) this.#grow(slot + 1);
    const at = slot * FIELDS;
    const highest = Math.max(key, this.#slots[at + HIGHEST]);
    const lowest = Math.max(Math.min(key, this.#slots[at + LOWEST]), highest - BINS_MAX + 1);
    // The lowest bins become one: not here, where that could need more than two bytes.
    if (lowest > this.#slots[at + LOWEST]) {
      const bins = this.at(slot) ?? new MagnitudeBins();
      bins.add(magnitude);
      return this.set(slot, bins);
    }
    this.#cover(slot, lowest, highest);
    if (magnitude < this.#least[slot]) this.#least[slot] = magnitude;
    if (magnitude > this.#greatest[slot]) this.#greatest[slot] = magnitude;
    const bins = this.#bins(slot);
    const bin = this.#slots[at + BASE] + Math.max(key, lowest);
    if (bins[bin] < 0xffff) bins[bin]++;
    else this.#widen(slot).add(magnitude);
  }

  /** Takes the bins from `lowest` to `highest` into use, those that are among them. */
  #cover(slot: number, lowest: number, highest: number): void {
    const at = slot * FIELDS;
    const length = this.#lengths[slot];
    const first = startOf(this.#places[slot]) - this.#slots[at + BASE];
    if (length === 0 || lowest < first || highest >= first + length) this.#move(slot, lowest, highest);
    this.#slots[at + LOWEST] = lowest;
    this.#slots[at + HIGHEST] = highest;
  }

  /** To bins with room from `lowest` to `highest`, and an eighth as much again on either side at least: the fewer, the more are in the caches. */
  #move(slot: number, lowest: number, highest: number): void {
    const slots = this.#slots;
    const at = slot * FIELDS;
    const span = highest - lowest + 1;
    const length = Math.min(BINS_MAX, Math.max(BINS_FIRST, 2 ** Math.ceil(Math.log2(1.25 * span))));
    const place = this.#pool.take(length);
    const base = startOf(place) + ((length - span) >> 1) - lowest;
    if (this.#lengths[slot] > 0) {
      const from = slots[at + BASE] + slots[at + LOWEST];
      const used = this.#bins(slot).subarray(from, slots[at + BASE] + slots[at + HIGHEST] + 1);
      this.#pool.chunks[chunkOf(place)].set(used, base + slots[at + LOWEST]);
      this.#pool.giveBack(this.#places[slot], this.#lengths[slot]);
    }
    slots[at + CHUNK] = chunkOf(place);
    slots[at + BASE] = base;
    this.#places[slot] = place;
    this.#lengths[slot] = length;
  }

  /** A count does not fit: the slot's bins are an object from now on. */
  #widen(slot: number): MagnitudeBins {
    const bins = this.at(slot) ?? new MagnitudeBins();
    this.#release(slot);
    this.#wide.set(slot, bins);
    return bins;
  }

  #release(slot: number): void {
    if (this.#lengths[slot] > 0) this.#pool.giveBack(this.#places[slot], this.#lengths[slot]);
    this.#lengths[slot] = 0;
    this.#slots[slot * FIELDS + LOWEST] = NO_KEYS.lowest;
    this.#slots[slot * FIELDS + HIGHEST] = NO_KEYS.highest;
  }

  #bins(slot: number): Uint16Array {
    return this.#pool.chunks[this.#slots[slot * FIELDS + CHUNK]];
  }

  #grow(slotsMin: number): void {
    const before = this.#lengths.length;
    const count = Math.max(2 * before, slotsMin);
    const slots = new Int32Array(count * FIELDS);
    slots.set(this.#slots);
    for (let at = before * FIELDS; at < slots.length; at += FIELDS) {
      slots[at + LOWEST] = NO_KEYS.lowest;
      slots[at + HIGHEST] = NO_KEYS.highest;
    }
    this.#slots = slots;
    this.#places = longer(this.#places, new Float64Array(count));
    this.#lengths = longer(this.#lengths, new Uint16Array(count));
    this.#least = longer(this.#least, new Float64Array(count).fill(Infinity, before));
    this.#greatest = longer(this.#greatest, new Float64Array(count));
  }
}

function longer<Numbers extends Float64Array | Uint16Array>(numbers: Numbers, into: Numbers): Numbers {
  into.set(numbers);
  return into;
}
