import { decodeFailure } from "./decode-failure.ts";
import type { DecodeFailure } from "./decoded.ts";
import { ELEMENTS_MAX } from "./elements-max.ts";
import type { ParsedPayload } from "./parsed-payload.ts";

export interface CsvRow {
  readonly fields: readonly string[];
  /** From 1: where the row begins. */
  readonly line: number;
}

/** A first line with the columns' names may come on top of the readings. */
const ROWS_MAX = ELEMENTS_MAX + 1;

/**
 * CSV as RFC 4180 has it: `"quoted ""fields"""` may hold delimiters and line ends; lines end with LF or CR LF. Blank lines
 * are passed over, and blanks around fields that are not quoted. A row that cannot be read costs no other, but one whose
 * quote is never closed takes the rest along.
 */
export function csvRows(text: string, delimiter: string): ParsedPayload<CsvRow> {
  const parts: CsvRow[] = [];
  const failures: DecodeFailure[] = [];
  let unreadCount = 0;
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const row = readRow(text, at, delimiter);
    if (row.problem !== undefined) failures.push(decodeFailure("malformed", `line ${line}: ${row.problem}`));
    else if (row.fields.length > 1 || row.fields[0] !== "" || row.isQuoted) {
      if (parts.length < ROWS_MAX) parts.push({ fields: row.fields, line });
      else unreadCount += 1;
    }
    if (failures.length > ELEMENTS_MAX) {
      failures.pop();
      unreadCount += 1;
    }
    line += row.lines;
    at = row.end;
  }
  if (unreadCount > 0)
    failures.push(decodeFailure("too_many", `more than ${ELEMENTS_MAX} lines`, unreadCount));
  return { parts, failures };
}

interface Row {
  readonly fields: readonly string[];
  /** A quoted field is there, even if it is empty. */
  readonly isQuoted: boolean;
  readonly problem: string | undefined;
  /** Where the next row begins. */
  readonly end: number;
  /** Lines that it takes. */
  readonly lines: number;
}

function readRow(text: string, from: number, delimiter: string): Row {
  const fields: string[] = [];
  let isQuoted = false;
  let lines = 1;
  let at = from;
  for (;;) {
    if (text[at] === '"') {
      isQuoted = true;
      const close = closingQuote(text, at + 1);
      if (close < 0) return { fields, isQuoted, problem: "a quote is not closed", end: text.length, lines };
      const field = text.slice(at + 1, close);
      for (const character of field) if (character === "\n") lines += 1;
      fields.push(field.replaceAll('""', '"'));
      at = close + 1;
      if (at < text.length && text[at] !== delimiter && !isLineEnd(text, at)) {
        const problem = "text follows a closing quote";
        return { fields, isQuoted, problem, end: nextLine(text, at), lines };
      }
    } else {
      const start = at;
      while (at < text.length && text[at] !== delimiter && text[at] !== "\n") at += 1;
      fields.push(text.slice(start, at).trim());
    }
    if (text[at] !== delimiter)
      return { fields, isQuoted, problem: undefined, end: nextLine(text, at), lines };
    at += 1;
  }
}

function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

function isLineEnd(text: string, at: number): boolean {
  return text[at] === "\n" || (text[at] === "\r" && (text[at + 1] === "\n" || at + 1 === text.length));
}

function nextLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}
