/** The id of a record: a text (any UTF-16) or a number. `7` and `"7"` are two ids; `0` and `-0` are one. */
export type RecordId = string | number;

const C1 = 0x239b961b;
const C2 = 0xab0e9789 | 0;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93 | 0;
/** Sets numbers apart from texts of the same bytes. */
const NUMBER_SEED = 0x9e3779b9 | 0;

const number = new Float64Array(1);
const numberWords = new Int32Array(number.buffer);

/**
 * MurmurHash3_x86_128 (Austin Appleby, public domain) of the id, into the four words of `hash` from `at` on: of a text's UTF-16LE bytes,
 * of a number's float64. Ids that nobody chose for it collide with a probability of 2^-128 a pair. Not a cryptographic
 * hash: somebody who chooses ids can make two that collide.
 *
 * Reading the text's units is what it costs (36 of them about 50 ns); the mixing is free beside that.
 */
export function hashId(id: RecordId, seed: number, hash: Int32Array, at: number): void {
  if (typeof id === "number") return hashNumber(id, seed, hash, at);
  const length = id.length;
  let h1 = seed | 0;
  let h2 = h1;
  let h3 = h1;
  let h4 = h1;
  let unit = 0;
  for (; unit + 8 <= length; unit += 8) {
    h1 ^= mixed1(id.charCodeAt(unit) | (id.charCodeAt(unit + 1) << 16));
    h1 = (Math.imul((rotated(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= mixed2(id.charCodeAt(unit + 2) | (id.charCodeAt(unit + 3) << 16));
    h2 = (Math.imul((rotated(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= mixed3(id.charCodeAt(unit + 4) | (id.charCodeAt(unit + 5) << 16));
    h3 = (Math.imul((rotated(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= mixed4(id.charCodeAt(unit + 6) | (id.charCodeAt(unit + 7) << 16));
    h4 = (Math.imul((rotated(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  h1 ^= mixed1(unitAt(id, unit) | (unitAt(id, unit + 1) << 16));
  h2 ^= mixed2(unitAt(id, unit + 2) | (unitAt(id, unit + 3) << 16));
  h3 ^= mixed3(unitAt(id, unit + 4) | (unitAt(id, unit + 5) << 16));
  h4 ^= mixed4(unitAt(id, unit + 6));
  finish(h1, h2, h3, h4, length * 2, hash, at);
}

/** Of a number id that is given by its digits (`hashIdBytes`): apart from a text of the same bytes. */
export const NUMBER_ID_SEED = 0x5bd1e995;

/**
 * The same hash of bytes `[start, end)`: of a text's UTF-8, or, with `NUMBER_ID_SEED`, of a number's digits. It is another one
 * than `hashId` makes of the text. Not an options object: it is called for each record.
 */
export function hashIdBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  seed: number,
  hash: Int32Array,
  at: number,
): void {
  let h1 = seed | 0;
  let h2 = h1;
  let h3 = h1;
  let h4 = h1;
  let byte = start;
  for (; byte + 16 <= end; byte += 16) {
    h1 ^= mixed1(wordAt(bytes, byte));
    h1 = (Math.imul((rotated(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= mixed2(wordAt(bytes, byte + 4));
    h2 = (Math.imul((rotated(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= mixed3(wordAt(bytes, byte + 8));
    h3 = (Math.imul((rotated(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= mixed4(wordAt(bytes, byte + 12));
    h4 = (Math.imul((rotated(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  if (byte < end) h1 ^= mixed1(lastWordAt(bytes, byte, end));
  if (byte + 4 < end) h2 ^= mixed2(lastWordAt(bytes, byte + 4, end));
  if (byte + 8 < end) h3 ^= mixed3(lastWordAt(bytes, byte + 8, end));
  if (byte + 12 < end) h4 ^= mixed4(lastWordAt(bytes, byte + 12, end));
  finish(h1, h2, h3, h4, end - start, hash, at);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Of fewer than four bytes, the rest is 0. */
function lastWordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) return wordAt(bytes, at);
  let word = bytes[at];
  if (at + 1 < end) word |= bytes[at + 1] << 8;
  if (at + 2 < end) word |= bytes[at + 2] << 16;
  return word;
}

function hashNumber(id: number, seed: number, hash: Int32Array, at: number): void {
  number[0] = id + 0; // -0 becomes 0
  const isUnknown = Number.isNaN(id); // any of NaN's many bit patterns
  const start = (seed ^ NUMBER_SEED) | 0;
  const h1 = start ^ mixed1(isUnknown ? -1 : numberWords[0]);
  const h2 = start ^ mixed2(isUnknown ? -1 : numberWords[1]);
  finish(h1, h2, start, start, 8, hash, at);
}

function unitAt(text: string, at: number): number {
  return at < text.length ? text.charCodeAt(at) : 0;
}

function finish(
  h1: number,
  h2: number,
  h3: number,
  h4: number,
  byteCount: number,
  hash: Int32Array,
  at: number,
): void {
  h1 ^= byteCount;
  h2 ^= byteCount;
  h3 ^= byteCount;
  h4 ^= byteCount;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = avalanched((h2 + h1) | 0);
  h3 = avalanched((h3 + h1) | 0);
  h4 = avalanched((h4 + h1) | 0);
  h1 = avalanched(h1);
  h1 = (h1 + h2 + h3 + h4) | 0;
  hash[at] = h1;
  hash[at + 1] = h2 + h1;
  hash[at + 2] = h3 + h1;
  hash[at + 3] = h4 + h1;
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function mixed1(word: number): number {
  return Math.imul(rotated(Math.imul(word, C1), 15), C2);
}

function mixed2(word: number): number {
  return Math.imul(rotated(Math.imul(word, C2), 16), C3);
}

function mixed3(word: number): number {
  return Math.imul(rotated(Math.imul(word, C3), 17), C4);
}

function mixed4(word: number): number {
  return Math.imul(rotated(Math.imul(word, C4), 18), C1);
}

function avalanched(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}
