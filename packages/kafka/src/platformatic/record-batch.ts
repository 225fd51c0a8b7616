import { crc32c } from "@platformatic/kafka";
import type { KafkaSentRecord } from "../kafka-producer.ts";
import { BATCH_FORMAT, BATCH_HEAD } from "./batch-head.ts";

/** The producer whose batches a broker takes once, and where in its count one of them stands. */
export interface ProducerPlace {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
}

const FIRST_BYTES = 64 * 1_024;
/** Of a record beside its key, value and headers: attributes, and six numbers of ten bytes at most. */
const OVERHEAD_BYTES_MAX = 64;
/** A UTF-16 unit as UTF-8. */
const UNIT_BYTES_MAX = 3;

/**
 * Records of one partition as Kafka's record batch (`BATCH_HEAD`), written into one buffer as they come. Of each record: length
 * varint, attributes int8, timestampDelta varlong, offsetDelta varint, key, value, headers; texts before bytes have their length
 * in front as a varint, -1 for null.
 */
export class RecordBatch {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length: number = BATCH_HEAD.records;
  #count = 0;
  #firstMs = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#length;
  }

  /** `nowMs`: its time, where it has none of its own. */
  append({ key, value, headers, timestampMs }: KafkaSentRecord, nowMs: number): void {
    const timeMs = timestampMs ?? nowMs;
    if (this.#count === 0) [this.#firstMs, this.#maxMs] = [timeMs, timeMs];
    this.#maxMs = Math.max(this.#maxMs, timeMs);
    const encodedHeaders = headers === undefined ? NO_HEADERS : encodeHeaders(headers);
    const longest = unitsOf(key) * UNIT_BYTES_MAX + unitsOf(value) * UNIT_BYTES_MAX + encodedHeaders.length;
    this.#makeRoom(longest + OVERHEAD_BYTES_MAX);
    const start = this.#length;
    // Its length goes in front, and is known behind: most have two bytes of it, and need not be moved.
    const guessed = 2;
    let at = start + guessed;
    this.#buffer[at++] = 0;
    at = this.#writeVarLong(timeMs - this.#firstMs, at);
    at = this.#writeVarLong(this.#count, at);
    at = this.#writeText(key, at);
    at = this.#writeText(value, at);
    at += encodedHeaders.copy(this.#buffer, at);
    const length = at - start - guessed;
    const needed = varLongBytes(length);
    if (needed !== guessed) this.#buffer.copyWithin(start + needed, start + guessed, at);
    this.#writeVarLong(length, start);
    this.#length = start + needed + length;
    this.#count += 1;
  }

  /** The whole batch; the same for the same place. Changes with what is appended later. */
  bytes({ producerId, producerEpoch, firstSequence }: ProducerPlace): Buffer {
    const buffer = this.#buffer.subarray(0, this.#length);
    buffer.writeBigInt64BE(0n, BATCH_HEAD.firstOffset);
    buffer.writeInt32BE(this.#length - BATCH_HEAD.lengthFrom, BATCH_HEAD.length);
    buffer.writeInt32BE(0, BATCH_HEAD.leaderEpoch);
    buffer.writeInt8(BATCH_FORMAT, BATCH_HEAD.format);
    buffer.writeInt16BE(0, BATCH_HEAD.attributes);
    buffer.writeInt32BE(this.#count - 1, BATCH_HEAD.lastOffsetDelta);
    buffer.writeBigInt64BE(BigInt(this.#firstMs), BATCH_HEAD.firstTime);
    buffer.writeBigInt64BE(BigInt(this.#maxMs), BATCH_HEAD.greatestTime);
    buffer.writeBigInt64BE(producerId, BATCH_HEAD.producerId);
    buffer.writeInt16BE(producerEpoch, BATCH_HEAD.producerEpoch);
    buffer.writeInt32BE(firstSequence, BATCH_HEAD.firstSequence);
    buffer.writeInt32BE(this.#count, BATCH_HEAD.recordCount);
    buffer.writeUInt32BE(crc32c(buffer.subarray(BATCH_HEAD.crcFrom)), BATCH_HEAD.crc);
    return buffer;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  /** Returns the place behind it. */
  #writeText(text: string | Uint8Array | null, at: number): number {
    if (text === null) return this.#writeVarLong(-1, at);
    if (typeof text !== "string") {
      const from = this.#writeVarLong(text.length, at);
      this.#buffer.set(text, from);
      return from + text.length;
    }
    const guessed = varLongBytes(text.length);
    const length = this.#buffer.write(text, at + guessed);
    const needed = varLongBytes(length);
    if (needed !== guessed) this.#buffer.copyWithin(at + needed, at + guessed, at + guessed + length);
    this.#writeVarLong(length, at);
    return at + needed + length;
  }

  #writeVarLong(value: number, at: number): number {
    return writeVarLong(this.#buffer, value, at);
  }
}

const NO_HEADERS = Buffer.from([0]);

function encodeHeaders(headers: NonNullable<KafkaSentRecord["headers"]>): Buffer {
  const parts: Buffer[] = [];
  const number = (value: number): void => {
    const bytes = Buffer.alloc(varLongBytes(value));
    writeVarLong(bytes, value, 0);
    parts.push(bytes);
  };
  const entries = Object.entries(headers);
  number(entries.length);
  for (const entry of entries)
    for (const text of entry) {
      const bytes = Buffer.from(text);
      number(bytes.length);
      parts.push(bytes);
    }
  return Buffer.concat(parts);
}

function unitsOf(text: string | Uint8Array | null): number {
  return text === null ? 0 : text.length;
}

/** Zigzag, seven bits a byte, the lowest first; of whole numbers that a double holds exactly. */
function writeVarLong(buffer: Buffer, value: number, from: number): number {
  let at = from;
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest >= 0x80) {
    buffer[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  buffer[at++] = rest;
  return at;
}

function varLongBytes(value: number): number {
  let count = 1;
  for (let rest = value < 0 ? -2 * value - 1 : 2 * value; rest >= 0x80; rest = Math.floor(rest / 0x80))
    count += 1;
  return count;
}
