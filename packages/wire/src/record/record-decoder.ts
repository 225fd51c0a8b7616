import { hashIdBytes, isPosition, NUMBER_ID_SEED, packPosition, Zones } from "@millrace/stream";
import type { Labels } from "@millrace/stream";
import { LABEL_LENGTH_MAX } from "../decode/label-length-max.ts";
import { readNumber } from "../decode/read-number.ts";
import { shownText } from "../decode/shown-text.ts";
import type { JsonPath } from "../json-path.ts";
import type { TimeUnit } from "../source-time.ts";
import { adjustValue } from "../unit/value-adjustment.ts";
import type { ByteSpan } from "./byte-span.ts";
import { wholeSpan } from "./byte-span.ts";
import { LabelSet } from "./label-set.ts";
import type { RecordColumns } from "./record-columns.ts";
import { PAIR_HASH_WORDS, RECORD_HASH_WORDS } from "./record-columns.ts";
import { FIELD, RecordFields } from "./record-fields.ts";
import type {
  RecordLabel,
  RecordMeasure,
  RecordSpec,
  RecordTimeSpec,
  RecordZone,
  RecordZoneLabel,
} from "./record-spec.ts";
import type { RecordRefusal, RecordRefusalReason } from "./record-refusal.ts";
import { RecordTime } from "./record-time.ts";
import { TextIndex } from "./text-index.ts";

/** Texts and combinations of labels that are remembered at most when `forget` is called. */
const REMEMBERED_MAX = 65_536;
/** An id is a name, no document. */
const ID_BYTES_MAX = 1_024;
/** A character of LABEL_LENGTH_MAX, UTF-16 units, has at most three bytes a unit. */
const LABEL_BYTES_MAX = 3 * LABEL_LENGTH_MAX;

/** A record's id, and the texts of a pair. */
export interface PairTexts {
  readonly id: string;
  readonly key: readonly string[];
  readonly value: string;
}

/**
 * Reads records of one stream from their bytes into columns: the hash of id and content, the time, and for each metric the
 * value and a number for the combination of its labels. Makes no objects of plain records. Label numbers mean something until
 * `forget`; everything else is the same in every process.
 */
export class RecordDecoder {
  readonly #fields: RecordFields;
  readonly #idField: number;
  readonly #timeField: number;
  readonly #timeSpec: RecordTimeSpec;
  readonly #time: RecordTime;
  /** Of other units, that some records say theirs is in. */
  readonly #times = new Map<TimeUnit, RecordTime>();
  readonly #measures: readonly RecordMeasure[];
  readonly #valueFields: readonly number[];
  /** By measure: of a position, where its latitude stands; -1 of others. */
  readonly #latitudeFields: readonly number[];
  /** By measure: reads the time that it is behind; null of others. */
  readonly #sinceTimes: readonly (RecordTime | null)[];
  /** By measure: its value is a number as it stands. */
  readonly #isPlain: readonly boolean[];
  /** What labels with a field below 0 are: of -1 the first. */
  readonly #places: ZonePlace[] = [];
  /** Label sets, and of each measure which is its own. */
  readonly #setFields: readonly { readonly names: readonly string[]; readonly fields: readonly number[] }[];
  readonly setOf: readonly number[];
  /** Of each pair: the parts of its key, and its value. */
  readonly #pairFields: readonly (readonly { readonly name: string; readonly field: number }[])[];
  #pairBytes = new Uint8Array(4 * LABEL_BYTES_MAX);
  readonly #pairHash = new Int32Array(4);
  #texts = new TextIndex();
  #sets: LabelSet[] = [];
  /** By number of a text: whether it can be a label's value. */
  #areLabels: boolean[] = [];
  /** By measure: what a value's text, by its number, stands for; NaN: it counts nowhere. */
  #meanings: Map<number, number>[] = [];
  readonly #identityWords = new Int32Array(RECORD_HASH_WORDS);
  readonly #content = new Float64Array(1);
  readonly #contentWords = new Int32Array(this.#content.buffer);

