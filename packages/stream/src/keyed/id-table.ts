import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

const HASH_WORDS = 4;
/** Of a slot: its tag and its hash. */
export const SLOT_BYTES = (1 + HASH_WORDS) * 4;
/** Their hashes are a page of memory, which the system would give out whole for fewer, too. */
const SLOTS_FIRST = 256;
/** Slots in use, those of expired ids included, as a share of all. */
const USED_SHARE_MAX = 0.8;
/** Living ids as a share of all slots: above the one a segment grows, to the other, so that an id is moved once and not thrice. */
const LIVE_SHARE_MAX = 0.7;
const LIVE_SHARE_GROWN = 0.4;
/** Above this a segment that cannot grow any more has no room. */
const LIVE_SHARE_BOUND = 0.75;

/** A tag: a bit that is always set (0 is an empty slot), 7 bits of the hash, whether its generation is one of far ahead, that modulo 2^23. */
const TAG_BIT = 1 << 31;
const FINGERPRINT_MASK = 0x7f00_0000;
const FAR_BIT = 0x0080_0000;
const GENERATION_MASK = 0x007f_ffff;

export interface IdTableOptions {
  /** A power of two, from 2 on. */
  readonly segmentCount: number;
  /** Most slots of each, at least 8. */
  readonly slotsMax: number;
  /** Generations from the floor on that live; all others have expired. */
  readonly generationsMax: number;
  /** The same of those far ahead. */
  readonly farGenerationsMax: number;
  /** The fourth word of a hash is not the id's but tells of what came with it. */
  readonly hasContent: boolean;
}

/** What became of an id: it was there; it was there with other content; it was taken in; and now its segment needs `makeRoom`. */
export type IdPlace = "found" | "altered" | "placed" | "crowded";

/**
 * The ids of an `ExpiringIdSet`, each with its generation: segments by hash, each a table of its own with open addressing and
 * linear probing. Expired ids stay until a new one takes their slot, or `makeRoom` leaves them behind.
 *
 * Tags lie apart from the hashes, so that a fresh id reads one or two cache lines of tags and writes its hash without waiting for
 * it. All segments lie in two arrays that are reserved at once: a segment grows into its own part, whose memory the system gives
 * out as it is touched. Nothing is copied but one segment at a time, and nothing is left to the collector.
 */
export class IdTable {
  readonly #options: IdTableOptions;
  readonly #segmentShift: number;
  readonly #slotCounts: Uint32Array;
  readonly #usedCounts: Uint32Array;
  readonly #liveTags: Int32Array;
  readonly #liveHashes: Int32Array;
  /** Of no meaning; without it the compiler would leave out the reads of `touch`. */
  readonly #touched = new Int32Array(1);
  #tags: Int32Array<ArrayBuffer>;
  #hashes: Int32Array<ArrayBuffer>;
  #floorTag = 0;
  #farFloorTag = 0;

  constructor(options: IdTableOptions) {
    const { segmentCount, slotsMax } = options;
    this.#options = options;
    this.#segmentShift = Math.clz32(segmentCount) + 1;
    this.#slotCounts = new Uint32Array(segmentCount).fill(Math.min(SLOTS_FIRST, slotsMax));
    this.#usedCounts = new Uint32Array(segmentCount);
    this.#liveTags = new Int32Array(slotsMax);
    this.#liveHashes = new Int32Array(slotsMax * HASH_WORDS);
    this.#tags = new Int32Array(segmentCount * slotsMax);
    this.#hashes = new Int32Array(segmentCount * slotsMax * HASH_WORDS);
  }

  /** Of the slots that are, or were, in use. */
  get bytes(): number {
    return this.#slotCounts.reduce((sum, slotCount) => sum + slotCount, 0) * SLOT_BYTES;
  }

  /** Ids of older generations have expired. */
  set floorGeneration(generation: number) {
    this.#floorTag = generation & GENERATION_MASK;
  }

  /** The same of those far ahead. */
  set farFloorGeneration(generation: number) {
    this.#farFloorTag = generation & GENERATION_MASK;
  }

  segmentOf(hash: Int32Array, hashAt: number): number {
    return hash[hashAt] >>> this.#segmentShift;
  }

