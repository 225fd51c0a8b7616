import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import { BloomFilter, type BloomFilterOptions } from "./bloom-filter.ts";
import type { RecordId } from "./id-hash.ts";
import { isTime } from "./is-time.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

export interface ExpiringBloomFilterOptions {
  /** How long an id is remembered, from its own event time. */
  readonly horizonMs: number;
  /** Ids in a horizon, coming evenly. */
  readonly capacity: number;
  /** Share of false positives at capacity, all generations together. */
  readonly falsePositiveShare: number;
  /** Of the hash. */
  readonly seed?: number;
}

/** Generations in a horizon. */
const GENERATIONS = 4;
/** One that has partly expired, those of the horizon, and one ahead of the watermark. */
const GENERATIONS_MAX = GENERATIONS + 2;
const VERSION = 1;

/**
 * A `BloomFilter` with a time to live: one filter for each quarter of the horizon, dropped whole. It may remember an id for a quarter
 * longer, never shorter. Six filters at most, each with a sixth of the share of false positives.
 */
export class ExpiringBloomFilter {
  readonly #generationMs: number;
  readonly #horizonMs: number;
  readonly #filterOptions: BloomFilterOptions;
  readonly #filters = new Map<number, BloomFilter>();
  #watermarkMs = -Infinity;
  #tooOldCount = 0;
  #aheadCount = 0;

  constructor({ horizonMs, capacity, falsePositiveShare, seed = 0 }: ExpiringBloomFilterOptions) {
    assert(horizonMs >= 1 && horizonMs <= 1e12, "1 ≤ horizonMs ≤ 1e12");
    this.#horizonMs = horizonMs;
    this.#generationMs = Math.ceil(horizonMs / GENERATIONS);
    this.#filterOptions = {
      capacity: Math.ceil(capacity / GENERATIONS),
      falsePositiveShare: falsePositiveShare / GENERATIONS_MAX,
      seed,
    };
  }

  get bytes(): number {
    return [...this.#filters.values()].reduce((sum, filter) => sum + filter.bytes, 0);
  }

  /** Ids not taken because they were older than the horizon, or came before a watermark. */
  get tooOldCount(): number {
    return this.#tooOldCount;
  }

  /** Ids not taken because they lay more than a quarter of the horizon ahead of the watermark. */
  get aheadCount(): number {
    return this.#aheadCount;
  }

  /** Ids beyond the capacity of the living generations, which give more false positives than were asked for. */
  get overCapacityCount(): number {
    return [...this.#filters.values()].reduce((sum, filter) => sum + filter.overCapacityCount, 0);
  }

  /** False if it was not taken: then `mayHave` may deny it. A watermark that goes back is ignored. */
  add(id: RecordId, timeMs: EventTimeMs, watermarkMs: EventTimeMs): boolean {
    this.#advance(watermarkMs);
    if (!(timeMs >= this.#watermarkMs - this.#horizonMs) || this.#watermarkMs === -Infinity) {
      this.#tooOldCount++;
      return false;
    }
    const generation = Math.floor(timeMs / this.#generationMs);
    if (generation >= this.#floorGeneration + GENERATIONS_MAX) {
      this.#aheadCount++;
      return false;
    }
    let filter = this.#filters.get(generation);
    if (filter === undefined) {
      filter = new BloomFilter(this.#filterOptions);
      this.#filters.set(generation, filter);
    }
    filter.add(id);
    return true;
  }

  /** False: it was not taken within the horizon. */
  mayHave(id: RecordId): boolean {
    for (const filter of this.#filters.values()) if (filter.mayHave(id)) return true;
    return false;
  }

  /** First chunk: u8 version, f64 each: watermark, too old, ahead, filters. Then a chunk for each filter: f64 generation, the filter. */
  *encode(): Generator<Uint8Array, void> {
    const writer = new StateWriter();
    writer.byte(VERSION);
    for (const field of [this.#watermarkMs, this.#tooOldCount, this.#aheadCount, this.#filters.size])
      writer.float(field);
    yield writer.take();
    for (const [generation, filter] of this.#filters) {
      writer.float(generation);
      writer.bytes(filter.encode());
      yield writer.take();
    }
  }

  /** Never throws: undefined on chunks that `encode` does not write with these options. */
  static decode(
    chunks: Iterable<Uint8Array>,
    options: ExpiringBloomFilterOptions,
  ): ExpiringBloomFilter | undefined {
    const filter = new ExpiringBloomFilter(options);
    let leftCount: number | undefined;
    for (const chunk of chunks) {
      const reader = new StateReader(chunk);
      if (leftCount === undefined) {
        if (reader.byte() !== VERSION) return undefined;
        leftCount = filter.#readHead(reader);
      } else {
        if (!filter.#readGeneration(reader)) return undefined;
        leftCount--;
      }
    }
    return leftCount === 0 ? filter : undefined;
  }

  get #floorGeneration(): number {
    return Math.floor((this.#watermarkMs - this.#horizonMs) / this.#generationMs);
  }

  #advance(watermarkMs: number): void {
    if (!(watermarkMs > this.#watermarkMs) || !isTime(watermarkMs)) return;
    this.#watermarkMs = watermarkMs;
    for (const generation of this.#filters.keys())
      if (generation < this.#floorGeneration) this.#filters.delete(generation);
  }

  #readHead(reader: StateReader): number {
    this.#watermarkMs = reader.float();
    this.#tooOldCount = reader.float();
    this.#aheadCount = reader.float();
    const filterCount = reader.float();
    const isWatermark = this.#watermarkMs === -Infinity || isTime(this.#watermarkMs);
    const counts = [this.#tooOldCount, this.#aheadCount, filterCount];
    const isRight =
      reader.isAtEnd && isWatermark && counts.every((count) => Number.isSafeInteger(count) && count >= 0);
    return isRight ? filterCount : NaN;
  }

  #readGeneration(reader: StateReader): boolean {
    const generation = reader.float();
    const above = generation - this.#floorGeneration;
    if (!Number.isInteger(generation) || !(above >= 0 && above < GENERATIONS_MAX)) return false;
    const filter = BloomFilter.decode(reader.rest(), this.#filterOptions);
    if (filter === undefined || this.#filters.has(generation)) return false;
    this.#filters.set(generation, filter);
    return true;
  }
}
