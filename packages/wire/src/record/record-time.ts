import { parseSourceTime } from "../source-time.ts";
import type { TimeUnit } from "../source-time.ts";
import { FIELD } from "./record-fields.ts";
import type { RecordFields } from "./record-fields.ts";
import { ZonedTime } from "./zoned-time.ts";
import type { RecordTimeSpec } from "./record-spec.ts";

/** Bound of a JavaScript Date. */
const TIME_MS_MAX = 8.64e15;
const ZERO = 0x30;
const DASH = 0x2d;
const COLON = 0x3a;
const SPACE = 0x20;
const UPPER_T = 0x54;
const UPPER_Z = 0x5a;
const DOT = 0x2e;
/** `2023-10-11 12:00:01` */
const SECONDS_LENGTH = 19;
const WITHOUT_ZONE = /^\d{4}-\d\d-\d\d(?:[Tt ][\d:.,]+)?$/;

/** Reads the event time of records, ms; NaN where there is none. */
export class RecordTime {
  readonly #unit: TimeUnit;
  readonly #zone: ZonedTime | null;
  /** Of the last text: its date, as a number of eight digits, and where that begins, ms. */
  #date = NaN;
  #dateMs = 0;

  constructor({ unit, timeZone }: Omit<RecordTimeSpec, "path">) {
    this.#unit = unit;
    this.#zone = timeZone === null ? null : new ZonedTime(timeZone);
  }

  /** What a field that is none is not, with the unit that is configured. */
  get wanted(): string {
    return this.#unit === "iso" ? "no ISO 8601 time (unit: iso)" : `no number of ${this.#unit} since 1970`;
  }

  read(fields: RecordFields, field: number): number {
    const type = fields.types[field];
    if (this.#unit !== "iso") {
      const timeMs = this.#readNumber(fields, field);
      return this.#zone === null ? timeMs : this.#zone.toUtcMs(timeMs);
    }
    if (type !== FIELD.text) return NaN;
    const plainMs = this.#readPlain(fields.source, fields.starts[field], fields.ends[field]);
    if (!Number.isNaN(plainMs)) return plainMs;
    const text = fields.textOf(field);
    const timeMs = parseSourceTime(text, "iso")?.timeMs ?? NaN;
    return this.#zone !== null && WITHOUT_ZONE.test(text) ? this.#zone.toUtcMs(timeMs) : timeMs;
  }

  #readNumber(fields: RecordFields, field: number): number {
    const type = fields.types[field];
    if (type === FIELD.number) {
      const number = fields.numbers[field];
      if (Number.isSafeInteger(number)) {
        if (this.#unit === "ms") return bounded(number);
        if (this.#unit === "s") return bounded(number * 1_000);
        if (this.#unit === "us") return bounded(Math.floor(number / 1_000));
      }
      // Beyond 2^53 the digits still stand in the record.
      return parseSourceTime(plainDigits(fields.textOf(field)), this.#unit)?.timeMs ?? NaN;
    }
    if (type !== FIELD.text) return NaN;
    return parseSourceTime(fields.textOf(field), this.#unit)?.timeMs ?? NaN;
  }

  /** `YYYY-MM-DD hh:mm:ss`, with T or a space, perhaps milliseconds, perhaps Z; NaN where it is written otherwise, or wrong. */
  #readPlain(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const isPlain =
      length >= SECONDS_LENGTH &&
      bytes[start + 4] === DASH &&
      bytes[start + 7] === DASH &&
      (bytes[start + 10] === SPACE || bytes[start + 10] === UPPER_T) &&
      bytes[start + 13] === COLON &&
      bytes[start + 16] === COLON;
    if (!isPlain) return NaN;
    const year = two(bytes, start) * 100 + two(bytes, start + 2);
    const date = year * 10_000 + two(bytes, start + 5) * 100 + two(bytes, start + 8);
    if (date !== this.#date) {
      if (Number.isNaN(date)) return NaN;
      this.#dateMs = dateMs(date);
      this.#date = date;
    }
    const [hour, minute, second] = [two(bytes, start + 11), two(bytes, start + 14), two(bytes, start + 17)];
    if (!(hour < 24 && minute < 60 && second < 60)) return NaN;
    let at = start + SECONDS_LENGTH;
    let milliseconds = 0;
    if (bytes[at] === DOT && end >= at + 4) {
      milliseconds = two(bytes, at + 1) * 10 + digit(bytes[at + 3]);
      at += 4;
    }
    const hasZone = at < end && bytes[at] === UPPER_Z;
    if (at + (hasZone ? 1 : 0) !== end) return NaN;
    const timeMs = this.#dateMs + ((hour * 60 + minute) * 60 + second) * 1_000 + milliseconds;
    return this.#zone === null || hasZone ? timeMs : this.#zone.toUtcMs(timeMs);
  }
}

function bounded(timeMs: number): number {
  return Math.abs(timeMs) <= TIME_MS_MAX ? timeMs : NaN;
}

/** `parseSourceTime` takes no exponent of a text. */
function plainDigits(text: string): string | number {
  return /e/i.test(text) ? Number(text) : text;
}

/** NaN where it is no digit. */
function digit(byte: number): number {
  const value = byte - ZERO;
  return value >= 0 && value <= 9 ? value : NaN;
}

function two(bytes: Uint8Array, at: number): number {
  return digit(bytes[at]) * 10 + digit(bytes[at + 1]);
}

/** NaN where there is no such date. */
function dateMs(date: number): number {
  const [year, month, day] = [Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100];
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  const isRight = midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
  return isRight ? midnight.getTime() : NaN;
}