  /** Throws a RangeError where there is no such time zone. */
  constructor(spec: RecordSpec) {
    const paths: JsonPath[] = [];
    const places = new Map<string, number>();
    const fieldOf = (path: JsonPath): number => {
      const key = JSON.stringify(path);
      const known = places.get(key);
      if (known !== undefined) return known;
      places.set(key, paths.length);
      return paths.push(path) - 1;
    };
    this.#idField = fieldOf(spec.id);
    this.#timeField = fieldOf(spec.time.path);
    this.#timeSpec = spec.time;
    this.#time = new RecordTime(spec.time);
    this.#measures = spec.measures;
    this.#valueFields = spec.measures.map(({ path }) => fieldOf(path));
    this.#latitudeFields = spec.measures.map(({ value }) =>
      value?.kind === "position" ? fieldOf(value.latitude) : -1,
    );
    this.#sinceTimes = spec.measures.map(({ value }) =>
      value?.kind === "since" ? new RecordTime(value) : null,
    );
    this.#isPlain = spec.measures.map(
      ({ map, adjustment, value }) => map === null && adjustment === null && value === undefined,
    );
    const labelField = (label: RecordLabel | RecordZoneLabel): number => {
      if ("path" in label) return fieldOf(label.path);
      const { longitude, latitude, zones } = label.zone;
      const place = { longitude: fieldOf(longitude), latitude: fieldOf(latitude), specs: zones };
      const known = this.#places.findIndex(
        (each) =>
          each.longitude === place.longitude && each.latitude === place.latitude && each.specs === zones,
      );
      if (known >= 0) return -1 - known;
      const all = new Zones(zones);
      const names = all.names.map((name) => encoder.encode(name));
      return -this.#places.push({ ...place, zones: all, names });
    };
    const sets: { names: readonly string[]; fields: readonly number[] }[] = [];
    this.setOf = spec.measures.map(({ labels }) => {
      const set = { names: labels.map(({ name }) => name), fields: labels.map(labelField) };
      const key = JSON.stringify(set);
      const known = sets.findIndex((each) => JSON.stringify(each) === key);
      return known >= 0 ? known : sets.push(set) - 1;
    });
    this.#setFields = sets;
    const partOf = ({ name, path }: RecordLabel): { name: string; field: number } => ({
      name,
      field: fieldOf(path),
    });
    this.#pairFields = (spec.pairs ?? []).map(({ key, value }) => [...key, value].map(partOf));
    this.#fields = new RecordFields(paths);
    this.#begin();
  }

  /** Label sets, for columns. */
  get setCount(): number {
    return this.#setFields.length;
  }

  /** Fills row `row`; otherwise says why not, and what is in the row means nothing. */
  read(span: ByteSpan, into: RecordColumns, row: number): RecordRefusal | null {
    const fields = this.#fields;
    const problem = fields.read(span);
    return problem === null ? this.#fill(this.#time, into, row) : refused("malformed", problem);
  }

  /** The same of an object that was made of JSON. `time`: how its time is written, where it says so itself. */
  readObject(root: object, time: TimeUnit | null, into: RecordColumns, row: number): RecordRefusal | null {
    this.#fields.readObject(root);
    return this.#fill(this.#timeOf(time), into, row);
  }

  /** What was read into the fields. Where all but the id cannot be, the id's hash is in the row. */
  #fill(time: RecordTime, into: RecordColumns, row: number): RecordRefusal | null {
    const fields = this.#fields;
    const hashAt = row * RECORD_HASH_WORDS;
    if (!this.#hashId(into.hashes, hashAt)) return this.#refuseId();
    const timeField = this.#timeField;
    const timeMs = time.read(fields, timeField);
    if (timeMs !== timeMs) return this.#refuseTime(time);
    into.timeMs[row] = timeMs;
    this.#content[0] = timeMs;
    let content = mixed(mixed(0, this.#contentWords[0]), this.#contentWords[1]);
    for (let set = 0; set < this.#sets.length; set += 1) {
      const { fields: own } = this.#sets[set];
      let combination = 0;
      for (let label = 0; label < own.length; label += 1) {
        const field = own[label];
        const text = field < 0 ? this.#zoneText(this.#places[-1 - field]) : this.#labelText(field);
        if (text < 0) return this.#refuseLabel(set, label);
        content = mixed(content, this.#texts.hashOf(text));
        combination = this.#sets[set].step(label, combination, text);
      }
      into.series[set][row] = combination;
    }
    for (let pair = 0; pair < this.#pairFields.length; pair += 1) {
      const missing = this.#hashPair(pair, into.pairs[pair], row * PAIR_HASH_WORDS);
      if (missing !== null) return this.#refuseText(missing.name, missing.field);
      content = mixed(content, into.pairs[pair][row * PAIR_HASH_WORDS]);
    }
    for (let measure = 0; measure < this.#valueFields.length; measure += 1) {
      const field = this.#valueFields[measure];
      const { map, isOptional } = this.#measures[measure];
      let value: number;
      if (fields.types[field] === FIELD.number && this.#isPlain[measure]) {
        value = fields.numbers[field];
        if (value - value !== 0) return refused("bad_value", "a value beyond the greatest number");
      } else if (isOptional && (fields.types[field] === FIELD.none || fields.types[field] === FIELD.null)) {
        value = NaN;
      } else {
        const read = map === null ? this.#valueIn(measure, timeMs) : this.#meaning(measure);
        if (typeof read !== "number") return read;
        value = read;
      }
      this.#content[0] = value;
      content = mixed(mixed(content, this.#contentWords[0]), this.#contentWords[1]);
      into.values[measure][row] = value;
    }
    into.hashes[hashAt + 3] = content;
    return null;
  }

  /** Reads a record that was read before once more, for its texts. */
  pairTextsOf(bytes: Uint8Array, pair: number): PairTexts {
    this.#fields.read(wholeSpan(bytes));
    const texts = this.#pairFields[pair].map(({ field }) => UTF8.decode(this.#partOf(field) ?? undefined));
    return { id: this.#fields.textOf(this.#idField), key: texts.slice(0, -1), value: texts.at(-1) ?? "" };
  }

  labelsOf(set: number, combination: number): Labels {
    return this.#sets[set].labelsOf(combination, this.#texts);
  }

  /** To be called when nobody has numbers of labels any more: forgets them where they have become many, and says so. */
  forget(): boolean {
    const count = Math.max(this.#texts.size, ...this.#sets.map((set) => set.size));
    if (count <= REMEMBERED_MAX) return false;
    this.#begin();
    return true;
  }

  #begin(): void {
    this.#texts = new TextIndex();
    this.#sets = this.#setFields.map(({ names, fields }) => new LabelSet(names, fields));
    this.#areLabels = [];
    this.#meanings = this.#measures.map(() => new Map());
  }

  #timeOf(unit: TimeUnit | null): RecordTime {
    if (unit === null || unit === this.#timeSpec.unit) return this.#time;
    let time = this.#times.get(unit);
    if (time === undefined) {
      time = new RecordTime({ unit, timeZone: this.#timeSpec.timeZone });
      this.#times.set(unit, time);
    }
    return time;
  }

  #hashId(hashes: Int32Array, at: number, field = this.#idField): boolean {
    const { types, starts, ends, source } = this.#fields;
    const [start, end] = [starts[field], ends[field]];
    if (types[field] === FIELD.text) {
      if (end === start || end - start > ID_BYTES_MAX) return false;
      hashIdBytes(source, start, end, 0, hashes, at);
      return true;
    }
    if (types[field] !== FIELD.number || end - start > ID_BYTES_MAX) return false;
    // Digits as they stand: a double would take ids of 64 bits for one another.
    if (areDigits(source, start, end)) {
      hashIdBytes(source, start, end, NUMBER_ID_SEED, hashes, at);
      return true;
    }
    const number = this.#fields.numbers[field];
    if (!Number.isSafeInteger(number)) return false;
    const digits = encoder.encode(String(number));
    hashIdBytes(digits, 0, digits.length, NUMBER_ID_SEED, hashes, at);
    return true;
  }

  /** Null, or the part that is missing. */
  #hashPair(
    pair: number,
    hashes: Int32Array,
    at: number,
  ): { readonly name: string; readonly field: number } | null {
    let end = 0;
    for (const each of this.#pairFields[pair]) {
      const part = this.#partOf(each.field);
      if (part === null) return each;
      if (end + part.length >= this.#pairBytes.length) {
        const grown = new Uint8Array(2 * this.#pairBytes.length);
        grown.set(this.#pairBytes);
        this.#pairBytes = grown;
      }
      this.#pairBytes.set(part, end);
      end += part.length;
      // No part has such a byte.
      this.#pairBytes[end] = 0;
      end += 1;
    }
    hashIdBytes(this.#pairBytes, 0, end, 0, this.#pairHash, 0);
    for (let word = 0; word < PAIR_HASH_WORDS; word += 1) hashes[at + word] = this.#pairHash[word];
    return null;
  }

  /** The bytes of what could be a label's text; null where it could not. A whole number keeps its digits. */
  #partOf(field: number): Uint8Array | null {
    const { types, starts, ends, source, numbers } = this.#fields;
    const type = types[field];
    const [start, end] = [starts[field], ends[field]];
    if (type === FIELD.text) {
      if (end === start || end - start > LABEL_BYTES_MAX) return null;
      const part = source.subarray(start, end);
      const isShort = end - start <= LABEL_LENGTH_MAX || UTF8.decode(part).length <= LABEL_LENGTH_MAX;
      return isShort && !part.includes(0) ? part : null;
    }
    if (type === FIELD.true || type === FIELD.false) return encoder.encode(String(type === FIELD.true));
    if (type !== FIELD.number || end - start > LABEL_BYTES_MAX) return null;
    return areDigits(source, start, end)
      ? source.subarray(start, end)
      : encoder.encode(String(numbers[field]));
  }

  /** The number of a label's text; -1 where it is none. */
  #labelText(field: number): number {
    const { types, starts, ends, source } = this.#fields;
    const type = types[field];
    const [start, end] = [starts[field], ends[field]];
    if (type === FIELD.text && (end === start || end - start > LABEL_BYTES_MAX)) return -1;
    const text = type === FIELD.text ? this.#texts.numberOf(source, start, end) : this.#scalarText(field);
    return text >= 0 && this.#isLabel(text) ? text : -1;
  }

  #isLabel(text: number): boolean {
    while (this.#areLabels.length <= text) {
      const known = this.#texts.textOf(this.#areLabels.length);
      this.#areLabels.push(known.length <= LABEL_LENGTH_MAX && !known.includes("\0"));
    }
    return this.#areLabels[text];
  }

  /** Of a number, true or false; -1 of anything else. A whole number keeps its digits. */
  #scalarText(field: number): number {
    const { types, starts, ends, source, numbers } = this.#fields;
    const type = types[field];
    if (type !== FIELD.number && type !== FIELD.true && type !== FIELD.false) return -1;
    const [start, end] = [starts[field], ends[field]];
    if (type === FIELD.number && areDigits(source, start, end))
      return end - start > LABEL_BYTES_MAX ? -1 : this.#texts.numberOf(source, start, end);
    const value = type === FIELD.number ? numbers[field] : type === FIELD.true;
    const bytes = encoder.encode(String(value));
    return this.#texts.numberOf(bytes, 0, bytes.length);
  }

  /** The number of the text of the first zone that a record is in; -1 where it has no position. */
  #zoneText({ longitude, latitude, zones, names }: ZonePlace): number {
    if (!this.#isPosition(longitude, latitude)) return -1;
    const { numbers } = this.#fields;
    const name = names[zones.at({ longitude: numbers[longitude], latitude: numbers[latitude] })];
    return this.#texts.numberOf(name, 0, name.length);
  }

  #isPosition(longitude: number, latitude: number): boolean {
    const { types, numbers } = this.#fields;
    const areNumbers = types[longitude] === FIELD.number && types[latitude] === FIELD.number;
    return areNumbers && isPosition(numbers[longitude], numbers[latitude]);
  }

  #valueIn(measure: number, timeMs: number): number | RecordRefusal {
    switch (this.#measures[measure].value?.kind) {
      case "identity":
        return this.#identity(measure);
      case "since":
        return this.#since(measure, timeMs);
      case "position":
        return this.#position(measure);
      case undefined:
        return this.#number(measure);
    }
  }

  #identity(measure: number): number | RecordRefusal {
    return this.#hashId(this.#identityWords, 0, this.#valueFields[measure])
      ? (this.#identityWords[0] >>> 0) * 2 ** 21 + (this.#identityWords[1] >>> 11)
      : this.#refuseMissing(
          measure,
          this.#valueFields[measure],
          `no text of 1 to ${ID_BYTES_MAX} bytes, and no whole number,`,
        );
  }

  #since(measure: number, timeMs: number): number | RecordRefusal {
    const field = this.#valueFields[measure];
    const sinceMs = this.#sinceTimes[measure]?.read(this.#fields, field) ?? NaN;
    if (Number.isNaN(sinceMs))
      return this.#refuseMissing(measure, field, this.#sinceTimes[measure]?.wanted ?? "no time");
    const { adjustment } = this.#measures[measure];
    const seconds = (timeMs - sinceMs) / 1_000;
    return adjustment === null ? seconds : adjustValue(seconds, adjustment);
  }

  #position(measure: number): number | RecordRefusal {
    const [longitude, latitude] = [this.#valueFields[measure], this.#latitudeFields[measure]];
    const { numbers, types } = this.#fields;
    if (this.#isPosition(longitude, latitude)) return packPosition(numbers[longitude], numbers[latitude]);
    const missing = types[longitude] === FIELD.none || types[longitude] === FIELD.null ? longitude : latitude;
    return this.#refuseMissing(measure, missing, this.#foundPosition(longitude, latitude));
  }

  #number(measure: number): number | RecordRefusal {
    const value = this.#valueOf(measure);
    if (value === undefined) return this.#refuseValue(measure, "no_value", "nothing");
    const { adjustment } = this.#measures[measure];
    const number = readNumber(value, "");
    const adjusted =
      typeof number !== "number" || adjustment === null ? number : adjustValue(number, adjustment);
    return typeof adjusted === "number" && Number.isFinite(adjusted)
      ? adjusted
      : this.#refuseValue(measure, "bad_value", `no number (${this.#shownValue(measure)})`);
  }

  /** Undefined: there is none, or null. */
  #valueOf(measure: number): string | number | boolean | object | undefined {
    const field = this.#valueFields[measure];
    const { types, numbers } = this.#fields;
    switch (types[field]) {
      case FIELD.text:
        return this.#fields.textOf(field);
      case FIELD.number:
        return numbers[field];
      case FIELD.true:
      case FIELD.false:
        return types[field] === FIELD.true;
      case FIELD.half:
      case FIELD.other:
        return {};
      default:
        return undefined;
    }
  }

  /** What the value's text stands for. */
  #meaning(measure: number): number | RecordRefusal {
    const field = this.#valueFields[measure];
    const { types, starts, ends, source } = this.#fields;
    let text = -1;
    if (types[field] !== FIELD.text) text = this.#scalarText(field);
    else if (ends[field] - starts[field] <= LABEL_BYTES_MAX)
      text = this.#texts.numberOf(source, starts[field], ends[field]);
    if (text < 0) return this.#refuseMeaning(measure);
    const known = this.#meanings[measure].get(text);
    if (known !== undefined) return known;
    const meaning = this.#measures[measure].map?.get(this.#texts.textOf(text));
    if (meaning === undefined) return this.#refuseMeaning(measure);
    this.#meanings[measure].set(text, meaning ?? NaN);
    return meaning ?? NaN;
  }

  #refuseId(): RecordRefusal {
    const type = this.#fields.types[this.#idField];
    const isNone = type === FIELD.none || type === FIELD.null;
    return refused(
      "no_id",
      isNone ? "it has no id" : `the id is no text of 1 to ${ID_BYTES_MAX} bytes, and no whole number`,
    );
  }

  #refuseTime({ wanted }: RecordTime): RecordRefusal {
    const type = this.#fields.types[this.#timeField];
    if (type === FIELD.none || type === FIELD.null) return refused("no_time", "it has no time");
    const shown =
      type === FIELD.text || type === FIELD.number ? shownText(this.#fields.textOf(this.#timeField)) : "it";
    return refused("bad_time", `${shown} is ${wanted}`);
  }

  #refuseLabel(set: number, label: number): RecordRefusal {
    const { names, fields } = this.#setFields[set];
    const [name, field] = [names[label], fields[label]];
    if (field >= 0) return this.#refuseText(name, field);
    const { longitude, latitude } = this.#places[-1 - field];
    return refused("no_label", `${this.#foundPosition(longitude, latitude)} for label ${name}`);
  }

  /** Of what can be no label. */
  #refuseText(name: string, field: number): RecordRefusal {
    const found = this.#foundText(field);
    return refused(
      "no_label",
      `${found} for label ${name}, where a text of 1 to ${LABEL_LENGTH_MAX} characters should be`,
    );
  }

  #foundText(field: number): string {
    const { types, starts, ends, source } = this.#fields;
    switch (types[field]) {
      case FIELD.text:
        if (ends[field] === starts[field]) return "an empty text";
        return source.subarray(starts[field], ends[field]).includes(0)
          ? "a text with U+0000"
          : "a longer text";
      case FIELD.number:
        return "a longer number";
      case FIELD.half:
        return "a text with half of a surrogate pair";
      case FIELD.other:
        return "an object or a list";
      default:
        return "nothing";
    }
  }

  /** Of longitude and latitude that are no position. */
  #foundPosition(longitude: number, latitude: number): string {
    const types = [this.#fields.types[longitude], this.#fields.types[latitude]];
    if (types.some((type) => type === FIELD.none || type === FIELD.null)) return "no position";
    if (types.some((type) => type === FIELD.text)) return "a position in text, not in numbers,";
    if (types.some((type) => type !== FIELD.number)) return "a position that is no two numbers";
    return "no longitude from -180 to 180 and latitude from -90 to 90";
  }

  #refuseMeaning(measure: number): RecordRefusal {
    const found = `none of the map's values (${this.#shownValue(measure)})`;
    return this.#refuseMissing(measure, this.#valueFields[measure], found);
  }

  /** What stands where a value should be, for a message. */
  #shownValue(measure: number): string {
    const value = this.#valueOf(measure);
    if (typeof value === "object") return this.#foundText(this.#valueFields[measure]);
    return typeof value === "string" ? JSON.stringify(shownText(value)) : String(value);
  }

  /** `no_value` where nothing stands at the field; otherwise a bad value, which is not what was to be found. */
  #refuseMissing(measure: number, field: number, found: string): RecordRefusal {
    const type = this.#fields.types[field];
    const isNone = type === FIELD.none || type === FIELD.null;
    return this.#refuseValue(measure, isNone ? "no_value" : "bad_value", isNone ? "nothing" : found);
  }

  #refuseValue(measure: number, reason: RecordRefusalReason, found: string): RecordRefusal {
    return refused(reason, `${found} where the value of ${this.#measures[measure].metric} should be`);
  }
}

interface ZonePlace {
  readonly longitude: number;
  readonly latitude: number;
  readonly specs: RecordZone["zones"];
  readonly zones: Zones;
  /** UTF-8, by the zones' numbers. */
  readonly names: readonly Uint8Array[];
}

const encoder = new TextEncoder();
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
const MINUS = 0x2d;
const ZERO = 0x30;

/** Of a whole number that is not written in another way too. */
function areDigits(bytes: Uint8Array, start: number, end: number): boolean {
  const isNegative = bytes[start] === MINUS;
  if (isNegative && bytes[start + 1] === ZERO) return false;
  for (let at = isNegative ? start + 1 : start; at < end; at += 1)
    if (bytes[at] < ZERO || bytes[at] > ZERO + 9) return false;
  return true;
}

function refused(reason: RecordRefusalReason, detail: string): RecordRefusal {
  return { reason, detail };
}

/** One step of MurmurHash3_x86_32: what comes is content to compare, and no id. */
function mixed(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51);
  const turned = Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
  const sum = hash ^ turned;
  return (Math.imul((sum << 13) | (sum >>> 19), 5) + 0xe6546b64) | 0;
}
