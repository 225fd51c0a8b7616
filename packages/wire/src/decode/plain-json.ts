import { readAlike, type ViewedBytes } from "./alike-readings.ts";
import { JSON_BYTES } from "./json-bytes.ts";
import type { PlainReadings } from "./plain-readings.ts";

export interface PlainJsonSpec {
  /** The payload is an array of readings, not one. */
  readonly isArray: boolean;
  readonly valueKey: string;
  /** Null: the readings have no time of their own. */
  readonly timeKey: string | null;
  /** From the time's number to ms. */
  readonly msPerUnit: number;
}

const {
  BACKSLASH,
  CLOSE,
  CLOSE_ARRAY,
  COLON,
  COMMA,
  DOT,
  EXACT_DIGITS_MAX,
  isDigit,
  LOWER_E,
  MINUS,
  NINE,
  OPEN,
  OPEN_ARRAY,
  PLUS,
  POWERS_OF_TEN,
  QUOTE,
  textOf,
  UPPER_E,
  ZERO,
} = JSON_BYTES;
const SPACE = 0x20;

/** Bound of a JavaScript Date. */
const TIME_MS_MAX = 8.64e15;
/** Two words of digits: a 32-bit integer has room for them. */
const HALF_DIGITS = 9;
/** Whose a member is, and where its number is put. */
const MEMBER = { none: -1, other: 0, value: 1, time: 2 } as const;
type Member = (typeof MEMBER)[keyof typeof MEMBER];

/** A key as it stands in an object; `mark`: with quotes and colon. */
interface Name {
  readonly bytes: Uint8Array;
  readonly mark: Uint8Array;
}

