// A sealed batch comes back as it was, and whatever else arrives is refused with a reason.
import { LANES } from "@millrace/stream";
import fc from "fast-check";
import { assert, expect, test } from "vitest";
import { packBody, unpackBody } from "./batch-body.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_KINDS,
  openBatch,
  peekHeader,
  restampEpoch,
  type SealedBatch,
  sealBatch,
} from "./sealed-batch.ts";

const anyBatch: fc.Arbitrary<SealedBatch> = fc
  .record({
    wireVersion: fc.constant(1),
    lane: fc.constantFrom(...LANES),
    kind: fc.constantFrom(...BATCH_KINDS),
    storeId: fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((bytes) => Buffer.from(bytes).toString("hex")),
    epoch: fc.integer({ min: 0, max: 0xffff_ffff }),
    sequence: fc.maxSafeInteger().map((value) => Math.max(1, Math.abs(value))),
    sealedAtMs: fc.maxSafeInteger(),
    readingCount: fc.maxSafeNat(),
    times: fc.tuple(fc.maxSafeInteger(), fc.maxSafeInteger()),
    body: fc.uint8Array({ maxLength: 200 }),
    isCompressed: fc.boolean(),
  })
  .map(({ times, ...batch }) => ({
    ...batch,
    startMs: Math.min(...times),
    endMs: Math.max(...times),
    bodyBytesRaw: batch.isCompressed ? batch.body.length + 7 : batch.body.length,
  }));

test("opens to what was sealed", () => {
  fc.assert(
    fc.property(anyBatch, (batch) => {
      const bytes = sealBatch(batch);
      expect(openBatch(bytes)).toEqual({ ok: true, batch });
      const { body, ...header } = batch;
      expect(peekHeader(bytes)).toEqual({ ...header, bodyBytes: body.length });
    }),
  );
});

test("a new epoch changes nothing else", () => {
  fc.assert(
    fc.property(anyBatch, fc.integer({ min: 0, max: 0xffff_ffff }), (batch, epoch) => {
      expect(restampEpoch(sealBatch(batch), epoch)).toEqual(sealBatch({ ...batch, epoch }));
    }),
  );
});

test("any changed bit, cut or addition is refused", () => {
  fc.assert(
    fc.property(anyBatch, fc.nat(), fc.integer({ min: 0, max: 7 }), (batch, position, bit) => {
      const bytes = sealBatch(batch);
      const flipped = bytes.slice();
      flipped[position % bytes.length] ^= 1 << bit;
      expect(openBatch(flipped).ok).toBe(false);
      expect(openBatch(bytes.subarray(0, position % bytes.length))).toEqual({
        ok: false,
        reason: "truncated",
      });
      expect(openBatch(Uint8Array.of(...bytes, 0))).toEqual({ ok: false, reason: "length_mismatch" });
    }),
  );
});

test("junk is refused, never thrown", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => assert(!openBatch(junk).ok)));
});

test("each refusal says why", () => {
  const batch = fc.sample(anyBatch, { numRuns: 1, seed: 1 })[0];
  const bytes = sealBatch(batch);
  const changed = (at: number, value: number) => {
    const copy = bytes.slice();
    copy[at] = value;
    return restampEpoch(copy, batch.epoch);
  };
  const reason = (copy: Uint8Array) => {
    const opened = openBatch(copy);
    return opened.ok ? "none" : opened.reason;
  };
  expect(reason(changed(0, 0))).toBe("bad_magic");
  expect(reason(changed(4, 9))).toBe("unknown_version");
  expect(reason(changed(5, 4))).toBe("unknown_lane");
  expect(reason(changed(6, 4))).toBe("unknown_kind");
  expect(reason(changed(7, 2))).toBe("unknown_flags");
  expect(reason(changed(28, 0x7f))).toBe("bad_field");
  expect(openBatch(bytes, BATCH_HEADER_BYTES - 1)).toEqual({ ok: false, reason: "oversized" });
});

test("a body is compressed only where that helps, and damage to it is a value", () => {
  const halving = {
    compress: (bytes: Uint8Array) => bytes.slice(0, bytes.length / 2),
    decompress(bytes: Uint8Array): Uint8Array {
      if (bytes[0] === 9) throw new Error("damaged");
      return Uint8Array.of(...bytes, ...bytes);
    },
  };
  const twice = Uint8Array.of(1, 2, 1, 2);
  const packed = packBody(twice, halving);
  expect(packed).toMatchObject({ isCompressed: true, bodyBytesRaw: 4 });
  expect(unpackBody(packed, halving)).toEqual({ ok: true, body: twice });
  expect(packBody(new Uint8Array(0), halving).isCompressed).toBe(false);
  expect(unpackBody({ ...packed, body: Uint8Array.of(9) }, halving)).toMatchObject({
    ok: false,
    detail: "damaged",
  });
  expect(unpackBody({ ...packed, bodyBytesRaw: 5 }, halving).ok).toBe(false);
  expect(unpackBody({ ...packed, bodyBytesRaw: 2 ** 31 }, halving)).toMatchObject({
    ok: false,
    reason: "oversized",
  });
  expect(unpackBody(packed, undefined).ok).toBe(false);
});
