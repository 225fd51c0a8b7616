// One context for all bodies: each comes out as Node unpacks it, whatever came before it; what is damaged spoils no other.
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ZstdUnpacker } from "./zstd-unpacker.ts";
import { zstdContentBytes } from "./zstd-frame.ts";

const NONE = 1 << 20;

test("this Node has the handle that it is made of", () => {
  const raw = new TextEncoder().encode("press-1 21.5 ".repeat(100));
  expect(new ZstdUnpacker().unpack(zstdCompressSync(raw), raw.length)).toEqual(raw);
});

test("frame after frame of every size, as Node unpacks them; what was handed out stays as it is", () => {
  const context = new ZstdUnpacker();
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc
      .tuple(fc.integer({ min: 1, max: 200_000 }), fc.nat(255))
      .map(([size, byte]) => new Uint8Array(size).fill(byte)),
    fc
      .integer({ min: 1, max: 200_000 })
      .map((size) => Uint8Array.from({ length: size }, (_, at) => (at * at) >> 3)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(bytes, fc.boolean()), { maxLength: 20 }), (raws) => {
      const unpacked = raws.map(([raw, hasChecksum]) => {
        const params = { [constants.ZSTD_c_checksumFlag]: hasChecksum ? 1 : 0 };
        const frame = zstdCompressSync(raw, { params });
        expect(zstdContentBytes(frame)).toBe(raw.length);
        expect(context.unpack(frame, raw.length - 1)).toBeNull();
        return context.unpack(frame, raw.length);
      });
      for (const [at, [raw]] of raws.entries())
        expect(Buffer.compare(unpacked[at] ?? raw.subarray(1), raw)).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test("a damaged frame is null or what Node makes of it, and the next is unpacked whole", () => {
  const context = new ZstdUnpacker();
  const raw = Uint8Array.from({ length: 3_000 }, (_, at) => (at * at) >> 5);
  const sound = zstdCompressSync(raw);
  const damaged = fc.oneof(
    fc.nat(sound.length - 1).map((length) => sound.subarray(0, length)),
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.nat(sound.length - 1), fc.nat(255)).map(([at, byte]) => {
      const changed = Uint8Array.from(sound);
      changed[at] = byte;
      return changed;
    }),
    fc.constant(Buffer.concat([sound, sound])),
  );
  fc.assert(
    fc.property(damaged, (frame) => {
      const unpacked = context.unpack(frame, NONE);
      if (unpacked !== null) expect(Buffer.compare(unpacked, zstdDecompressSync(frame))).toBe(0);
      expect(Buffer.compare(context.unpack(sound, NONE) ?? sound, raw)).toBe(0);
    }),
    { numRuns: 2_000 },
  );
});
