import { assert } from "../assert.ts";
import type { Sketch, SketchInput, SketchKind } from "../sketch.ts";
import { InputHash } from "./input-hash.ts";
import { estimateOf, registerMax, standardError, tellRegisters } from "./distinct/registers.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

/** How much a `distinct` keeps. */
export interface DistinctSize {
  readonly name: "distinct" | "distinctMany";
  /** Up to so many different inputs their number is exact. */
  readonly exactMax: number;
  /** Then there are 2^indexBits registers; from 12 on, a multiple of 4. */
  readonly indexBits: number;
}

export const DISTINCT: DistinctSize = { name: "distinct", exactMax: 64, indexBits: 12 };
export const DISTINCT_MANY: DistinctSize = { name: "distinctMany", exactMax: 16_384, indexBits: 14 };

const EXACT = 1;
const SPARSE = 2;
const DENSE = 3;

const hash = new InputHash();

/**
 * How many different inputs. Up to `exactMax` (64, or 16,384) it keeps their 64-bit hashes, and the number is exact (but that two of
 * them might have the same hash: once in 10^16). Above, HyperLogLog with 4,096 registers (16,384): a standard error of 1.6 %
 * (0.8 %). Merging is associative and commutative to the bit, in whatever order. Of numbers, -0 is 0; the number 1 and the
 * text "1" are different.
 */
export class Distinct implements Sketch {
  readonly name: DistinctSize["name"];
  readonly #size: DistinctSize;
  /** Up to `exactMax` hashes, ascending, two words each; no longer kept once there are registers. */
  #hashes = new Uint32Array(8);
  #hashCount = 0;
  #registers: Uint8Array | undefined;

  constructor(size = DISTINCT) {
    this.name = size.name;
    this.#size = size;
  }

  add(input: SketchInput): void {
    assert(typeof input === "string" || Number.isFinite(input), "a sketch is told texts and finite numbers");
    hash.take(input);
    this.#addHash(hash.high, hash.low);
  }

