import { JSON_BYTES } from "../decode/json-bytes.ts";
import { valueAt } from "../json-path.ts";
import type { JsonPath } from "../json-path.ts";
import type { ByteSpan } from "./byte-span.ts";
import { parseJsonObject } from "./parse-json-object.ts";
import { utf8End } from "./utf8-end.ts";

const {
  BACKSLASH,
  CLOSE,
  COLON,
  COMMA,
  DOT,
  EXACT_DIGITS_MAX,
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
const SPACE = 0x20;
const LOWER_F = 0x66;
const LOWER_N = 0x6e;
const LOWER_T = 0x74;
/** Members of an object that are read without making objects; of more `JSON.parse` decides. */
const MEMBERS_MAX = 64;
const SCRATCH_FIRST = 1_024;

/** What stands at a field. `half`: a text with half of a surrogate pair; `other`: an object or an array. */
export const FIELD = { none: 0, text: 1, number: 2, true: 3, false: 4, null: 5, half: 6, other: 7 } as const;

/** A key as it stands in objects, with quotes and colon, and the field that its value is; -1: nobody reads it. */
interface Member {
  readonly mark: Uint8Array;
  readonly field: number;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/**
 * The fields of a JSON object that somebody reads, found without making objects where it is plain: members one beside the
 * other, texts without escapes, numbers, true, false, null. It takes only what it proves to be that from the first byte to the
 * last, in the grammar of RFC 8259 and UTF-8; about everything else `JSON.parse` decides, and the fields are the same.
 *
 * Records of a stream mostly have the same members in the same order: each is looked for where it stood the last time.
 */
export class RecordFields {
  readonly #paths: readonly JsonPath[];
  /** Every path is one name. */
  readonly #isFlat: boolean;
  readonly #names: readonly Uint8Array[];
  /** By place in the object. */
  readonly #order: Member[] = [];
  /** Where texts and numbers stand: the record itself, or what was written of it. */
  source: Uint8Array = new Uint8Array(0);
  /** By field: one of `FIELD`. */
  readonly types: Uint8Array;
  /** Of texts, without quotes; of numbers in digits. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly numbers: Float64Array;
  #scratch = new Uint8Array(SCRATCH_FIRST);
  #scratchEnd = 0;
  #at = 0;

  constructor(paths: readonly JsonPath[]) {
    this.#paths = paths;
    this.#isFlat = paths.every((path) => path.length === 1 && typeof path[0] === "string");
    this.#names = paths.map((path) => encoder.encode(String(path[0] ?? "")));
    this.types = new Uint8Array(paths.length);
    this.starts = new Int32Array(paths.length);
    this.ends = new Int32Array(paths.length);
    this.numbers = new Float64Array(paths.length);
  }

  /** Null, or why it cannot be read. */
  read(span: ByteSpan): string | null {
    if (this.#isFlat && this.#readPlain(span)) return null;
    return this.#readAny(span.source.subarray(span.start, span.end));
  }

  textOf(field: number): string {
    return UTF8.decode(this.source.subarray(this.starts[field], this.ends[field]));
  }

  /** It may look beyond the end, and never says yes to what it found there. */
  #readPlain({ source: bytes, start, end }: ByteSpan): boolean {
    this.types.fill(FIELD.none);
    this.source = bytes;
    this.#at = start;
    this.#skipSpace();
    if (bytes[this.#at] !== OPEN) return false;
    for (let place = 0; place < MEMBERS_MAX; place += 1) {
      this.#at += 1;
      if (bytes[this.#at] <= SPACE) this.#skipSpace();
      const field = this.#takeName(place);
      if (field === NO_NAME) return false;
      if (bytes[this.#at] <= SPACE) this.#skipSpace();
      if (!this.#takeValue(field)) return false;
      if (bytes[this.#at] <= SPACE) this.#skipSpace();
      if (bytes[this.#at] === COMMA) continue;
      if (bytes[this.#at] !== CLOSE) return false;
      this.#at += 1;
      this.#skipSpace();
      return this.#at === end;
    }
    return false;
  }

  /** Goes over a key and its colon; the field, -1 where nobody reads it, or NO_NAME. */
  #takeName(place: number): number {
    const bytes = this.source;
    const known = this.#order[place];
    if (known !== undefined && isAt(bytes, this.#at, known.mark)) {
      this.#at += known.mark.length;
      return known.field;
    }
    const start = this.#at;
    if (bytes[start] !== QUOTE || !this.#takeText()) return NO_NAME;
    const end = this.#at - 1;
    this.#skipSpace();
    if (bytes[this.#at] !== COLON) return NO_NAME;
    this.#at += 1;
    const key = bytes.subarray(start + 1, end);
    const field = this.#names.findIndex((name) => name.length === key.length && isAt(key, 0, name));
    // Written with space before the colon it is found anew each time.
    if (this.#at === end + 2) this.#order[place] = { mark: bytes.slice(start, this.#at), field };
    return field;
  }

  #takeValue(field: number): boolean {
    const first = this.source[this.#at];
    if (first === QUOTE) {
      const start = this.#at + 1;
      if (!this.#takeText()) return false;
      if (field >= 0) {
        this.types[field] = FIELD.text;
        this.starts[field] = start;
        this.ends[field] = this.#at - 1;
      }
      return true;
    }
    if (first === MINUS || (first >= ZERO && first <= ZERO + 9)) return this.#takeNumber(field);
    let type: number = FIELD.none;
    if (first === LOWER_T && isAt(this.source, this.#at, WORDS.true)) type = FIELD.true;
    else if (first === LOWER_F && isAt(this.source, this.#at, WORDS.false)) type = FIELD.false;
    else if (first === LOWER_N && isAt(this.source, this.#at, WORDS.null)) type = FIELD.null;
    else return false;
    this.#at += type === FIELD.false ? 5 : 4;
    if (field >= 0) this.types[field] = type;
    return true;
  }

  /** Goes over a text without escapes, from its quote. */
  #takeText(): boolean {
    const bytes = this.source;
    let at = this.#at + 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#at = at + 1;
        return true;
      }
      if (byte >= 0x80) {
        at = utf8End(bytes, at);
        if (at < 0) return false;
      } else if (byte >= SPACE && byte !== BACKSLASH) at += 1;
      else return false;
    }
  }

  /** By the grammar of RFC 8259, section 6. */
  #takeNumber(field: number): boolean {
    const bytes = this.source;
    const start = this.#at;
    const isNegative = bytes[start] === MINUS;
    let at = isNegative ? start + 1 : start;
    const digitsStart = at;
    let value = 0;
    for (let digit = bytes[at] - ZERO; digit >= 0 && digit <= 9; digit = bytes[at] - ZERO) {
      value = value * 10 + digit;
      at += 1;
    }
    let digitCount = at - digitsStart;
    if (digitCount === 0 || (digitCount > 1 && bytes[digitsStart] === ZERO)) return false;
    let fractionCount = 0;
    if (bytes[at] === DOT) {
      const fractionStart = at + 1;
      at = fractionStart;
      for (let digit = bytes[at] - ZERO; digit >= 0 && digit <= 9; digit = bytes[at] - ZERO) {
        value = value * 10 + digit;
        at += 1;
      }
      fractionCount = at - fractionStart;
      if (fractionCount === 0) return false;
      digitCount += fractionCount;
    }
    let isPlain = digitCount <= EXACT_DIGITS_MAX;
    if (bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
      isPlain = false;
      at += 1;
      if (bytes[at] === PLUS || bytes[at] === MINUS) at += 1;
      const exponentStart = at;
      while (bytes[at] >= ZERO && bytes[at] <= ZERO + 9) at += 1;
      if (at === exponentStart) return false;
    }
    this.#at = at;
    if (field < 0) return true;
    this.types[field] = FIELD.number;
    this.starts[field] = start;
    this.ends[field] = at;
    // Both are exact in a double, and one division rounds once (Clinger 1990, see decode/flat-json.ts).
    if (!isPlain) this.numbers[field] = Number(textOf(bytes, start, at));
    else {
      const magnitude = fractionCount === 0 ? value : value / POWERS_OF_TEN[fractionCount];
      this.numbers[field] = isNegative ? -magnitude : magnitude;
    }
    return true;
  }

  #skipSpace(): void {
    const bytes = this.source;
    for (;;) {
      const byte = bytes[this.#at];
      if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at += 1;
    }
  }

  /** The same of an object that was made of JSON. */
  readObject(root: object): void {
    this.#scratchEnd = 0;
    for (let field = 0; field < this.#paths.length; field += 1)
      this.#put(field, valueAt(root, this.#paths[field]));
    this.source = this.#scratch;
  }

  #readAny(bytes: Uint8Array): string | null {
    const root = parseJsonObject(bytes);
    if (typeof root === "string") return root;
    this.readObject(root);
    return null;
  }

  #put(field: number, value: unknown): void {
    const type = typeOf(value);
    this.types[field] = type;
    if (type !== FIELD.text && type !== FIELD.number) return;
    const text = encoder.encode(String(value));
    this.starts[field] = this.#scratchEnd;
    this.#scratchEnd += text.length;
    this.ends[field] = this.#scratchEnd;
    if (this.#scratchEnd > this.#scratch.length) {
      const scratch = new Uint8Array(2 * this.#scratchEnd);
      scratch.set(this.#scratch);
      this.#scratch = scratch;
    }
    this.#scratch.set(text, this.starts[field]);
    this.numbers[field] = Number(value);
  }
}

const NO_NAME = -2;
const WORDS = {
  true: encoder.encode("true"),
  false: encoder.encode("false"),
  null: encoder.encode("null"),
};

function isAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index += 1)
    if (bytes[at + index] !== wanted[index]) return false;
  return true;
}

function typeOf(value: unknown): number {
  switch (typeof value) {
    case "string":
      // Half of a surrogate pair has no bytes of its own: two such texts would be taken for one.
      return value.isWellFormed() ? FIELD.text : FIELD.half;
    case "number":
    case "bigint":
      return FIELD.number;
    case "boolean":
      return value ? FIELD.true : FIELD.false;
    case "undefined":
      return FIELD.none;
    default:
      return value === null ? FIELD.null : FIELD.other;
  }
}
