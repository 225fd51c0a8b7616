// Records out of what one fetch brought: all of them to the bit, none of a transaction that was given up, none of damaged bytes.
import { zstdCompressSync } from "node:zlib";
import { createRecordsBatch, type MessageRecord } from "@platformatic/kafka";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AbortedTransaction } from "./fetch-api.ts";
import { batchesIn, UNPACKED_BYTES_MAX } from "./fetched-batch.ts";
import { type FetchedPiece, recordsOf as read } from "./records-of.ts";

const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const ABORT = Buffer.from([0, 0, 0, 0]);
const COMMIT = Buffer.from([0, 0, 0, 1]);

type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

interface BatchOptions {
  readonly compression?: Compression;
  readonly attributes?: number;
  readonly producerId?: bigint;
}

/** As a broker has it. */
function batch(firstOffset: number, messages: readonly Partial<MessageRecord>[], options: BatchOptions = {}) {
  const { compression = "none", attributes = 0, producerId = -1n } = options;
  const bytes = createRecordsBatch(
    messages.map((message) => ({
      topic: "orders",
      key: Buffer.alloc(0),
      value: Buffer.alloc(0),
      timestamp: 1_000n,
      ...message,
    })),
    { compression, producerId },
  ).buffer;
  bytes.writeBigInt64BE(BigInt(firstOffset), 0);
  return sealed(bytes, (own) => own.writeInt16BE(own.readInt16BE(21) | attributes, 21));
}

/** With the checksum of what `change` makes of it. */
function sealed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  change(bytes);
  bytes.writeUInt32BE(crcOf(bytes.subarray(21)), 17);
  return bytes;
}

function crcOf(bytes: Buffer): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** Where all of them can be read, and are one piece. */
function recordsOf(
  { bytes, aborted }: { readonly bytes: Buffer; readonly aborted: readonly AbortedTransaction[] },
  fromOffset: number,
): FetchedPiece {
  const { batches, unreadable } = batchesIn(bytes);
  const [piece] = read({ batches, aborted }, fromOffset);
  const bad = unreadable ?? piece.unreadable;
  if (bad !== null) throw new Error(bad.reason);
  return piece;
}

const text = (value: Uint8Array | null) => (value === null ? null : Buffer.from(value).toString());
const valuesOf = (bytes: readonly Buffer[], from = 0, aborted: readonly AbortedTransaction[] = []) =>
  [...recordsOf({ bytes: Buffer.concat(bytes), aborted }, from).records.records()].map(
    ({ offset, value }) => `${offset} ${text(value)}`,
  );
const values = (...each: string[]) => each.map((value) => ({ value: Buffer.from(value) }));

