import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import { hashId, type RecordId } from "./id-hash.ts";
import { IdTable, SLOT_BYTES } from "./id-table.ts";
import { isTime } from "./is-time.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

/**
 * What is known of an id: new, seen before, seen before with other content (where content is told), or outside of what is
 * remembered.
 */
export type IdVerdict = "fresh" | "duplicate" | "altered" | "undeduplicated";

export interface ExpiringIdSetOptions {
  /** How long an id is remembered, from its own event time. */
  readonly horizonMs: number;
  /** How far ahead of the watermark an id is still judged; at most 1e13, three centuries. A horizon's room is 128 bytes, of 10,000 at most. */
  readonly aheadMs: number;
  /** Most ids remembered; at most 2^27. */
  readonly idsMax: number;
  /** Most bytes of its table. An id takes 25 to 50, and 30 at `idsMax`; that is enough. It is reserved at once, and used as ids come. */
  readonly bytesMax: number;
  /** Of the hash. A secret one keeps senders from choosing ids that crowd one place. */
  readonly seed?: number;
  /** Of a hash that is given, the fourth word tells of the content that came with the id; 96 bits are the id's. Default: false. */
  readonly hasContent?: boolean;
}

/** Generations in a horizon: how finely ids expire and are dropped. */
const GENERATIONS = 32;
/** Those further ahead are in longer generations. Far fewer of either than tags tell apart, those between two sweeps included. */
const NEAR_HORIZONS_MAX = 10_000;
const AHEAD_MS_MAX = 1e13;
/** Half of what tags tell apart: they come to their end, at the earliest, years after they began. */
const FAR_GENERATIONS_MAX = 2 ** 22;
const IDS_MAX = 2 ** 27;
/** Few enough that making room in a segment takes a fraction of a millisecond. */
const SEGMENT_IDS = 4_096;
/** Slots for each id: segments grow to hold 0.6 ids a slot, and some get more ids than others. */
const SLOTS_PER_ID = 1.5;
const SLOTS_SPARE = 64;
/** Tags repeat after 2^23 generations (years, with a horizon of minutes); well before, all expired ids leave. */
const GENERATIONS_BETWEEN_SWEEPS = 2 ** 21;
/** Ids whose memory is fetched at the same time. */
const BATCH = 64;
const VERSION = 2;

/**
 * Which record ids were seen within `horizonMs` of event time, so that a record delivered twice counts once. An id's event
 * time puts it into one of 32 generations a horizon; generations expire whole, and at a bound the oldest goes early.
 *
 * Ids are kept as 128-bit hashes (see `hashId`), not as texts: a fresh id is taken for a duplicate with a probability of
 * (ids remembered) · 2^-128, 3e-32 with ten million. At a million ids a second that is once in 1e18 years.
 * Who chooses ids can make two of his own collide; to have another's dropped he would need to know its id, and could then send that.
 *
 * An id lies in a place given by its hash, with its generation beside it: asking costs one probe however many generations live.
 * (A table for each generation would expire for nothing, but a fresh id would have to be looked for in all of them.) The
 * table grows and sheds expired ids in small segments, a fraction of a millisecond each. It keeps the memory that it once used.
 * A filter in front would only add probes of its own (see `BloomFilter`).
 *
 * An id that is more than 10,000 horizons ahead when it comes, as where sources lie years apart, is in a longer generation, so that
 * there are never more to keep count of: it may be remembered longer, by a two-millionth of how far ahead is allowed (of a century: 26 minutes), and never shorter.
 *
 * Reading an id's place is a miss of the processor's caches; `admitAll` has many of them under way at once.
 */
export class ExpiringIdSet {
  readonly #options: Required<ExpiringIdSetOptions>;
  readonly #generationMs: number;
  /** Ids further ahead are in longer generations. */
  readonly #nearMs: number;
  /** Generations from the floor on that may hold ids. */
  readonly #generationsMax: number;
  /** Of how many generations a longer one is. */
  readonly #farLength: number;
  readonly #segmentCount: number;
  readonly #table: IdTable;
  /** Of the ids at hand. */
  readonly #hashes = new Int32Array(4 * BATCH);
  /** Living ids of each generation, at its number modulo the length, a power of two. */
  readonly #counts: Uint32Array;
  /** The same of longer generations. */
  readonly #farCounts: Uint32Array;
  #farIdCount = 0;
  /** No longer generation before holds an id. */
  #farFrom = Infinity;
  #watermarkMs = -Infinity;
  /** The oldest generation that may hold ids. */
  #floorGeneration = -Infinity;
  #floorMs = Infinity;
  #sweptGeneration = -Infinity;
  /** While it is below the number of segments, each call sweeps one. */
  #sweepNext = Infinity;
  #idCount = 0;
  #tooOldCount = 0;
  #aheadCount = 0;
  #droppedForIdsCount = 0;
  #droppedForBytesCount = 0;

