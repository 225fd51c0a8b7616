import { assert } from "../assert.ts";
import type { Sketch, SketchInput, SketchKind } from "../sketch.ts";
import { InputHash } from "./input-hash.ts";
import { estimateOf, REGISTER_MAX, REGISTERS, tellRegisters } from "./distinct/registers.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

/** Up to so many different inputs their number is exact. */
export const EXACT_MAX = 64;

const EXACT = 1;
const SPARSE = 2;
const DENSE = 3;
/** Six bits a register. */
const DENSE_BYTES = (REGISTERS * 6) / 8;

const hash = new InputHash();

/**
 * How many different inputs. Up to 64 it keeps their 64-bit hashes, and the number is exact (but that two of them might have the same
 * hash: once in 10^16). Above, HyperLogLog with 4,096 registers: a standard error of 1.6 %. Merging is associative and commutative to
 * the bit, in whatever order. Of numbers, -0 is 0; the number 1 and the text "1" are different.
 */
export class Distinct implements Sketch {
  readonly name = "distinct";
  /** Up to EXACT_MAX hashes, ascending, two words each; no longer kept once there are registers. */
  #hashes = new Uint32Array(8);
  #hashCount = 0;
  #registers: Uint8Array | undefined;

  add(input: SketchInput): void {
    assert(typeof input === "string" || Number.isFinite(input), "a sketch is told texts and finite numbers");
    hash.take(input);
    this.#addHash(hash.high, hash.low);
  }

  merge(from: Sketch): void {
    assert(from instanceof Distinct, "distinct merges with distinct");
    if (from.#registers === undefined) {
      const hashes = from.#hashes;
      const count = from.#hashCount;
      for (let at = 0; at < 2 * count; at += 2) this.#addHash(hashes[at], hashes[at + 1]);
      return;
    }
    const registers = this.#toRegisters();
    for (let index = 0; index < REGISTERS; index++)
      if (from.#registers[index] > registers[index]) registers[index] = from.#registers[index];
  }

  copy(): Distinct {
    const copy = new Distinct();
    copy.#hashes = this.#hashes.slice();
    copy.#hashCount = this.#hashCount;
    copy.#registers = this.#registers?.slice();
    return copy;
  }

  results(): Readonly<Record<string, number>> {
    if (this.#registers !== undefined) {
      const estimate = Math.min(Math.round(estimateOf(this.#registers)), Number.MAX_SAFE_INTEGER);
      return { distinct: Math.max(EXACT_MAX + 1, estimate) };
    }
    return this.#hashCount === 0 ? {} : { distinct: this.#hashCount };
  }

  /**
   *   u8     1, exact
   *   count  different inputs, at most 64
   *   (u32 high, u32 low)  × them: their hashes, ascending
   *
   * or, where that is shorter than the last form,
   *   u8     2, sparse
   *   count  registers that are not 0
   *   count  × them: 64 × (registers skipped since the last one) + register
   *
   * or
   *   u8     3, dense
   *   u8     × 3,072: 4,096 registers of six bits, four in three bytes, the first in the lowest bits
   */
  encode(): Uint8Array {
    if (this.#registers === undefined) return this.#encodeExact();
    const sparse = encodeSparse(this.#registers);
    return sparse.length <= DENSE_BYTES ? sparse : encodeDense(this.#registers);
  }

  static decode(bytes: Uint8Array): Distinct | undefined {
    const reader = new StateReader(bytes);
    const distinct = new Distinct();
    const form = reader.byte();
    if (form === EXACT) distinct.#readExact(reader);
    else if (form === SPARSE || form === DENSE) {
      const registers = form === SPARSE ? readSparse(reader) : readDense(reader);
      const isSparse = encodeSparse(registers).length <= DENSE_BYTES;
      reader.require(isSparse === (form === SPARSE) && registers.every((one) => one <= REGISTER_MAX));
      distinct.#registers = registers;
    } else return undefined;
    return reader.isWhole ? distinct : undefined;
  }

  #addHash(high: number, low: number): void {
    if (this.#registers !== undefined) return tellRegisters(this.#registers, high, low);
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
    if (this.#hashCount === EXACT_MAX) return tellRegisters(this.#toRegisters(), high, low);
    if (end === hashes.length) {
      this.#hashes = new Uint32Array(2 * end);
      this.#hashes.set(hashes);
    }
    this.#hashes.copyWithin(at + 2, at, end);
    this.#hashes[at] = high;
    this.#hashes[at + 1] = low;
    this.#hashCount++;
  }

  #toRegisters(): Uint8Array {
    if (this.#registers !== undefined) return this.#registers;
    const registers = new Uint8Array(REGISTERS);
    for (let at = 0; at < 2 * this.#hashCount; at += 2)
      tellRegisters(registers, this.#hashes[at], this.#hashes[at + 1]);
    this.#registers = registers;
    this.#hashes = new Uint32Array(0);
    this.#hashCount = 0;
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
    const count = reader.count(EXACT_MAX);
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

function encodeSparse(registers: Uint8Array): Uint8Array {
  const writer = new StateWriter();
  writer.byte(SPARSE);
  writer.count(registers.reduce((count, register) => count + (register > 0 ? 1 : 0), 0));
  let next = 0;
  for (let index = 0; index < REGISTERS; index++) {
    if (registers[index] === 0) continue;
    writer.count(64 * (index - next) + registers[index]);
    next = index + 1;
  }
  return writer.bytes();
}

function readSparse(reader: StateReader): Uint8Array {
  const registers = new Uint8Array(REGISTERS);
  const count = reader.count(REGISTERS);
  reader.require(count > 0);
  let next = 0;
  for (let left = count; left > 0; left--) {
    const word = reader.count(64 * REGISTERS);
    const index = next + Math.floor(word / 64);
    reader.require(word % 64 > 0 && index < REGISTERS);
    if (index < REGISTERS) registers[index] = word % 64;
    next = index + 1;
  }
  return registers;
}

function encodeDense(registers: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + DENSE_BYTES);
  bytes[0] = DENSE;
  for (let index = 0, at = 1; index < REGISTERS; index += 4, at += 3) {
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

function readDense(reader: StateReader): Uint8Array {
  const registers = new Uint8Array(REGISTERS);
  const bytes = reader.block(DENSE_BYTES);
  for (let index = 0, at = 0; at < bytes.length; index += 4, at += 3) {
    const four = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
    for (let one = 0; one < 4; one++) registers[index + one] = (four >>> (6 * one)) & 63;
  }
  return registers;
}

export const distinctKind: SketchKind = {
  name: "distinct",
  id: 9,
  results: ["distinct"],
  create: () => new Distinct(),
  decode: Distinct.decode,
};
