import { JSON_BYTES } from "./json-bytes.ts";

const {
  BACKSLASH,
  CLOSE,
  COLON,
  COMMA,
  DOT,
  EXACT_DIGITS_MAX,
  isDigit,
  LOWER_E,
  MINUS,
  OPEN,
  PLUS,
  POWERS_OF_TEN,
  QUOTE,
  textOf,
  UPPER_E,
  ZERO,
} = JSON_BYTES;

const MEMBERS_MAX = 64;
/** Numbers kept of each member: where its key and its value begin and end, both without quotes, and the value's type. */
const STRIDE = 5;
const TYPE = { text: 0, number: 1, true: 2, false: 3, null: 4 } as const;

/**
 * A JSON object of plain members (ASCII text without escapes, numbers, true, false, null), read from the bytes without
 * making objects: where each member stands. `scan` takes only what it proves to be such an object from the first byte
 * to the last; about everything else `JSON.parse` decides.
 */
export class FlatJson {
  readonly #bytes: Uint8Array;
  readonly #places: readonly number[];

  private constructor(bytes: Uint8Array, places: readonly number[]) {
    this.#bytes = bytes;
    this.#places = places;
  }

  static scan(bytes: Uint8Array): FlatJson | undefined {
    const places: number[] = [];
    let at = skipSpace(bytes, 0);
    if (bytes[at] !== OPEN) return undefined;
    at = skipSpace(bytes, at + 1);
    if (bytes[at] === CLOSE)
      return skipSpace(bytes, at + 1) === bytes.length ? new FlatJson(bytes, places) : undefined;
    for (let members = 0; members < MEMBERS_MAX; members += 1) {
      if (bytes[at] !== QUOTE) return undefined;
      const keyEnd = endOfText(bytes, at + 1);
      if (keyEnd < 0) return undefined;
      const keyStart = at + 1;
      at = skipSpace(bytes, keyEnd + 1);
      if (bytes[at] !== COLON) return undefined;
      at = skipSpace(bytes, at + 1);
      const first = bytes[at];
      if (first === QUOTE) {
        const end = endOfText(bytes, at + 1);
        if (end < 0) return undefined;
        places.push(keyStart, keyEnd, at + 1, end, TYPE.text);
        at = end + 1;
      } else {
        const type = first === MINUS || isDigit(first) ? TYPE.number : typeOfWord(bytes, at);
        const end =
          type === TYPE.number ? endOfNumber(bytes, at) : type === undefined ? -1 : at + WORDS[type].length;
        if (type === undefined || end < 0) return undefined;
        places.push(keyStart, keyEnd, at, end, type);
        at = end;
      }
      at = skipSpace(bytes, at);
      if (bytes[at] === CLOSE)
        return skipSpace(bytes, at + 1) === bytes.length ? new FlatJson(bytes, places) : undefined;
      if (bytes[at] !== COMMA) return undefined;
      at = skipSpace(bytes, at + 1);
    }
    return undefined;
  }

  /** The member's value, as `JSON.parse` would have it: of two with one key, the last. Undefined where there is none. */
  get(key: string): string | number | boolean | null | undefined {
    const places = this.#places;
    for (let place = places.length - STRIDE; place >= 0; place -= STRIDE) {
      if (!this.#isText(places[place], places[place + 1], key)) continue;
      const start = places[place + 2];
      const end = places[place + 3];
      const type = places[place + 4];
      if (type === TYPE.number) return numberOf(this.#bytes, start, end);
      if (type === TYPE.text) return textOf(this.#bytes, start, end);
      return type === TYPE.null ? null : type === TYPE.true;
    }
    return undefined;
  }

  #isText(start: number, end: number, text: string): boolean {
    if (end - start !== text.length) return false;
    for (let index = 0; index < text.length; index += 1) {
      if (this.#bytes[start + index] !== text.charCodeAt(index)) return false;
    }
    return true;
  }
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

/** Where the closing quote stands; -1 when it is not plain text. */
function endOfText(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte < 0x20 || byte > 0x7f || byte === BACKSLASH) return -1;
  }
  return -1;
}

/** By type; text and numbers have none. */
const WORDS = ["", "", "true", "false", "null"];

function typeOfWord(bytes: Uint8Array, at: number): 2 | 3 | 4 | undefined {
  for (const type of [TYPE.true, TYPE.false, TYPE.null]) {
    if (isWord(bytes, at, WORDS[type])) return type;
  }
  return undefined;
}

function isWord(bytes: Uint8Array, at: number, word: string): boolean {
  for (let index = 0; index < word.length; index += 1) {
    if (bytes[at + index] !== word.charCodeAt(index)) return false;
  }
  return true;
}

function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at += 1;
  return at;
}

/** The grammar of RFC 8259, section 6; -1 when it is not met. What follows is the caller's business. */
function endOfNumber(bytes: Uint8Array, from: number): number {
  const start = bytes[from] === MINUS ? from + 1 : from;
  let at = skipDigits(bytes, start);
  if (at === start || (bytes[start] === ZERO && at > start + 1)) return -1;
  if (bytes[at] === DOT) {
    const fraction = at + 1;
    at = skipDigits(bytes, fraction);
    if (at === fraction) return -1;
  }
  if (bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
    const sign = bytes[at + 1];
    const exponent = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
    at = skipDigits(bytes, exponent);
    if (at === exponent) return -1;
  }
  return at;
}

/**
 * Up to 15 digits and a power of ten up to 22 are both exact in a double, and one division rounds once: correctly
 * (Clinger, "How to read floating point numbers accurately", 1990). Everything else goes the usual way.
 */
function numberOf(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = bytes[start] === MINUS;
  let digits = 0;
  let digitCount = 0;
  let fractionCount = 0;
  let isFraction = false;
  for (let at = isNegative ? start + 1 : start; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === DOT) {
      isFraction = true;
      continue;
    }
    digitCount += 1;
    if (!isDigit(byte) || digitCount > EXACT_DIGITS_MAX) return Number(textOf(bytes, start, end));
    digits = digits * 10 + (byte - ZERO);
    if (isFraction) fractionCount += 1;
  }
  const value = fractionCount === 0 ? digits : digits / POWERS_OF_TEN[fractionCount];
  return isNegative ? -value : value;
}
