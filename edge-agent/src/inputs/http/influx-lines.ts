import type { BodyPayload } from "./body-payload.ts";

/** Nanoseconds of one unit, by the names that both versions of InfluxDB's API know. */
const PRECISIONS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["n", 1n],
  ["us", 1_000n],
  ["u", 1_000n],
  ["µ", 1_000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
]);

export function nsOfPrecision(name: string): bigint | undefined {
  return PRECISIONS.get(name);
}

export const PRECISION_NAMES: readonly string[] = [...PRECISIONS.keys()];

/**
 * The points of a body in line protocol, each for the topic `influx/<measurement>`, its time in ns whatever it came in.
 * Characters that a topic cannot hold become `_`. Comments and blank lines are none.
 * https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
export function* influxLines(body: Uint8Array, nsPerUnit: bigint): Iterable<BodyPayload> {
  let line = 1;
  for (let from = 0; from < body.length;) {
    const place = scanPoint(body, from);
    const end = place.end > from && body[place.end - 1] === CHAR.carriageReturn ? place.end - 1 : place.end;
    const point = toPoint(body, { ...place, from: skipBlanks(body, from), end }, nsPerUnit);
    if (point !== undefined) yield { line, ...point };
    line += 1 + countFeeds(body, from, place.end);
    from = place.end + 1;
  }
}

const CHAR = {
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  tab: 0x09,
  quote: 0x22,
  hash: 0x23,
  comma: 0x2c,
  equals: 0x3d,
  backslash: 0x5c,
} as const;

interface PointPlace {
  /** Behind the measurement. */
  readonly measurementEnd: number;
  /** Behind the fields: the blank before the time; `end` where there is none. */
  readonly fieldsEnd: number;
  /** Its line feed, or the body's end. */
  readonly end: number;
  /** There is something with a value. */
  readonly hasField: boolean;
}

/** A line feed within a quoted text belongs to the text, unless the quote is never closed: then it ends the line. */
function scanPoint(body: Uint8Array, from: number): PointPlace {
  let at = skipBlanks(body, from);
  const firstFeed = body.indexOf(CHAR.lineFeed, at);
  const lineEnd = firstFeed < 0 ? body.length : firstFeed;
  if (body[at] === CHAR.hash)
    return { measurementEnd: at, fieldsEnd: lineEnd, end: lineEnd, hasField: false };
  let measurementEnd = -1;
  let fieldsAt = -1;
  let fieldsEnd = -1;
  let isQuoted = false;
  let isInValue = false;
  let hasField = false;
  for (; at < body.length; at += 1) {
    const character = body[at];
    if (character === CHAR.backslash && body[at + 1] !== CHAR.lineFeed) at += 1;
    else if (isQuoted) isQuoted = character !== CHAR.quote;
    else if (character === CHAR.lineFeed) break;
    else if (character === CHAR.space) {
      if (measurementEnd < 0) measurementEnd = at;
      if (fieldsAt < 0) fieldsAt = skipBlanks(body, at);
      else if (at >= fieldsAt && fieldsEnd < 0) fieldsEnd = at;
    } else if (character === CHAR.comma) {
      if (measurementEnd < 0) measurementEnd = at;
      isInValue = false;
    } else if (fieldsAt >= 0 && fieldsEnd < 0) {
      if (character === CHAR.equals) isInValue = hasField = true;
      else if (character === CHAR.quote && isInValue) isQuoted = true;
    }
  }
  const end = isQuoted ? lineEnd : Math.min(at, body.length);
  const within = (place: number) => (place < 0 || place > end ? end : place);
  return { measurementEnd: within(measurementEnd), fieldsEnd: within(fieldsEnd), end, hasField };
}

function toPoint(
  body: Uint8Array,
  { from, measurementEnd, fieldsEnd, end, hasField }: PointPlace & { readonly from: number },
  nsPerUnit: bigint,
): Omit<BodyPayload, "line"> | undefined {
  if (from >= end || body[from] === CHAR.hash) return undefined;
  const payload = body.subarray(from, end);
  let measurement: string;
  try {
    measurement = UTF8.decode(body.subarray(from, Math.min(measurementEnd, end)));
  } catch {
    return { topic: "influx", payload, malformed: "not UTF-8" };
  }
  if (measurement === "") return { topic: "influx", payload, malformed: "there is no measurement" };
  const topic = `influx/${measurement.replace(/\\([, =])/g, "$1").replace(/[+#\0]/g, "_")}`;
  // Whatever reads the topic could not: it is junk, not a measurement that nobody wants.
  if (!hasField) return { topic, payload, malformed: "there is no field=value" };
  const time = ASCII.decode(body.subarray(Math.min(fieldsEnd, end), end)).trim();
  if (nsPerUnit === 1n || !/^-?\d{1,20}$/.test(time)) return { topic, payload };
  const inNs = ENCODER.encode(` ${BigInt(time) * nsPerUnit}`);
  const rewritten = new Uint8Array(fieldsEnd - from + inNs.length);
  rewritten.set(body.subarray(from, fieldsEnd));
  rewritten.set(inNs, fieldsEnd - from);
  return { topic, payload: rewritten };
}

function skipBlanks(body: Uint8Array, from: number): number {
  let at = from;
  while (body[at] === CHAR.space || body[at] === CHAR.tab) at += 1;
  return at;
}

function countFeeds(body: Uint8Array, from: number, end: number): number {
  let count = 0;
  for (let at = body.indexOf(CHAR.lineFeed, from); at >= 0 && at < end; count += 1)
    at = body.indexOf(CHAR.lineFeed, at + 1);
  return count;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const ASCII = new TextDecoder("latin1");
const ENCODER = new TextEncoder();
