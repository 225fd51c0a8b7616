/** Records of one request, as views into its body. */
export interface RecordLines {
  readonly values: readonly Uint8Array[];
  /** Of each: its line, from 1; of an array, its place, from 0. */
  readonly places: readonly number[];
  readonly placeName: "line" | "index";
}

/** Why a body is none of records. */
export interface NoRecordLines {
  readonly problem: string;
}

/** Records that one request brings at most. */
export const REQUEST_RECORDS_MAX = 100_000;

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const NEW_LINE = 0x0a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const TOO_MANY = { problem: `more than ${REQUEST_RECORDS_MAX} records; send fewer at once` };

/** What senders call lines of JSON: no name is registered. */
const LINES_TYPE = /^application\/(x-)?(ndjson|jsonl|jsonlines|json-lines)\s*(;|$)/i;

/**
 * Cuts a body into records: a record a line where its type says lines; else the elements of an array, one object over several lines
 * where nothing else follows, or lines. An array in the first of several lines is a line too. What they hold is not looked at: a wrong
 * one is one record's matter.
 */
export function recordLines(posted: Uint8Array, contentType = ""): RecordLines | NoRecordLines {
  // RFC 8259, 8.1: who reads JSON may ignore the mark that some programs write before it.
  const body = BYTE_ORDER_MARK.every((byte, at) => posted[at] === byte)
    ? posted.subarray(BYTE_ORDER_MARK.length)
    : posted;
  if (LINES_TYPE.test(contentType)) return lines(body);
  const start = skipSpace(body, 0);
  if (body[start] === OPEN_ARRAY) return elements(body, start);
  if (body[start] === OPEN) {
    const end = endOfValue(body, start);
    if (end >= 0 && skipSpace(body, end) === body.length)
      return { values: [body.subarray(start, end)], places: [1], placeName: "line" };
  }
  return lines(body);
}

function lines(body: Uint8Array): RecordLines | NoRecordLines {
  const values: Uint8Array[] = [];
  const places: number[] = [];
  let line = 0;
  for (let at = 0; at < body.length;) {
    const found = body.indexOf(NEW_LINE, at);
    const end = found < 0 ? body.length : found;
    line += 1;
    if (skipSpace(body, at) < end) {
      if (values.length >= REQUEST_RECORDS_MAX) return TOO_MANY;
      values.push(body.subarray(at, end));
      places.push(line);
    }
    at = end + 1;
  }
  return { values, places, placeName: "line" };
}

function elements(body: Uint8Array, start: number): RecordLines | NoRecordLines {
  const values: Uint8Array[] = [];
  let at = skipSpace(body, start + 1);
  if (body[at] === CLOSE_ARRAY) return ended(body, { start, end: at + 1 }, values);
  for (;;) {
    const end = endOfValue(body, at);
    if (end < 0) return { problem: `the array does not end: element ${values.length} is cut off` };
    if (values.length >= REQUEST_RECORDS_MAX) return TOO_MANY;
    values.push(body.subarray(at, end));
    at = skipSpace(body, end);
    if (body[at] === CLOSE_ARRAY) return ended(body, { start, end: at + 1 }, values);
    if (body[at] !== COMMA) return { problem: `no comma behind element ${values.length - 1} of the array` };
    at = skipSpace(body, at + 1);
  }
}

function ended(
  body: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
  values: readonly Uint8Array[],
): RecordLines | NoRecordLines {
  if (skipSpace(body, end) < body.length) {
    const lineEnd = body.indexOf(NEW_LINE, start);
    if (end <= lineEnd && skipSpace(body, lineEnd) < body.length) return lines(body);
    return { problem: "something stands behind the array" };
  }
  return { values, places: [...values.keys()], placeName: "index" };
}

/** Behind the value that begins there, by its brackets and quotes only; -1 where it does not end. */
function endOfValue(body: Uint8Array, from: number): number {
  let depth = 0;
  for (let at = from; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === QUOTE) {
      at = endOfText(body, at + 1);
      if (at < 0) return -1;
    } else if (byte === OPEN || byte === OPEN_ARRAY) depth += 1;
    else if (byte === CLOSE || byte === CLOSE_ARRAY || byte === COMMA) {
      if (depth === 0) return at;
      if (byte !== COMMA) depth -= 1;
      if (depth === 0 && byte !== COMMA) return at + 1;
    }
  }
  return -1;
}

/** Where the closing quote stands. */
function endOfText(body: Uint8Array, from: number): number {
  for (let at = from; at < body.length; at += 1) {
    if (body[at] === BACKSLASH) at += 1;
    else if (body[at] === QUOTE) return at;
  }
  return -1;
}

function skipSpace(body: Uint8Array, from: number): number {
  let at = from;
  while (body[at] === 0x20 || body[at] === NEW_LINE || body[at] === 0x0d || body[at] === 0x09) at += 1;
  return at;
}