  merge(from: Sketch): void {
    assert(from instanceof Distinct && from.name === this.name, "distinct merges with its own kind");
    if (from.#registers === undefined) {
      if (this.#registers === undefined) this.#mergeHashes(from.#hashes, from.#hashCount);
      else this.#tellAll(from.#hashes, from.#hashCount);
      return;
    }
    const registers = this.#toRegisters();
    for (let index = 0; index < registers.length; index++)
      if (from.#registers[index] > registers[index]) registers[index] = from.#registers[index];
  }

  copy(): Distinct {
    const copy = new Distinct(this.#size);
    copy.#hashes = this.#hashes.slice();
    copy.#hashCount = this.#hashCount;
    copy.#registers = this.#registers?.slice();
    return copy;
  }

  /** `distinctError`: the standard error of an estimate; 0 where the number is exact. */
  results(): Readonly<Record<string, number>> {
    const { exactMax, indexBits } = this.#size;
    if (this.#registers === undefined)
      return this.#hashCount === 0 ? {} : { distinct: this.#hashCount, distinctError: 0 };
    const estimate = Math.min(Math.round(estimateOf(this.#registers, indexBits)), Number.MAX_SAFE_INTEGER);
    const distinct = Math.max(exactMax + 1, estimate);
    return { distinct, distinctError: distinct * standardError(indexBits) };
  }

  /**
   *   u8     1, exact
   *   count  different inputs, at most exactMax
   *   (u32 high, u32 low)  × them: their hashes, ascending
   *
   * or, where that is shorter than the last form,
   *   u8     2, sparse
   *   count  registers that are not 0
   *   count  × them: 64 × (registers skipped since the last one) + register
   *
   * or
   *   u8     3, dense
   *   u8     × 3,072 (12,288): 4,096 (16,384) registers of six bits, four in three bytes, the first in the lowest bits
   */
  encode(): Uint8Array {
    if (this.#registers === undefined) return this.#encodeExact();
    const sparse = encodeSparse(this.#registers);
    return sparse.length <= denseBytes(this.#registers.length) ? sparse : encodeDense(this.#registers);
  }

  static decode(bytes: Uint8Array, size = DISTINCT): Distinct | undefined {
    const reader = new StateReader(bytes);
    const distinct = new Distinct(size);
    const form = reader.byte();
    if (form === EXACT) distinct.#readExact(reader);
    else if (form === SPARSE || form === DENSE) {
      const count = 2 ** size.indexBits;
      const registers = form === SPARSE ? readSparse(reader, count) : readDense(reader, count);
      const isSparse = encodeSparse(registers).length <= denseBytes(count);
      const max = registerMax(size.indexBits);
      reader.require(isSparse === (form === SPARSE) && registers.every((one) => one <= max));
      distinct.#registers = registers;
    } else return undefined;
    return reader.isWhole ? distinct : undefined;
  }

  #addHash(high: number, low: number): void {
    const { exactMax, indexBits } = this.#size;
    if (this.#registers !== undefined) return tellRegisters(this.#registers, indexBits, high, low);
    const hashes = this.#hashes;
    let from = 0;
    let to = this.#hashCount;
    while (from < to) {
      const middle = (from + to) >> 1;
      const isBelow =
        hashes[2 * middle] < high || (hashes[2 * middle] === high && hashes[2 * middle + 1] < low);
      if (isBelow) from = middle + 1;
      else to = middle;
    }
    const at = 2 * from;
    const end = 2 * this.#hashCount;
    if (at < end && hashes[at] === high && hashes[at + 1] === low) return;
    if (this.#hashCount === exactMax) return tellRegisters(this.#toRegisters(), indexBits, high, low);
    if (end === hashes.length) {
      this.#hashes = new Uint32Array(2 * end);
      this.#hashes.set(hashes);
    }
    this.#hashes.copyWithin(at + 2, at, end);
    this.#hashes[at] = high;
    this.#hashes[at + 1] = low;
    this.#hashCount++;
  }

  /** Both lists are ascending: one walk through the two. */
  #mergeHashes(others: Uint32Array, otherCount: number): void {
    if (otherCount === 0) return;
    const own = this.#hashes;
    const [ownEnd, otherEnd] = [2 * this.#hashCount, 2 * otherCount];
    const merged = new Uint32Array(ownEnd + otherEnd);
    let at = 0;
    let otherAt = 0;
    let to = 0;
    while (at < ownEnd || otherAt < otherEnd) {
      const order =
        at === ownEnd
          ? 1
          : otherAt === otherEnd
            ? -1
            : own[at] - others[otherAt] || own[at + 1] - others[otherAt + 1];
      const [from, fromAt] = order <= 0 ? [own, at] : [others, otherAt];
      merged[to] = from[fromAt];
      merged[to + 1] = from[fromAt + 1];
      to += 2;
      if (order <= 0) at += 2;
      if (order >= 0) otherAt += 2;
    }
    this.#hashes = merged;
    this.#hashCount = to / 2;
    if (this.#hashCount > this.#size.exactMax) this.#toRegisters();
  }

  #tellAll(hashes: Uint32Array, count: number): void {
    const registers = this.#toRegisters();
    for (let at = 0; at < 2 * count; at += 2)
      tellRegisters(registers, this.#size.indexBits, hashes[at], hashes[at + 1]);
  }

  #toRegisters(): Uint8Array {
    if (this.#registers !== undefined) return this.#registers;
    const [hashes, count] = [this.#hashes, this.#hashCount];
    const registers = new Uint8Array(2 ** this.#size.indexBits);
    this.#registers = registers;
    this.#hashes = new Uint32Array(0);
    this.#hashCount = 0;
    this.#tellAll(hashes, count);
    return registers;
  }

  #encodeExact(): Uint8Array {
    const writer = new StateWriter();
    writer.byte(EXACT);
    writer.count(this.#hashCount);
    for (const word of this.#hashes.subarray(0, 2 * this.#hashCount)) writer.word(word);
    return writer.bytes();
  }

  #readExact(reader: StateReader): void {
    const count = reader.count(this.#size.exactMax);
    for (let index = 0; index < count; index++) {
      const high = reader.word();
      const low = reader.word();
      const at = 2 * this.#hashCount;
      const isAscending =
        at === 0 ||
        this.#hashes[at - 2] < high ||
        (this.#hashes[at - 2] === high && this.#hashes[at - 1] < low);
      reader.require(isAscending);
      this.#addHash(high, low);
    }
  }
}

/** Six bits a register. */
function denseBytes(registerCount: number): number {
  return (registerCount * 6) / 8;
}

function encodeSparse(registers: Uint8Array): Uint8Array {
  const writer = new StateWriter();
  writer.byte(SPARSE);
  writer.count(registers.reduce((count, register) => count + (register > 0 ? 1 : 0), 0));
  let next = 0;
  for (let index = 0; index < registers.length; index++) {
    if (registers[index] === 0) continue;
    writer.count(64 * (index - next) + registers[index]);
    next = index + 1;
  }
  return writer.bytes();
}

function readSparse(reader: StateReader, registerCount: number): Uint8Array {
  const registers = new Uint8Array(registerCount);
  const count = reader.count(registerCount);
  reader.require(count > 0);
  let next = 0;
  for (let left = count; left > 0; left--) {
    const word = reader.count(64 * registerCount);
    const index = next + Math.floor(word / 64);
    reader.require(word % 64 > 0 && index < registerCount);
    if (index < registerCount) registers[index] = word % 64;
    next = index + 1;
  }
  return registers;
}

function encodeDense(registers: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + denseBytes(registers.length));
  bytes[0] = DENSE;
  for (let index = 0, at = 1; index < registers.length; index += 4, at += 3) {
    const four =
      registers[index] |
      (registers[index + 1] << 6) |
      (registers[index + 2] << 12) |
      (registers[index + 3] << 18);
    bytes[at] = four;
    bytes[at + 1] = four >>> 8;
    bytes[at + 2] = four >>> 16;
  }
  return bytes;
}

function readDense(reader: StateReader, registerCount: number): Uint8Array {
  const registers = new Uint8Array(registerCount);
  const bytes = reader.block(denseBytes(registerCount));
  for (let index = 0, at = 0; at < bytes.length; index += 4, at += 3) {
    const four = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
    for (let one = 0; one < 4; one++) registers[index + one] = (four >>> (6 * one)) & 63;
  }
  return registers;
}

export const distinctKind: SketchKind = {
  name: "distinct",
  id: 9,
  results: ["distinct", "distinctError"],
  create: () => new Distinct(),
  decode: (bytes) => Distinct.decode(bytes),
};

/** For streams of many: users, vehicles, accounts. */
export const distinctManyKind: SketchKind = {
  name: "distinctMany",
  id: 18,
  results: ["distinct", "distinctError"],
  create: () => new Distinct(DISTINCT_MANY),
  decode: (bytes) => Distinct.decode(bytes, DISTINCT_MANY),
};