  /** Reads where `admit` will look, and changes nothing: reads that do not wait for one another fetch their memory at the same time. */
  touch(hash: Int32Array, hashAt: number): void {
    const segment = hash[hashAt] >>> this.#segmentShift;
    const slot = segment * this.#options.slotsMax + firstSlot(hash[hashAt + 1], this.#slotCounts[segment]);
    this.#touched[0] ^= this.#tags[slot] ^ this.#hashes[slot * HASH_WORDS];
  }

  /** Looks for a living id with this hash, and takes it in if there is none. */
  admit(hash: Int32Array, hashAt: number, generation: number, isFar: boolean): IdPlace {
    const tags = this.#tags;
    const hashes = this.#hashes;
    const h1 = hash[hashAt];
    const h2 = hash[hashAt + 1];
    const h3 = hash[hashAt + 2];
    const h4 = hash[hashAt + 3];
    const floorTag = this.#floorTag;
    const farFloorTag = this.#farFloorTag;
    const { slotsMax, generationsMax, farGenerationsMax } = this.#options;
    const segment = h1 >>> this.#segmentShift;
    const slotCount = this.#slotCounts[segment];
    const start = segment * slotsMax;
    const end = start + slotCount;
    const fingerprint = h3 & FINGERPRINT_MASK;
    let slot = start + firstSlot(h2, slotCount);
    let freeSlot = -1;
    for (;;) {
      const tag = tags[slot];
      if (tag === 0) break;
      const hasExpired =
        (tag & FAR_BIT) === 0
          ? ((tag - floorTag) & GENERATION_MASK) >= generationsMax
          : ((tag - farFloorTag) & GENERATION_MASK) >= farGenerationsMax;
      if (hasExpired) {
        if (freeSlot < 0) freeSlot = slot;
      } else if ((tag & FINGERPRINT_MASK) === fingerprint) {
        const at = slot * HASH_WORDS;
        if (hashes[at] === h1 && hashes[at + 1] === h2 && hashes[at + 2] === h3) {
          if (hashes[at + 3] === h4) return "found";
          if (this.#options.hasContent) return "altered";
        }
      }
      if (++slot === end) slot = start;
    }
    if (freeSlot >= 0) slot = freeSlot;
    tags[slot] = TAG_BIT | fingerprint | (isFar ? FAR_BIT : 0) | (generation & GENERATION_MASK);
    const at = slot * HASH_WORDS;
    hashes[at] = h1;
    hashes[at + 1] = h2;
    hashes[at + 2] = h3;
    hashes[at + 3] = h4;
    if (freeSlot >= 0) return "placed";
    const usedCount = this.#usedCounts[segment] + 1;
    this.#usedCounts[segment] = usedCount;
    return usedCount > USED_SHARE_MAX * slotCount ? "crowded" : "placed";
  }

  /** Leaves the expired ids of a segment behind, and grows it if too many live. False: it cannot grow enough; some must expire. */
  makeRoom(segment: number): boolean {
    // Its memory is not touched: of many segments it may not have been given out yet.
    if (this.#usedCounts[segment] === 0) return true;
    const { slotsMax } = this.#options;
    const liveCount = this.#gatherLive(segment);
    let slotCount = this.#slotCounts[segment];
    if (liveCount > LIVE_SHARE_MAX * slotCount)
      slotCount = Math.max(slotCount, Math.min(slotsMax, Math.ceil(liveCount / LIVE_SHARE_GROWN)));
    const tags = this.#tags;
    const hashes = this.#hashes;
    const liveTags = this.#liveTags;
    const liveHashes = this.#liveHashes;
    const start = segment * slotsMax;
    const end = start + slotCount;
    tags.fill(0, start, end);
    // So that equal states have equal bytes.
    hashes.fill(0, start * HASH_WORDS, end * HASH_WORDS);
    for (let live = 0; live < liveCount; live++) {
      const from = live * HASH_WORDS;
      let slot = start + firstSlot(liveHashes[from + 1], slotCount);
      while (tags[slot] !== 0) if (++slot === end) slot = start;
      tags[slot] = liveTags[live];
      copyHash(liveHashes, from, hashes, slot * HASH_WORDS);
    }
    this.#slotCounts[segment] = slotCount;
    this.#usedCounts[segment] = liveCount;
    return liveCount <= LIVE_SHARE_BOUND * slotCount;
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    this.#slotCounts.fill(Math.min(SLOTS_FIRST, this.#options.slotsMax));
    this.#usedCounts.fill(0);
    this.#tags = new Int32Array(this.#tags.length);
    this.#hashes = new Int32Array(this.#hashes.length);
  }

  /**
   * A segment: u32 slots, u32 slots in use, then, unless none is, i32 × slots: tags, and i32 × 4 × slots: hashes, as they lie in
   * memory (little-endian on every machine that we support).
   */
  encode(segment: number): Uint8Array {
    const slotCount = this.#slotCounts[segment];
    const usedCount = this.#usedCounts[segment];
    const start = segment * this.#options.slotsMax;
    const writer = new StateWriter();
    writer.word(slotCount);
    writer.word(usedCount);
    if (usedCount === 0) return writer.take();
    writer.bytes(new Uint8Array(this.#tags.buffer, start * 4, slotCount * 4));
    writer.bytes(new Uint8Array(this.#hashes.buffer, start * HASH_WORDS * 4, slotCount * HASH_WORDS * 4));
    return writer.take();
  }

  /** Takes a segment back; `onLive` is told how far above its floor each living id's generation is. False on junk. */
  decode(
    segment: number,
    chunk: Uint8Array,
    onLive: (generationsAboveFloor: number, isFar: boolean) => void,
  ): boolean {
    const { slotsMax } = this.#options;
    const reader = new StateReader(chunk);
    const slotCount = reader.word();
    const usedCount = reader.word();
    if (slotCount < Math.min(SLOTS_FIRST, slotsMax) || slotCount > slotsMax) return false;
    if (reader.restCount !== (usedCount === 0 ? 0 : slotCount * SLOT_BYTES)) return false;
    if (usedCount > USED_SHARE_MAX * slotCount) return false;
    const words = new Int32Array(reader.rest().buffer);
    const tags = words.subarray(0, slotCount);
    const hashes = words.subarray(slotCount);
    let foundCount = 0;
    for (let slot = 0; slot < tags.length; slot++) {
      const tag = tags[slot];
      if (tag === 0) continue;
      if (tag >= 0 || hashes[slot * HASH_WORDS] >>> this.#segmentShift !== segment) return false;
      foundCount++;
      const generation = this.#aboveFloor(tag);
      if (generation >= 0) onLive(generation, (tag & FAR_BIT) !== 0);
    }
    if (foundCount !== usedCount) return false;
    this.#tags.set(tags, segment * slotsMax);
    this.#hashes.set(hashes, segment * slotsMax * HASH_WORDS);
    this.#slotCounts[segment] = slotCount;
    this.#usedCounts[segment] = usedCount;
    return true;
  }

  /** Generations; -1: it has expired. */
  #aboveFloor(tag: number): number {
    const isFar = (tag & FAR_BIT) !== 0;
    const generations = (tag - (isFar ? this.#farFloorTag : this.#floorTag)) & GENERATION_MASK;
    const { generationsMax, farGenerationsMax } = this.#options;
    return generations < (isFar ? farGenerationsMax : generationsMax) ? generations : -1;
  }

  /** Copies the living ids of a segment aside. Returns how many. */
  #gatherLive(segment: number): number {
    const { slotsMax } = this.#options;
    const tags = this.#tags;
    const hashes = this.#hashes;
    const liveTags = this.#liveTags;
    const liveHashes = this.#liveHashes;
    const start = segment * slotsMax;
    const end = start + this.#slotCounts[segment];
    let liveCount = 0;
    for (let slot = start; slot < end; slot++) {
      const tag = tags[slot];
      if (tag === 0 || this.#aboveFloor(tag) < 0) continue;
      liveTags[liveCount] = tag;
      copyHash(hashes, slot * HASH_WORDS, liveHashes, liveCount * HASH_WORDS);
      liveCount++;
    }
    return liveCount;
  }
}

function copyHash(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): void {
  to[toAt] = from[fromAt];
  to[toAt + 1] = from[fromAt + 1];
  to[toAt + 2] = from[fromAt + 2];
  to[toAt + 3] = from[fromAt + 3];
}

/** Any number of slots, not only powers of two, so that a segment need not double: Lemire's multiply-and-shift. */
function firstSlot(word: number, slotCount: number): number {
  return Math.floor(((word >>> 0) * slotCount) / 4_294_967_296);
}