  constructor(options: ExpiringIdSetOptions) {
    const { horizonMs, aheadMs, idsMax, bytesMax, seed = 0, hasContent = false } = options;
    assert(horizonMs >= 1 && horizonMs <= 1e12, "1 ≤ horizonMs ≤ 1e12");
    assert(aheadMs >= 0 && aheadMs <= AHEAD_MS_MAX, "0 ≤ aheadMs ≤ 1e13");
    assert(Number.isInteger(idsMax) && idsMax >= 1 && idsMax <= IDS_MAX, "1 ≤ idsMax ≤ 2^27");
    this.#options = { horizonMs, aheadMs, idsMax, bytesMax, seed: seed | 0, hasContent };
    this.#generationMs = Math.max(1, Math.ceil(horizonMs / GENERATIONS));
    this.#nearMs = Math.min(aheadMs, NEAR_HORIZONS_MAX * horizonMs);
    this.#generationsMax = Math.ceil((horizonMs + this.#nearMs) / this.#generationMs) + 2;
    const hasFar = this.#nearMs < aheadMs;
    this.#farLength = powerOfTwoFrom((horizonMs + aheadMs) / this.#generationMs / (FAR_GENERATIONS_MAX - 2));
    this.#counts = new Uint32Array(powerOfTwoFrom(this.#generationsMax));
    this.#farCounts = new Uint32Array(hasFar ? FAR_GENERATIONS_MAX : 1);
    this.#segmentCount = Math.max(2, powerOfTwoFrom(idsMax / SEGMENT_IDS));
    const slotsMax = Math.min(
      Math.ceil((idsMax / this.#segmentCount) * SLOTS_PER_ID) + SLOTS_SPARE,
      Math.floor(bytesMax / this.#segmentCount / SLOT_BYTES),
    );
    assert(slotsMax >= 8, `bytesMax ≥ ${this.#segmentCount * 8 * SLOT_BYTES} for ${idsMax} ids`);
    this.#table = new IdTable({
      segmentCount: this.#segmentCount,
      slotsMax,
      generationsMax: this.#generationsMax,
      farGenerationsMax: FAR_GENERATIONS_MAX,
      hasContent,
    });
  }

  /** Ids that are remembered. */
  get idCount(): number {
    return this.#idCount;
  }

  /** Of the part of the table that is, or was, in use. Counted at each call. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** Ids not judged because they were older than the horizon or than what was dropped early, or came before a watermark. */
  get tooOldCount(): number {
    return this.#tooOldCount;
  }

  /** Ids not judged because they were further ahead than `aheadMs`. */
  get aheadCount(): number {
    return this.#aheadCount;
  }

  /** Ids forgotten early because of `idsMax`. */
  get droppedForIdsCount(): number {
    return this.#droppedForIdsCount;
  }

  /** Ids forgotten early because of `bytesMax`. */
  get droppedForBytesCount(): number {
    return this.#droppedForBytesCount;
  }

  /** From this event time on ids are judged; Infinity before the first watermark. */
  get floorMs(): EventTimeMs {
    return this.#floorMs;
  }

  /** Ids of an earlier event time are all forgotten. A little before `floorMs`: they leave by generations. */
  get remembersFromMs(): EventTimeMs {
    return this.#floorGeneration * this.#generationMs;
  }

  /**
   * Judges an id and remembers it if it is fresh. `timeMs` is the record's own; a duplicate with another time is one all the
   * same, and does not make the id live longer. `watermarkMs` moves the horizon; one that goes back is ignored.
   */
  admit(id: RecordId, timeMs: EventTimeMs, watermarkMs: EventTimeMs): IdVerdict {
    hashId(id, this.#options.seed, this.#hashes, 0);
    return this.#admitHash(0, timeMs, watermarkMs);
  }

  /**
   * `admit` of each id with its time, in order, into `verdicts`; the same to the bit, and about twice as quick where the table is
   * larger than the processor's caches, since the memory of many ids is fetched at the same time.
   */
  admitAll(
    ids: readonly RecordId[],
    timesMs: ArrayLike<EventTimeMs>,
    watermarkMs: EventTimeMs,
    verdicts: IdVerdict[],
  ): void {
    const hashes = this.#hashes;
    for (let from = 0; from < ids.length; from += BATCH) {
      const count = Math.min(BATCH, ids.length - from);
      for (let at = 0; at < count; at++) hashId(ids[from + at], this.#options.seed, hashes, 4 * at);
      for (let at = 0; at < count; at++) this.#table.touch(hashes, 4 * at);
      for (let at = 0; at < count; at++)
        verdicts[from + at] = this.#admitHash(4 * at, timesMs[from + at], watermarkMs);
    }
  }

  /**
   * The same of hashes that the caller has made (four words each, from 0 on), each with a watermark of its own: what a batch
   * decides does not depend on where it was cut.
   */
  admitHashes(
    hashes: Int32Array,
    timesMs: Float64Array,
    watermarksMs: Float64Array,
    count: number,
    verdicts: IdVerdict[],
  ): void {
    const own = this.#hashes;
    for (let from = 0; from < count; from += BATCH) {
      const size = Math.min(BATCH, count - from);
      own.set(hashes.subarray(4 * from, 4 * (from + size)));
      for (let at = 0; at < size; at++) this.#table.touch(own, 4 * at);
      for (let at = 0; at < size; at++)
        verdicts[from + at] = this.#admitHash(4 * at, timesMs[from + at], watermarksMs[from + at]);
    }
  }

  /**
   * Begins where another set was, before anything is admitted: its watermark, and the time from which it judged. Of ids up to
   * `forgottenToMs` nothing is known any more: none of them is judged.
   */
  begin(watermarkMs: EventTimeMs, floorMs: EventTimeMs, forgottenToMs: EventTimeMs = -Infinity): void {
    assert(this.#watermarkMs === -Infinity, "a set begins once");
    this.#advance(watermarkMs);
    const floorGeneration = Math.max(
      Math.floor(floorMs / this.#generationMs),
      Math.floor(forgottenToMs / this.#generationMs) + 1,
    );
    if (floorGeneration > this.#floorGeneration) this.#raiseFloor(floorGeneration);
  }

  /** Takes in what another set had admitted, as far as it remembered it still; after `begin`. */
  remember(hashes: Int32Array, timesMs: Float64Array, count: number): void {
    const own = this.#hashes;
    for (let from = 0; from < count; from += BATCH) {
      const size = Math.min(BATCH, count - from);
      own.set(hashes.subarray(4 * from, 4 * (from + size)));
      for (let at = 0; at < size; at++) this.#table.touch(own, 4 * at);
      for (let at = 0; at < size; at++) {
        if (Math.floor(timesMs[from + at] / this.#generationMs) >= this.#floorGeneration)
          this.#place(4 * at, timesMs[from + at]);
      }
    }
  }

  /**
   * The state in chunks: one of the counters, then one of each segment, a few hundred kilobytes at most. They belong together only
   * if nothing is admitted between the first and the last.
   *
   * First chunk: u8 version, then f64 each: horizonMs, aheadMs, idsMax, bytesMax, seed, watermarkMs, floor generation,
   * generation at the last sweep, next segment to sweep, too old, ahead, dropped for ids, dropped for bytes. The others: see `IdTable`.
   */
  *encode(): Generator<Uint8Array, void> {
    const head = new StateWriter();
    head.byte(VERSION);
    for (const field of this.#fields()) head.float(field);
    yield head.take();
    for (let segment = 0; segment < this.#segmentCount; segment++) yield this.#table.encode(segment);
  }

  /** The set as it was, to the bit. Never throws: undefined on chunks that `encode` does not write with these options. */
  static decode(chunks: Iterable<Uint8Array>, options: ExpiringIdSetOptions): ExpiringIdSet | undefined {
    const set = new ExpiringIdSet(options);
    let segment = -1;
    for (const chunk of chunks) {
      const isRead = segment < 0 ? set.#readHead(chunk) : set.#readSegment(segment, chunk);
      if (!isRead) return undefined;
      segment++;
    }
    return segment === set.#segmentCount && set.#idCount <= set.#options.idsMax ? set : undefined;
  }

  /** The hash is the one at `hashAt`. */
  #admitHash(hashAt: number, timeMs: number, watermarkMs: number): IdVerdict {
    if (watermarkMs > this.#watermarkMs) this.#advance(watermarkMs);
    if (this.#sweepNext < this.#segmentCount) this.#table.makeRoom(this.#sweepNext++);
    if (!(timeMs >= this.#floorMs)) {
      this.#tooOldCount++;
      return "undeduplicated";
    }
    if (timeMs > this.#watermarkMs + this.#options.aheadMs) {
      this.#aheadCount++;
      return "undeduplicated";
    }
    return this.#place(hashAt, timeMs);
  }

  #place(hashAt: number, timeMs: number): IdVerdict {
    const isFar = timeMs > this.#watermarkMs + this.#nearMs;
    const nearGeneration = Math.floor(timeMs / this.#generationMs);
    const generation = isFar ? Math.floor(nearGeneration / this.#farLength) : nearGeneration;
    const place = this.#table.admit(this.#hashes, hashAt, generation, isFar);
    if (place === "found") return "duplicate";
    if (place === "altered") return "altered";
    this.#idCount++;
    if (isFar) this.#countFar(generation);
    else this.#counts[generation & (this.#counts.length - 1)]++;
    if (place === "crowded") {
      const segment = this.#table.segmentOf(this.#hashes, hashAt);
      while (!this.#table.makeRoom(segment)) this.#droppedForBytesCount += this.#dropOldest();
    }
    if (this.#idCount > this.#options.idsMax) this.#droppedForIdsCount += this.#dropOldest();
    return "fresh";
  }

  #countFar(generation: number): void {
    this.#farCounts[generation & (this.#farCounts.length - 1)]++;
    this.#farIdCount++;
    if (generation < this.#farFrom) this.#farFrom = generation;
  }

  #fields(): number[] {
    const { horizonMs, aheadMs, idsMax, bytesMax, seed } = this.#options;
    return [
      horizonMs,
      aheadMs,
      idsMax,
      bytesMax,
      seed,
      this.#watermarkMs,
      this.#floorGeneration,
      this.#sweptGeneration,
      this.#sweepNext,
      this.#tooOldCount,
      this.#aheadCount,
      this.#droppedForIdsCount,
      this.#droppedForBytesCount,
    ];
  }

  #readHead(chunk: Uint8Array): boolean {
    const reader = new StateReader(chunk);
    if (reader.byte() !== VERSION) return false;
    const fields = this.#fields().map(() => reader.float());
    if (!reader.isAtEnd) return false;
    const { horizonMs, aheadMs, idsMax, bytesMax, seed } = this.#options;
    if ([horizonMs, aheadMs, idsMax, bytesMax, seed].some((option, at) => option !== fields[at]))
      return false;
    const [watermarkMs, floorGeneration, sweptGeneration, sweepNext, ...counters] = fields.slice(5);
    if (!counters.every((counter) => Number.isSafeInteger(counter) && counter >= 0)) return false;
    [this.#tooOldCount, this.#aheadCount, this.#droppedForIdsCount, this.#droppedForBytesCount] = counters;
    if (watermarkMs === -Infinity) return floorGeneration === -Infinity;
    const least = Math.floor((watermarkMs - horizonMs) / this.#generationMs);
    const most = Math.floor((watermarkMs + aheadMs) / this.#generationMs) + this.#farLength;
    if (!isTime(watermarkMs) || !(floorGeneration >= least && floorGeneration <= most)) return false;
    if (!Number.isInteger(floorGeneration) || !(sweptGeneration <= floorGeneration)) return false;
    if (!(sweepNext >= 0 && (sweepNext === Infinity || Number.isInteger(sweepNext)))) return false;
    this.#watermarkMs = watermarkMs;
    this.#sweptGeneration = sweptGeneration;
    this.#sweepNext = sweepNext;
    this.#raiseFloor(floorGeneration);
    return true;
  }

  #readSegment(segment: number, chunk: Uint8Array): boolean {
    if (segment >= this.#segmentCount) return false;
    const isBegun = this.#watermarkMs > -Infinity;
    return (
      this.#table.decode(segment, chunk, (generationsAboveFloor, isFar) => {
        this.#idCount++;
        if (isFar) this.#countFar(this.#farFloorGeneration + generationsAboveFloor);
        else this.#counts[(this.#floorGeneration + generationsAboveFloor) & (this.#counts.length - 1)]++;
      }) &&
      (isBegun || this.#idCount === 0)
    );
  }

  #advance(watermarkMs: number): void {
    if (!isTime(watermarkMs)) return;
    this.#watermarkMs = watermarkMs;
    const floorGeneration = Math.floor((watermarkMs - this.#options.horizonMs) / this.#generationMs);
    const passedCount = floorGeneration - this.#floorGeneration;
    if (passedCount >= this.#generationsMax) this.#passAll(floorGeneration);
    else {
      for (let generation = this.#floorGeneration; generation < floorGeneration; generation++)
        this.#forget(generation);
    }
    this.#raiseFloor(Math.max(floorGeneration, this.#floorGeneration));
    if (this.#floorGeneration - this.#sweptGeneration < GENERATIONS_BETWEEN_SWEEPS) return;
    this.#sweptGeneration = this.#floorGeneration;
    this.#sweepNext = 0;
  }

  /** Every generation that there is, but for longer ones that may go on. */
  #passAll(floorGeneration: number): void {
    this.#forgetFarBefore(Math.floor(floorGeneration / this.#farLength));
    if (this.#farIdCount === 0) return this.#clear();
    this.#forgetNear();
    // Their tags leave now: by the time of the next sweep they may have repeated.
    this.#table.floorGeneration = this.#floorGeneration + this.#generationsMax;
    for (let segment = 0; segment < this.#segmentCount; segment++) this.#table.makeRoom(segment);
  }

  get #farFloorGeneration(): number {
    return Math.floor(this.#floorGeneration / this.#farLength);
  }

  #raiseFloor(floorGeneration: number): void {
    this.#floorGeneration = floorGeneration;
    this.#table.floorGeneration = floorGeneration;
    this.#table.farFloorGeneration = this.#farFloorGeneration;
    this.#forgetFarBefore(this.#farFloorGeneration);
    this.#floorMs = Math.max(
      this.#watermarkMs - this.#options.horizonMs,
      floorGeneration * this.#generationMs,
    );
  }

  #forgetFarBefore(floor: number): void {
    for (; this.#farIdCount > 0 && this.#farFrom < floor; this.#farFrom++) {
      const at = this.#farFrom & (this.#farCounts.length - 1);
      const count = this.#farCounts[at];
      // Of memory that is only read the system gives out none.
      if (count === 0) continue;
      this.#farIdCount -= count;
      this.#idCount -= count;
      this.#farCounts[at] = 0;
    }
    if (this.#farIdCount === 0) this.#farFrom = Infinity;
  }

  #forget(generation: number): void {
    const at = generation & (this.#counts.length - 1);
    this.#idCount -= this.#counts[at];
    this.#counts[at] = 0;
  }

  /** Drops the oldest generation that holds an id. Returns how many. */
  #dropOldest(): number {
    const before = this.#idCount;
    let generation = this.#floorGeneration;
    if (before === this.#farIdCount) generation = Infinity;
    else while (this.#counts[generation & (this.#counts.length - 1)] === 0) generation++;
    if (this.#farIdCount > 0)
      while (this.#farCounts[this.#farFrom & (this.#farCounts.length - 1)] === 0) this.#farFrom++;
    const farEnd = (this.#farFrom + 1) * this.#farLength;
    if (generation < farEnd) this.#forget(generation);
    this.#raiseFloor(Math.min(generation + 1, farEnd));
    return before - this.#idCount;
  }

  #clear(): void {
    this.#forgetNear();
    this.#table.clear();
  }

  #forgetNear(): void {
    if (this.#idCount > this.#farIdCount) this.#counts.fill(0);
    this.#idCount = this.#farIdCount;
  }
}

function powerOfTwoFrom(least: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(least)));
}