/** What a JSON text can have where its grammar is met: printable ASCII without quote and backslash. */
const KEY = /^[ !#-[\]-~]+$/;

/**
 * Reads the numbers of the payload that nearly every sensor sends: an object of plain members (ASCII text without escapes,
 * numbers, true, false, null), or an array of such, straight from the bytes into columns. It takes only what it proves to
 * be that from the first byte to the last, in the same grammar and to the same bits as `JSON.parse`; about everything
 * else the general decoder decides.
 */
export class PlainJson {
  readonly #spec: PlainJsonSpec;
  readonly #valueName: Name;
  readonly #timeName: Name | null;
  /** The time stands where the value stands. */
  readonly #isOneKey: boolean;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Behind what was read last. */
  #at = 0;
  /** By `MEMBER`, of the object at hand. An array, for a number that a function returns is put on the heap. */
  readonly #numbers = new Float64Array(3);
  /** By `MEMBER` too: from where to where each was read by the grammar. */
  readonly #starts = new Int32Array(3);
  readonly #ends = new Int32Array(3);
  /** Of the last object that was read by the grammar: where it stands, and its numbers in it. */
  readonly #shape = { from: 0, valueFrom: 0, valueTo: 0, timeFrom: 0, timeTo: 0, to: 0 };

  /** Undefined where the keys cannot stand in such an object as they are. */
  static of(spec: PlainJsonSpec): PlainJson | undefined {
    const keys = spec.timeKey === null ? [spec.valueKey] : [spec.valueKey, spec.timeKey];
    return keys.every((key) => KEY.test(key)) ? new PlainJson(spec) : undefined;
  }

  private constructor(spec: PlainJsonSpec) {
    this.#spec = spec;
    this.#valueName = nameOf(spec.valueKey);
    this.#timeName = spec.timeKey === null ? null : nameOf(spec.timeKey);
    this.#isOneKey = spec.timeKey === spec.valueKey;
  }

  get hasOwnTime(): boolean {
    return this.#timeName !== null;
  }

  /** Fills `into`, with one reading at least; false where it is not such a payload: then `into` means nothing. */
  read(bytes: Uint8Array, into: PlainReadings): boolean {
    into.clear();
    this.#bytes = bytes;
    this.#at = 0;
    this.#skipSpace();
    const isRead = this.#spec.isArray ? this.#readArray(into) : this.#readReading(into);
    if (!isRead) return false;
    this.#skipSpace();
    return this.#at === bytes.length;
  }

  #readArray(into: PlainReadings): boolean {
    if (this.#bytes[this.#at] !== OPEN_ARRAY) return false;
    const { buffer, byteOffset, byteLength } = this.#bytes;
    const viewed = { bytes: this.#bytes, view: new DataView(buffer, byteOffset, byteLength) };
    for (;;) {
      this.#at += 1;
      if (this.#bytes[this.#at] <= SPACE) this.#skipSpace();
      if (into.count === 0 || !this.#readAlike(viewed, into)) {
        const from = this.#at;
        if (!this.#readReading(into)) return false;
        this.#noteShape(from);
      }
      if (this.#bytes[this.#at] <= SPACE) this.#skipSpace();
      const byte = this.#bytes[this.#at];
      if (byte === COMMA) continue;
      this.#at += 1;
      return byte === CLOSE_ARRAY;
    }
  }

  /** Of the object that has just been read by the grammar, from `from`; meaningless where it lacks a number. */
  #noteShape(from: number): void {
    const shape = this.#shape;
    shape.from = from;
    shape.valueFrom = this.#starts[MEMBER.value];
    shape.valueTo = this.#ends[MEMBER.value];
    shape.timeFrom = this.#timeName === null ? this.#at : this.#starts[MEMBER.time];
    shape.timeTo = this.#timeName === null ? this.#at : this.#ends[MEMBER.time];
    shape.to = this.#at;
  }

  /** Reads those that are like the last one that was read by the grammar; false, and nothing has happened, where none is. */
  #readAlike(viewed: ViewedBytes, into: PlainReadings): boolean {
    if (this.#isOneKey) return false;
    const end = readAlike(viewed, this.#at, this.#shape, into, this.#spec.msPerUnit);
    if (end >= 0) this.#at = end;
    return end >= 0;
  }

  #readReading(into: PlainReadings): boolean {
    return this.#readObject() && this.#addTo(into);
  }

  /** The reading that the object at hand is. */
  #addTo(into: PlainReadings): boolean {
    const numbers = this.#numbers;
    const value = numbers[MEMBER.value];
    // Neither is NaN where there was such a member; an infinite value is the general decoder's to refuse.
    if (value - value !== 0) return false;
    if (this.#timeName === null) return into.add(0, value);
    const time = this.#isOneKey ? value : numbers[MEMBER.time];
    const timeMs = time * this.#spec.msPerUnit;
    if (!Number.isSafeInteger(time) || !(Math.abs(timeMs) <= TIME_MS_MAX)) return false;
    return into.add(timeMs, value);
  }

  #readObject(): boolean {
    const bytes = this.#bytes;
    this.#numbers[MEMBER.value] = Number.NaN;
    this.#numbers[MEMBER.time] = Number.NaN;
    if (bytes[this.#at] !== OPEN) return false;
    for (;;) {
      this.#at += 1;
      if (bytes[this.#at] <= SPACE) this.#skipSpace();
      const member = this.#takeName();
      if (member === MEMBER.none) return false;
      if (bytes[this.#at] <= SPACE) this.#skipSpace();
      const first = bytes[this.#at];
      if (first === MINUS || (first >= ZERO && first <= NINE)) {
        // Of two members with one key the last counts.
        if (!this.#readNumber(member)) return false;
      } else if (member !== MEMBER.other || !this.#skipOther(first)) return false;
      if (bytes[this.#at] <= SPACE) this.#skipSpace();
      if (bytes[this.#at] === COMMA) continue;
      if (bytes[this.#at] !== CLOSE) return false;
      this.#at += 1;
      return true;
    }
  }

  /** Goes over the key and its colon, and says whose it is. The usual writing, no space before the colon, is compared at once. */
  #takeName(): Member {
    const valueName = this.#valueName;
    const timeName = this.#timeName;
    if (this.#isAt(valueName.mark)) {
      this.#at += valueName.mark.length;
      return MEMBER.value;
    }
    if (timeName !== null && this.#isAt(timeName.mark)) {
      this.#at += timeName.mark.length;
      return MEMBER.time;
    }
    const keyAt = this.#at + 1;
    if (this.#bytes[this.#at] !== QUOTE || !this.#skipText()) return MEMBER.none;
    const keyEnd = this.#at - 1;
    this.#skipSpace();
    if (this.#bytes[this.#at] !== COLON) return MEMBER.none;
    this.#at += 1;
    if (this.#isKey(valueName.bytes, keyAt, keyEnd)) return MEMBER.value;
    return timeName !== null && this.#isKey(timeName.bytes, keyAt, keyEnd) ? MEMBER.time : MEMBER.other;
  }

  #isAt(mark: Uint8Array): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    for (let index = 0; index < mark.length; index += 1) if (bytes[at + index] !== mark[index]) return false;
    return true;
  }

  #isKey(key: Uint8Array, from: number, to: number): boolean {
    if (to - from !== key.length) return false;
    for (let index = 0; index < key.length; index += 1)
      if (this.#bytes[from + index] !== key[index]) return false;
    return true;
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    while (
      bytes[at] <= SPACE &&
      (bytes[at] === SPACE || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09)
    )
      at += 1;
    this.#at = at;
  }

  /** From a quote to behind the next one; false where the text is not plain. */
  #skipText(): boolean {
    const bytes = this.#bytes;
    for (let at = this.#at + 1; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#at = at + 1;
        return true;
      }
      if (byte < 0x20 || byte > 0x7f || byte === BACKSLASH) return false;
    }
    return false;
  }

  /** Text, true, false or null. */
  #skipOther(first: number): boolean {
    if (first === QUOTE) return this.#skipText();
    const word = first === 0x74 ? "true" : first === 0x66 ? "false" : first === 0x6e ? "null" : "";
    if (word === "") return false;
    for (let index = 0; index < word.length; index += 1)
      if (this.#bytes[this.#at + index] !== word.charCodeAt(index)) return false;
    this.#at += word.length;
    return true;
  }

  /**
   * The grammar of RFC 8259, section 6; false where it is not met. Up to 15 digits and a power of ten up to 22 are both
   * exact in a double, and one division rounds once: correctly (Clinger, "How to read floating point numbers accurately",
   * 1990). Everything else goes the usual way.
   */
  #readNumber(member: Member): boolean {
    const bytes = this.#bytes;
    const from = this.#at;
    const isNegative = bytes[from] === MINUS;
    const start = isNegative ? from + 1 : from;
    // In two halves that are small integers: quicker than one double.
    let high = 0;
    let low = 0;
    let at = start;
    let digit = bytes[at] - ZERO;
    for (; digit >= 0 && digit <= 9; digit = bytes[++at] - ZERO)
      if (at - start < HALF_DIGITS) high = (high * 10 + digit) | 0;
      else low = (low * 10 + digit) | 0;
    let digitCount = at - start;
    if (digitCount === 0 || (bytes[start] === ZERO && digitCount > 1)) return false;
    let fractionCount = 0;
    if (bytes[at] === DOT) {
      const fractionAt = at + 1;
      digit = bytes[(at = fractionAt)] - ZERO;
      for (; digit >= 0 && digit <= 9; digit = bytes[++at] - ZERO)
        if (digitCount + at - fractionAt < HALF_DIGITS) high = (high * 10 + digit) | 0;
        else low = (low * 10 + digit) | 0;
      fractionCount = at - fractionAt;
      if (fractionCount === 0) return false;
      digitCount += fractionCount;
    }
    let isPlain = digitCount <= EXACT_DIGITS_MAX;
    if (bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
      const isSigned = bytes[at + 1] === PLUS || bytes[at + 1] === MINUS;
      const exponentAt = at + (isSigned ? 2 : 1);
      for (at = exponentAt; isDigit(bytes[at]);) at += 1;
      if (at === exponentAt) return false;
      isPlain = false;
    }
    this.#at = at;
    this.#starts[member] = from;
    this.#ends[member] = at;
    if (!isPlain) {
      this.#numbers[member] = Number(textOf(bytes, from, at));
      return true;
    }
    const digits = digitCount <= HALF_DIGITS ? high : high * POWERS_OF_TEN[digitCount - HALF_DIGITS] + low;
    const value = fractionCount === 0 ? digits : digits / POWERS_OF_TEN[fractionCount];
    this.#numbers[member] = isNegative ? -value : value;
    return true;
  }
}

function nameOf(key: string): Name {
  return { bytes: bytesOf(key), mark: bytesOf(`"${key}":`) };
}

function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}
