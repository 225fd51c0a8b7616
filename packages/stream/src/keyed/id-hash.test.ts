// The hash is MurmurHash3_x86_128 to the bit, and tells texts and numbers apart.
import fc from "fast-check";
import { expect, test } from "vitest";
import { hashId, hashIdBytes, NUMBER_ID_SEED, type RecordId } from "./id-hash.ts";

/** As published, byte by byte. */
function reference(bytes: Uint8Array, seed: number): string {
  const mask = 0xffff_ffffn;
  const c = [0x239b961bn, 0xab0e9789n, 0x38b34ae5n, 0xa1e38b93n];
  const turns = [15n, 16n, 17n, 18n];
  const rotate = (word: bigint, bits: bigint) => ((word << bits) | (word >> (32n - bits))) & mask;
  const mix = (word: bigint, lane: number) =>
    (rotate((word * c[lane]) & mask, turns[lane]) * c[(lane + 1) % 4]) & mask;
  const h = [0, 1, 2, 3].map(() => BigInt(seed >>> 0));
  const after: readonly (readonly [bigint, number, bigint])[] = [
    [19n, 1, 0x561ccd1bn],
    [17n, 2, 0x0bcaa747n],
    [15n, 3, 0x96cd1c35n],
    [13n, 0, 0x32ac3b17n],
  ];
  const wordAt = (at: number) =>
    [0, 1, 2, 3].reduce((word, index) => word | (BigInt(bytes[at + index] ?? 0) << BigInt(8 * index)), 0n);
  const blocks = Math.floor(bytes.length / 16);
  for (let block = 0; block < blocks; block += 1) {
    for (let lane = 0; lane < 4; lane += 1) {
      const [bits, next, plus] = after[lane];
      h[lane] ^= mix(wordAt(block * 16 + lane * 4), lane);
      h[lane] = (((rotate(h[lane], bits) + h[next]) & mask) * 5n + plus) & mask;
    }
  }
  for (let lane = 0; lane < 4; lane += 1)
    h[lane] ^= mix(wordAt(blocks * 16 + lane * 4), lane) ^ BigInt(bytes.length);
  const fold = () => {
    h[0] = (h[0] + h[1] + h[2] + h[3]) & mask;
    for (let lane = 1; lane < 4; lane += 1) h[lane] = (h[lane] + h[0]) & mask;
  };
  fold();
  for (let lane = 0; lane < 4; lane += 1) {
    h[lane] = ((h[lane] ^ (h[lane] >> 16n)) * 0x85ebca6bn) & mask;
    h[lane] = ((h[lane] ^ (h[lane] >> 13n)) * 0xc2b2ae35n) & mask;
    h[lane] ^= h[lane] >> 16n;
  }
  fold();
  return h.map((word) => word.toString(16).padStart(8, "0")).join("");
}

function hashOf(id: RecordId, seed = 0): string {
  const hash = new Int32Array(6);
  hashId(id, seed, hash, 1);
  return Array.from(hash.subarray(1, 5), (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

test("the reference gives a published value", () => {
  const text = "The quick brown fox jumps over the lazy dog";
  expect(reference(new TextEncoder().encode(text), 0)).toBe("2f1583c3ecee2c675d7bf66ce5e91d2c");
});

test("a text hashes as the reference hashes its UTF-16LE bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.integer(), (text, seed) => {
      expect(hashOf(text, seed)).toBe(reference(Buffer.from(text, "utf16le"), seed));
    }),
  );
});

test("a number is not its text, 0 and -0 are one, so is NaN", () => {
  const hashes = [7, "7", 0, "0", "", 1e300, NaN, "NaN", Infinity, -7].map((id) => hashOf(id));
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(hashOf(-0)).toBe(hashOf(0));
  expect(hashOf(NaN)).toBe(hashOf(Number("x")));
});

test("bytes hash as the reference hashes them, wherever they stand; digits of a number apart from the same text", () => {
  const hashed = (bytes: Uint8Array, start: number, end: number, seed: number) => {
    const hash = new Int32Array(5);
    hashIdBytes(bytes, start, end, seed, hash, 1);
    return Array.from(hash.subarray(1), (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  };
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(10),
      fc.nat(10),
      fc.integer(),
      (bytes, a, b, seed) => {
        const start = Math.min(a, bytes.length);
        const end = Math.max(start, bytes.length - b);
        expect(hashed(bytes, start, end, seed)).toBe(reference(bytes.slice(start, end), seed));
      },
    ),
  );
  const digits = new TextEncoder().encode("1234");
  expect(hashed(digits, 0, 4, 0)).not.toBe(hashed(digits, 0, 4, NUMBER_ID_SEED));
});
