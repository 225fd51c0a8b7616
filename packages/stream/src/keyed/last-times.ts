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

interface Segment {
  count: number;
  /** NaN: a free slot. */
  timesMs: Float64Array;
  hashes: Int32Array;
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
    const timeMs = segment.timesMs[slotOf(segment, hashes[at], hashes[at + 1])];
    return timeMs === timeMs ? timeMs : -Infinity;
  }

  /** A time that is not greater than the one known changes nothing. */
  note(hashes: Int32Array, at: number, timeMs: EventTimeMs): void {
    const segment = this.#segmentOf(hashes, at);
    const [h1, h2] = [hashes[at], hashes[at + 1]];
    const slot = slotOf(segment, h1, h2);
    const known = segment.timesMs[slot];
    if (known === known) {
      if (timeMs > known) segment.timesMs[slot] = timeMs;
      return;
    }
    put(segment, slot, h1, h2, timeMs);
    this.#count += 1;
    segment.count += 1;
    if (segment.count > USED_SHARE_MAX * segment.timesMs.length) double(segment);
  }

  /** False where it was not known. */
  forget(hashes: Int32Array, at: number): boolean {
    const segment = this.#segmentOf(hashes, at);
    const { timesMs, hashes: own } = segment;
    let free = slotOf(segment, hashes[at], hashes[at + 1]);
    if (Number.isNaN(timesMs[free])) return false;
    this.#count -= 1;
    segment.count -= 1;
    // What lies behind it moves up, unless it would come before its own first slot (Knuth 6.4, algorithm R).
    const mask = timesMs.length - 1;
    for (let slot = (free + 1) & mask; timesMs[slot] === timesMs[slot]; slot = (slot + 1) & mask) {
      const distance = (slot - firstSlot(own[2 * slot + 1], mask)) & mask;
      if (distance < ((slot - free) & mask)) continue;
      put(segment, free, own[2 * slot], own[2 * slot + 1], timesMs[slot]);
      free = slot;
    }
    timesMs[free] = NaN;
    return true;
  }

  #segmentOf(hashes: Int32Array, at: number): Segment {
    return this.#segments[hashes[at] >>> this.#shift];
  }
}

function emptySegment(slotCount: number): Segment {
  return {
    count: 0,
    timesMs: new Float64Array(slotCount).fill(NaN),
    hashes: new Int32Array(LAST_TIMES_WORDS * slotCount),
  };
}

/** Where the key is, or would be. */
function slotOf({ timesMs, hashes }: Segment, h1: number, h2: number): number {
  const mask = timesMs.length - 1;
  let slot = firstSlot(h2, mask);
  while (timesMs[slot] === timesMs[slot] && (hashes[2 * slot] !== h1 || hashes[2 * slot + 1] !== h2))
    slot = (slot + 1) & mask;
  return slot;
}

function firstSlot(h2: number, mask: number): number {
  return (h2 ^ (h2 >>> 15)) & mask;
}

function put({ timesMs, hashes }: Segment, slot: number, h1: number, h2: number, timeMs: number): void {
  timesMs[slot] = timeMs;
  hashes[2 * slot] = h1;
  hashes[2 * slot + 1] = h2;
}

function double(segment: Segment): void {
  const { timesMs, hashes } = segment;
  const grown = emptySegment(2 * timesMs.length);
  for (let slot = 0; slot < timesMs.length; slot += 1) {
    const timeMs = timesMs[slot];
    if (timeMs !== timeMs) continue;
    const [h1, h2] = [hashes[2 * slot], hashes[2 * slot + 1]];
    put(grown, slotOf(grown, h1, h2), h1, h2, timeMs);
  }
  segment.timesMs = grown.timesMs;
  segment.hashes = grown.hashes;
}
