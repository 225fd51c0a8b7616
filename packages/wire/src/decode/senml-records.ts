import { parseSourceTime, type SourceTime } from "../source-time.ts";
import { decodeFailure } from "./decode-failure.ts";
import type { DecodeFailure } from "./decoded.ts";
import { ELEMENTS_MAX } from "./elements-max.ts";
import type { ParsedPayload } from "./parsed-payload.ts";
import { shownText } from "./shown-text.ts";

/** A resolved record (RFC 8428, section 4.6). */
export interface SenmlRecord {
  readonly name: string;
  readonly unit: string | undefined;
  /** A number, true, false or text; undefined when it has none, or data. */
  readonly value: unknown;
  readonly sum: number | undefined;
  /** Null: now. */
  readonly time: SourceTime | null;
  /** Not told relative to now. */
  readonly hasOwnTime: boolean;
  /** From 1. */
  readonly number: number;
}

/** Section 4.5.3: what is less counts from now. */
const ABSOLUTE_S_MIN = 2 ** 28;
/** Base name and name: a long base name must not be copied into thousands of records. */
const NAME_LENGTH_MAX = 1_024;
/** The newest version of the format, and the default: RFC 8428, section 4.4. */
const VERSION_MAX = 10;

interface Base {
  name: string;
  unit: string | undefined;
  timeS: number;
  value: number | undefined;
  sum: number | undefined;
}

/**
 * The records of a SenML pack in JSON, with the base values that stand before them. Values of the wrong type cost their
 * own record; a base value of the wrong type costs those that would rest on it: the rest of the pack.
 */
export function senmlRecords(pack: unknown, nowMs: number): ParsedPayload<SenmlRecord> {
  if (!Array.isArray(pack))
    return { parts: [], failures: [decodeFailure("malformed", "no array of records")] };
  const parts: SenmlRecord[] = [];
  const failures: DecodeFailure[] = [];
  const base: Base = { name: "", unit: undefined, timeS: 0, value: undefined, sum: undefined };
  const readMax = Math.min(pack.length, ELEMENTS_MAX);
  for (let index = 0; index < readMax; index += 1) {
    const fields: unknown = pack[index];
    const baseProblem = isRecord(fields) ? takeBase(base, fields) : "no record";
    if (baseProblem !== undefined) {
      failures.push(decodeFailure("malformed", `record ${index + 1}: ${baseProblem}`, pack.length - index));
      return { parts, failures };
    }
    const record = isRecord(fields) ? resolve(base, fields, { number: index + 1, nowMs }) : undefined;
    if (record === undefined) continue;
    if (typeof record === "string")
      failures.push(decodeFailure("malformed", `record ${index + 1}: ${record}`));
    else if ("ok" in record) failures.push(record);
    else parts.push(record);
  }
  if (pack.length > readMax)
    failures.push(decodeFailure("too_many", `more than ${ELEMENTS_MAX} records`, pack.length - readMax));
  return { parts, failures };
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is wrong with the base values. */
function takeBase(base: Base, fields: Fields): string | undefined {
  const { bn, bu, bt, bv, bs, bver } = own(fields);
  for (const key of Object.keys(fields))
    if (key.endsWith("_")) return `${shownText(key)} must be understood and is not`;
  if (bver !== undefined && !(typeof bver === "number" && bver <= VERSION_MAX))
    return "bver is a later version";
  if (bn !== undefined && typeof bn !== "string") return "bn is not text";
  if (bu !== undefined && typeof bu !== "string") return "bu is not text";
  for (const [key, number] of [
    ["bt", bt],
    ["bv", bv],
    ["bs", bs],
  ] as const)
    if (number !== undefined && !isFiniteNumber(number)) return `${key} is not a number`;
  if (typeof bn === "string") base.name = bn;
  if (typeof bu === "string") base.unit = bu;
  if (typeof bt === "number") base.timeS = bt;
  if (typeof bv === "number") base.value = bv;
  if (typeof bs === "number") base.sum = bs;
  return undefined;
}

/** The record; undefined when it only gives base values; or what is wrong with it. */
function resolve(
  base: Base,
  fields: Fields,
  { number, nowMs }: { readonly number: number; readonly nowMs: number },
): SenmlRecord | DecodeFailure | string | undefined {
  const { n, u, v, vb, vs, vd, s, t } = own(fields);
  const values = [v, vb, vs, vd].filter((value) => value !== undefined);
  if (values.length === 0 && s === undefined) return n === undefined ? undefined : "neither value nor sum";
  if (values.length > 1) return "more than one value";
  if (n !== undefined && typeof n !== "string") return "n is not text";
  if (u !== undefined && typeof u !== "string") return "u is not text";
  if (v !== undefined && !isFiniteNumber(v)) return "v is not a number";
  if (vb !== undefined && typeof vb !== "boolean") return "vb is neither true nor false";
  if (vs !== undefined && typeof vs !== "string") return "vs is not text";
  if (s !== undefined && !isFiniteNumber(s)) return "s is not a number";
  if (t !== undefined && !isFiniteNumber(t))
    return decodeFailure("bad_time", `record ${number}: t is not a number`);
  if (base.name.length + (n ?? "").length > NAME_LENGTH_MAX)
    return decodeFailure("oversized", `record ${number}: its name has over ${NAME_LENGTH_MAX} characters`);
  const name = base.name + (n ?? "");
  if (name === "") return "it has no name";
  const timeS = base.timeS + (t ?? 0);
  const isAbsolute = timeS >= ABSOLUTE_S_MIN;
  const time = isAbsolute ? absolute(timeS) : timeS === 0 ? null : relative(timeS, nowMs);
  if (time === undefined) return decodeFailure("bad_time", `record ${number}: ${timeS} s is no time`);
  return {
    name,
    unit: u ?? base.unit,
    value: v === undefined ? (vb ?? vs) : v + (base.value ?? 0),
    sum: s === undefined && base.sum === undefined ? undefined : (s ?? 0) + (base.sum ?? 0),
    time,
    hasOwnTime: isAbsolute,
    number,
  };
}

/** To the microsecond: the sum of base time and time has no more in a double. */
function absolute(timeS: number): SourceTime | undefined {
  const us = Math.round(timeS * 1e6);
  return Number.isSafeInteger(us) ? parseSourceTime(us, "us") : undefined;
}

function relative(timeS: number, nowMs: number): SourceTime | undefined {
  return parseSourceTime(Math.floor(nowMs + timeS * 1000), "ms");
}

/** Only what the record itself has. */
function own(fields: Fields): Fields {
  return Object.assign(Object.create(null), fields);
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
