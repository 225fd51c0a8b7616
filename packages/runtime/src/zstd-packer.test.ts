// One context for all bodies: each is packed as Node packs it alone, whatever came before it.
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { zstdContentBytes } from "./zstd-frame.ts";
import { ZSTD_LEVEL, ZstdPacker } from "./zstd-packer.ts";

const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };

test("this Node has the handle that it is made of", () => {
  const raw = new TextEncoder().encode("press-1 21.5 ".repeat(100));
  expect(new ZstdPacker().pack(raw)).toEqual(new Uint8Array(zstdCompressSync(raw, { params })));
});

test("body after body of every size, as Node packs them; what was handed out stays as it is", () => {
  const packer = new ZstdPacker();
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.integer({ min: 1, max: 200_000 }), fc.nat(255))
      .map(([size, byte]) => new Uint8Array(size).fill(byte)),
    fc
      .tuple(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 0, max: 9 }))
      .map(([size, shift]) => Uint8Array.from({ length: size }, (_, at) => (at * at) >> shift)),
    // Nothing in it repeats: packed it is greater than before.
    fc.integer({ min: 1, max: 200_000 }).map((size) => noise(size)),
  );
  fc.assert(
    fc.property(fc.array(body, { maxLength: 20 }), (raws) => {
      const packed = raws.map((raw) => packer.pack(raw) ?? new Uint8Array());
      for (const [at, raw] of raws.entries()) {
        expect(Buffer.compare(packed[at], zstdCompressSync(raw, { params }))).toBe(0);
        expect(Buffer.compare(zstdDecompressSync(packed[at]), raw)).toBe(0);
        if (raw.length > 0) expect(zstdContentBytes(packed[at])).toBe(raw.length);
      }
    }),
    { numRuns: 50 },
  );
});

test("a great body is left to Node", () => {
  expect(new ZstdPacker().pack(new Uint8Array(256 * 1024 + 1))).toBeNull();
});

/** Bytes without a pattern. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = 0x2545_f491 ^ size;
  for (let at = 0; at < size; at += 1) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 0x9e37_79b9;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
