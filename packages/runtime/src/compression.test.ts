// Compression: what goes in comes out; damaged and oversized input throws instead of filling the memory.
import { expect, test } from "vitest";
import { zstdCompression } from "./compression.ts";

const raw = new TextEncoder().encode("press-1 21.5 ".repeat(1000));

test("round trip, and smaller in between", () => {
  const packed = zstdCompression.compress(raw);
  expect(packed.length).toBeLessThan(raw.length / 10);
  expect(new Uint8Array(zstdCompression.decompress(packed, raw.length))).toEqual(raw);
  expect(zstdCompression.decompress(zstdCompression.compress(new Uint8Array()), 0).length).toBe(0);
});

test("refuses to unpack more than the bound", () => {
  expect(() => zstdCompression.decompress(zstdCompression.compress(raw), raw.length - 1)).toThrow();
});

test("refuses damaged bytes", () => {
  expect(() => zstdCompression.decompress(raw, 1 << 20)).toThrow();
  expect(() => zstdCompression.decompress(zstdCompression.compress(raw).subarray(0, 12), 1 << 20)).toThrow();
});
