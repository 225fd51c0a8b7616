import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";

/** Words of a key: 64 bits of a hash. */
export const LAST_TIMES_WORDS = 2;
const SLOTS_FIRST = 8;
/** Keys as a share of a segment's slots, at which it doubles. */
const USED_SHARE_MAX = 0.75;
/** Few enough that a segment doubles in a fraction of a millisecond. */
const SEGMENT_KEYS = 4_096;
const KEYS_MAX = 2 ** 27;

/** A slot is one piece of memory: two words of hash, and behind them the time, NaN where the slot is free. */
interface Segment {
  count: number;
  slotCount: number;
  /** Of a slot: words 4 · slot and 4 · slot + 1. */
  hashes: Int32Array;
  /** The same memory; of a slot: 2 · slot + 1. */
  timesMs: Float64Array;
}

/**
 * The greatest event time of each of many keys, which are given as 64 bits of a hash: 16 bytes a slot, 22 to 43 a key. Two keys of
 * n that nobody chose for it are taken for one with a probability of n²/2^65, 1e-5 with twenty million. It forgets nothing by
 * itself. Segments by hash, each a table of its own with linear probing, so that it grows without a pause.
 */
export class LastTimes {
  readonly #segments: Segment[];
  readonly #shift: number;
  #count = 0;

  /** `countMax`: what it is made for; more makes it slower to grow. */
  constructor(countMax: number) {
    assert(Number.isInteger(countMax) && countMax >= 1 && countMax <= KEYS_MAX, "1 ≤ countMax ≤ 2^27");
    const bits = Math.max(1, Math.ceil(Math.log2(countMax / SEGMENT_KEYS)));
    this.#shift = 32 - bits;
    this.#segments = Array.from({ length: 2 ** bits }, () => emptySegment(SLOTS_FIRST));
  }

  get count(): number {
    return this.#count;
  }

  /** -Infinity where the key is not known. */
  get(hashes: Int32Array, at: number): EventTimeMs {
    const segment = this.#segmentOf(hashes, at);
    const timeMs = segment.timesMs[2 * slotOf(segment, hashes[at], hashes[at + 1]) + 1];
    return timeMs === timeMs ? timeMs : -Infinity;
  }

  /** A time that is not greater than the one known changes nothing. */
  note(hashes: Int32Array, at: number, timeMs: EventTimeMs): void {
    const segment = this.#segmentOf(hashes, at);
    const [h1, h2] = [hashes[at], hashes[at + 1]];
    const slot = slotOf(segment, h1, h2);
    const known = segment.timesMs[2 * slot + 1];
    if (known === known) {
      if (timeMs > known) segment.timesMs[2 * slot + 1] = timeMs;
      return;
    }
    put(segment, slot, h1, h2, timeMs);
    this.#count += 1;
    segment.count += 1;
    if (segment.count > USED_SHARE_MAX * segment.slotCount) double(segment);
  }

  /** False where it was not known. */
  forget(hashes: Int32Array, at: number): boolean {
    const segment = this.#segmentOf(hashes, at);
    const { timesMs, hashes: own, slotCount } = segment;
    let free = slotOf(segment, hashes[at], hashes[at + 1]);
    if (isFree(segment, free)) return false;
    this.#count -= 1;
    segment.count -= 1;
    // What lies behind it moves up, unless it would come before its own first slot (Knuth 6.4, algorithm R).
    const mask = slotCount - 1;
    for (let slot = (free + 1) & mask; !isFree(segment, slot); slot = (slot + 1) & mask) {
      const distance = (slot - firstSlot(own[4 * slot + 1], mask)) & mask;
      if (distance < ((slot - free) & mask)) continue;
      put(segment, free, own[4 * slot], own[4 * slot + 1], timesMs[2 * slot + 1]);
      free = slot;
    }
    timesMs[2 * free + 1] = NaN;
    return true;
  }

  #segmentOf(hashes: Int32Array, at: number): Segment {
    return this.#segments[hashes[at] >>> this.#shift];
  }
}

function emptySegment(slotCount: number): Segment {
  const timesMs = new Float64Array(2 * slotCount).fill(NaN);
  return { count: 0, slotCount, hashes: new Int32Array(timesMs.buffer), timesMs };
}

function isFree({ timesMs }: Segment, slot: number): boolean {
  const timeMs = timesMs[2 * slot + 1];
  return timeMs !== timeMs;
}

/** Where the key is, or would be. */
function slotOf(segment: Segment, h1: number, h2: number): number {
  const { hashes, slotCount } = segment;
  const mask = slotCount - 1;
  let slot = firstSlot(h2, mask);
  while (!isFree(segment, slot) && (hashes[4 * slot] !== h1 || hashes[4 * slot + 1] !== h2))
    slot = (slot + 1) & mask;
  return slot;
}

function firstSlot(h2: number, mask: number): number {
  return (h2 ^ (h2 >>> 15)) & mask;
}

function put({ timesMs, hashes }: Segment, slot: number, h1: number, h2: number, timeMs: number): void {
  timesMs[2 * slot + 1] = timeMs;
  hashes[4 * slot] = h1;
  hashes[4 * slot + 1] = h2;
}

function double(segment: Segment): void {
  const { hashes, timesMs, slotCount } = segment;
  const grown = emptySegment(2 * slotCount);
  for (let slot = 0; slot < slotCount; slot += 1) {
    if (isFree(segment, slot)) continue;
    const [h1, h2] = [hashes[4 * slot], hashes[4 * slot + 1]];
    put(grown, slotOf(grown, h1, h2), h1, h2, timesMs[2 * slot + 1]);
  }
  segment.slotCount = grown.slotCount;
  segment.hashes = grown.hashes;
  segment.timesMs = grown.timesMs;
}
