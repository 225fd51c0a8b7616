import type { KafkaSpan } from "../kafka-batch.ts";
import type { KafkaHeader, KafkaRecord } from "../kafka-record.ts";
import type { FetchedBatch } from "./fetched-batch.ts";
import { partOf, VarintCursor } from "./varint-cursor.ts";

/** No record is shorter: its length and six fields. */
const RECORD_BYTES_MIN = 7;

/**
 * Records as they lie in their batches, by column: of a hundred thousand that wait there is nothing for the collector to
 * follow. What is asked for is made when it is.
 */
export class FetchedRecords {
  readonly #sources: { readonly batch: FetchedBatch; readonly body: Uint8Array }[] = [];
  #count = 0;
  #byteLength = 0;
  #offsets = new Float64Array(0);
  /** Index of its batch. */
  #sourceOf = new Uint32Array(0);
  /** Where it begins in the body, behind its length and attributes. */
  #recordAt = new Uint32Array(0);
  #valueAt = new Uint32Array(0);
  #valueLength = new Int32Array(0);

  get length(): number {
    return this.#count;
  }

  /** What they hold in memory, unpacked. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Ascending. */
  get offsets(): Float64Array {
    return this.#offsets.subarray(0, this.#count);
  }

  /** The value; null for a tombstone, undefined beyond the last. */
  at(index: number): Uint8Array | null | undefined {
    if (!(index >= 0 && index < this.#count)) return undefined;
    return partOf(this.#sources[this.#sourceOf[index]].body, this.#valueAt[index], this.#valueLength[index]);
  }

  byteLengthAt(index: number): number {
    return Math.max(0, this.#valueLength[index]);
  }

  spanAt(index: number, span: KafkaSpan): boolean {
    const length = index >= 0 && index < this.#count ? this.#valueLength[index] : -1;
    if (length < 0) return false;
    span.source = this.#sources[this.#sourceOf[index]].body;
    span.start = this.#valueAt[index];
    span.end = span.start + length;
    return true;
  }

  *records(): Iterable<KafkaRecord> {
    for (let index = 0; index < this.#count; index += 1) {
      const { batch, body } = this.#sources[this.#sourceOf[index]];
      const cursor = new VarintCursor(body, this.#recordAt[index]);
      const sinceMs = cursor.next();
      cursor.next();
      const key = cursor.part();
      const value = cursor.part();
      const timestampMs = batch.appendMs ?? batch.firstMs + sinceMs;
      yield { offset: this.#offsets[index], timestampMs, key, value, headers: headersAt(cursor) };
    }
  }

  /** Those of a batch from this offset on. Throws where it is damaged, and has none of it then. */
  append(batch: FetchedBatch, fromOffset: number): void {
    const { firstOffset, recordCount } = batch;
    const body = batch.body();
    if (!(recordCount >= 0 && recordCount <= body.length / RECORD_BYTES_MIN)) throw damaged();
    this.#makeRoom(recordCount);
    const source = this.#sources.length;
    let index = this.#count;
    const cursor = new VarintCursor(body, 0);
    for (let left = recordCount; left > 0; left -= 1) {
      const end = cursor.next() + cursor.at;
      if (!(end > cursor.at && end <= body.length)) throw damaged();
      cursor.at += 1; // attributes, all unused
      const recordAt = cursor.at;
      cursor.next();
      const offset = firstOffset + cursor.next();
      cursor.skipPart();
      const valueLength = cursor.next();
      const valueAt = cursor.at;
      cursor.at += Math.max(0, valueLength);
      if (!(cursor.at < end && endOfHeaders(cursor, end) === end)) throw damaged();
      if (offset < fromOffset) continue;
      this.#offsets[index] = offset;
      this.#sourceOf[index] = source;
      this.#recordAt[index] = recordAt;
      this.#valueAt[index] = valueAt;
      this.#valueLength[index] = valueLength;
      index += 1;
    }
    this.#sources.push({ batch, body });
    this.#byteLength += body.length;
    this.#count = index;
  }

  #makeRoom(recordCount: number): void {
    const capacity = this.#count + recordCount;
    if (capacity <= this.#offsets.length) return;
    const grown = Math.max(capacity, 2 * this.#offsets.length);
    const copied = <Column extends Float64Array | Uint32Array | Int32Array>(
      column: Column,
      own: Column,
    ): Column => {
      own.set(column);
      return own;
    };
    this.#offsets = copied(this.#offsets, new Float64Array(grown));
    this.#sourceOf = copied(this.#sourceOf, new Uint32Array(grown));
    this.#recordAt = copied(this.#recordAt, new Uint32Array(grown));
    this.#valueAt = copied(this.#valueAt, new Uint32Array(grown));
    this.#valueLength = copied(this.#valueLength, new Int32Array(grown));
  }
}

const NONE: readonly KafkaHeader[] = [];
const NOTHING = new Uint8Array(0);

function headersAt(cursor: VarintCursor): readonly KafkaHeader[] {
  const count = cursor.next();
  if (count === 0) return NONE;
  const headers: KafkaHeader[] = [];
  for (let left = count; left > 0; left -= 1)
    headers.push([Buffer.from(cursor.part() ?? NOTHING).toString(), cursor.part()]);
  return headers;
}

/** Undefined where there are not as many as there should be. */
function endOfHeaders(cursor: VarintCursor, end: number): number | undefined {
  for (let left = cursor.next(); left > 0; left -= 1) {
    if (!(cursor.at < end)) return undefined;
    cursor.skipPart();
    cursor.skipPart();
  }
  return cursor.at;
}

function damaged(): Error {
  return new Error("it is damaged: a record in it has no such length");
}