describe("recordsOf", () => {
  test("gives what was sent, to the bit, however it was compressed", () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
    const message = fc.record({
      key: bytes,
      value: bytes,
      // Further apart than 2^31 ms the client that writes them here gets them wrong.
      timestamp: fc.bigInt({ min: 1_790_000_000_000n, max: 1_791_000_000_000n }),
      headers: fc.array(
        fc.tuple(
          fc.string({ minLength: 1 }).map((name) => Buffer.from(name)),
          bytes,
        ),
        { maxLength: 3 },
      ),
    });
    const compression = fc.constantFrom("none", "gzip", "snappy", "lz4", "zstd");
    const firstOffset = fc.nat(2 ** 31 - 1);
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 30 }),
        compression,
        firstOffset,
        (messages, how, first) => {
          const sent = messages.map((each) => ({ ...each, headers: new Map(each.headers) }));
          const { records, nextOffset } = recordsOf(
            { bytes: batch(first, sent, { compression: how }), aborted: [] },
            first,
          );
          expect(nextOffset).toBe(first + messages.length);
          expect(
            [...records.records()].map(({ offset, timestampMs, key, value, headers }) => ({
              offset,
              timestamp: BigInt(timestampMs),
              key: key && Buffer.from(key),
              value: value && Buffer.from(value),
              headers: headers.map(([name, held]) => [name, held && Buffer.from(held)]),
            })),
          ).toEqual(
            sent.map((each, index) => ({
              offset: first + index,
              timestamp: each.timestamp,
              key: each.key,
              value: each.value,
              headers: [...each.headers].map(([name, held]) => [name.toString(), held]),
            })),
          );
        },
      ),
    );
  });

  test("times may lie decades apart", () => {
    const zigzag = (delta: bigint) => {
      const bytes: number[] = [];
      for (
        let rest = delta < 0n ? -2n * delta - 1n : 2n * delta;
        bytes.length === 0 || rest > 0n;
        rest >>= 7n
      )
        bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
      return bytes;
    };
    for (const deltaMs of [
      0n,
      -1n,
      63n,
      -65n,
      2n ** 31n,
      -(2n ** 31n) - 1n,
      1_790_000_000_000n,
      -1_790_000_000_000n,
    ]) {
      const record = [0, ...zigzag(deltaMs), 0, 1, 2, 0x61, 0];
      const head = batch(5, values("a")).subarray(0, 61);
      const bytes = sealed(
        Buffer.concat([head, Buffer.from([...zigzag(BigInt(record.length)), ...record])]),
        (own) => own.writeInt32BE(own.length - 12, 8),
      );
      const [{ timestampMs, value }] = recordsOf({ bytes, aborted: [] }, 5).records.records();
      expect([timestampMs, text(value)]).toEqual([1_000 + Number(deltaMs), "a"]);
    }
  });

  test("a batch that begins before the offset gives the rest of it, and one that is cut off nothing", () => {
    const cut = batch(8, values("d")).subarray(0, -1);
    const bytes = Buffer.concat([batch(5, values("a", "b", "c")), cut]);
    const { records, nextOffset } = recordsOf({ bytes, aborted: [] }, 6);
    expect([...records.records()].map(({ offset, value }) => [offset, text(value)])).toEqual([
      [6, "b"],
      [7, "c"],
    ]);
    expect(nextOffset).toBe(8);
  });

  test("where the broker sets the time, it is the batch's", () => {
    const bytes = sealed(batch(0, values("a"), { attributes: 0x08 }), (own) =>
      own.writeBigInt64BE(9_000n, 35),
    );
    expect([...recordsOf({ bytes, aborted: [] }, 0).records.records()]).toMatchObject([
      { timestampMs: 9_000 },
    ]);
  });

  test("leaves out what transactions sent that were given up: two of one producer, another between them", () => {
    const of = (producerId: bigint, attributes = TRANSACTIONAL) => ({ producerId, attributes });
    const mark = (offset: number, producerId: bigint, key: Buffer) =>
      batch(offset, [{ key }], of(producerId, TRANSACTIONAL | CONTROL));
    const bytes = [
      batch(0, values("lost"), of(7n)),
      batch(1, values("plain")),
      batch(2, values("other's"), of(8n)),
      mark(3, 7n, ABORT),
      batch(4, values("kept"), of(7n)),
      mark(5, 7n, COMMIT),
      batch(6, values("lost too"), of(7n)),
      mark(7, 7n, ABORT),
      mark(8, 8n, COMMIT),
      batch(9, values("last"), of(7n)),
    ];
    const aborted = [
      { producerId: 7n, firstOffset: 6 },
      { producerId: 7n, firstOffset: 0 },
    ];
    expect(valuesOf(bytes, 0, aborted)).toEqual(["1 plain", "2 other's", "4 kept", "9 last"]);
  });

  test("whatever byte is damaged, it says so or gives what was sent", () => {
    const good = batch(5, values("one", "two"));
    for (let at = 12; at < good.length; at += 1) {
      const bytes = Buffer.from(good);
      bytes[at] ^= 0x11;
      // The leader's epoch is not in the checksum, nor of use.
      if (at < 16) expect(valuesOf([bytes])).toEqual(["5 one", "6 two"]);
      else expect(() => valuesOf([bytes])).toThrow(/offset 5 is (damaged|of format)/);
    }
  });

  test("lengths that lead out of the batch, under a checksum that is right, are damage", () => {
    for (let at = 57; at < batch(5, values("one", "two")).length; at += 1) {
      for (const byte of [0x01, 0x7f, 0xff]) {
        const bytes = sealed(batch(5, values("one", "two")), (own) => (own[at] = byte));
        try {
          for (const { value, key, headers } of recordsOf({ bytes, aborted: [] }, 5).records.records())
            expect((value?.length ?? 0) + (key?.length ?? 0) + headers.length).toBeLessThan(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect(String(error)).toMatch(/damaged/);
        }
      }
    }
  });

  test("headers that lead out of their record, under a checksum that is right, are damage", () => {
    const headers = new Map([[Buffer.from("name"), Buffer.from("value")]]);
    const records = values("one", "two").map((record) => ({ ...record, headers }));
    const whole = batch(5, records);
    expect(valuesOf([whole])).toEqual(["5 one", "6 two"]);
    for (const nameAt of [whole.indexOf("name"), whole.lastIndexOf("name")]) {
      // Their count, the name's length, the value's length.
      for (const at of [nameAt - 2, nameAt - 1, nameAt + 4])
        for (const byte of [0x04, 0x0e, 0x7e]) {
          const bytes = sealed(batch(5, records), (own) => (own[at] = byte));
          expect(() => valuesOf([bytes])).toThrow(/offset 5 cannot be read: it is damaged/);
        }
    }
  });

  test("comes in pieces, each unpacked when it is asked for", () => {
    const bytes = [0, 2, 4, 6].map((first) =>
      batch(first, values("a".repeat(2_000), "b"), { compression: "gzip" }),
    );
    const { batches } = batchesIn(Buffer.concat(bytes));
    let unpacked = 0;
    const counted = batches.map((each) => ({ ...each, body: () => ((unpacked += 1), each.body()) }));
    const pieces = read({ batches: counted, aborted: [] }, 1, 3_000);
    const of = (piece: FetchedPiece | void) => piece && [[...piece.records.offsets], piece.nextOffset];
    expect(of(pieces.next().value)).toEqual([[1, 2, 3], 4]);
    expect(unpacked).toBe(2);
    expect(of(pieces.next().value)).toEqual([[4, 5, 6, 7], 8]);
    expect(pieces.next().done).toBe(true);
  });

  test("a batch that was packed from too much is not read, those before it are", () => {
    const bomb = zstdCompressSync(Buffer.alloc(UNPACKED_BYTES_MAX + 1));
    const head = batch(1, values("b")).subarray(0, 61);
    const packed = sealed(Buffer.concat([head, bomb]), (own) => {
      own.writeInt32BE(own.length - 12, 8);
      own.writeInt16BE(4, 21);
    });
    const { batches } = batchesIn(Buffer.concat([batch(0, values("a")), packed, batch(2, values("c"))]));
    const [{ records, nextOffset, unreadable }] = read({ batches, aborted: [] }, 0);
    expect([[...records.offsets], nextOffset]).toEqual([[0], 1]);
    expect(unreadable).toMatchObject({ firstOffset: 1, nextOffset: 2 });
    expect(unreadable?.reason).toBe("the batch at offset 1 cannot be read: it unpacks to more than 64 MiB");
  });
});
