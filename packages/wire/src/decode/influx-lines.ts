import { DECIMAL_NUMBER } from "./decimal-number.ts";
import { decodeFailure } from "./decode-failure.ts";
import type { DecodeFailure } from "./decoded.ts";
import { ELEMENTS_MAX } from "./elements-max.ts";
import type { ParsedPayload } from "./parsed-payload.ts";
import { shownText } from "./shown-text.ts";

type Pairs<Value> = readonly (readonly [key: string, value: Value])[];

export interface InfluxLine {
  readonly measurement: string;
  readonly tags: Pairs<string>;
  /** Integers as numbers; text as text; a number may be infinite. */
  readonly fields: Pairs<number | string | boolean>;
  /** Its digits; undefined when the line has none. */
  readonly time: string | undefined;
  /** From 1: where it begins. */
  readonly line: number;
}

/**
 * InfluxDB line protocol: `measurement,tag=a field=1.5,count=3i,on=t,text="a b" 1700000000000000000`. Backslashes escape
 * what would end a name, and the quote in text; elsewhere they stand for themselves. Blank lines and `# comments` are
 * passed over. A line that cannot be read costs no other.
 */
export function influxLines(text: string): ParsedPayload<InfluxLine> {
  const parts: InfluxLine[] = [];
  const failures: DecodeFailure[] = [];
  let unreadCount = 0;
  let number = 1;
  let at = 0;
  while (at < text.length) {
    const start = at;
    while (text[at] === " " || text[at] === "\t" || text[at] === "\r") at += 1;
    let end = at;
    if (at < text.length && text[at] !== "\n" && text[at] !== "#") {
      if (parts.length + failures.length >= ELEMENTS_MAX) unreadCount += 1;
      else {
        const line = new LineReader(text, at);
        const read = line.read(number);
        end = line.at;
        if (typeof read === "string") {
          const detail = `line ${number}: ${read}: ${shownText(text.slice(at, nextLine(text, at)).trimEnd())}`;
          failures.push(decodeFailure("malformed", detail));
        } else parts.push(read);
      }
    }
    at = nextLine(text, end);
    for (let index = start; index < at; index += 1) if (text[index] === "\n") number += 1;
  }
  if (unreadCount > 0)
    failures.push(decodeFailure("too_many", `more than ${ELEMENTS_MAX} lines`, unreadCount));
  return { parts, failures };
}

function nextLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

const INTEGER = /^(?:[+-]?\d+i|\+?\d+u)$/;
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["t", "T", "true", "True", "TRUE"].map((text) => [text, true] as const),
  ...["f", "F", "false", "False", "FALSE"].map((text) => [text, false] as const),
]);

class LineReader {
  readonly #text: string;
  /** How far it has read. */
  at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  /** The line, or what is wrong with it. */
  read(line: number): InfluxLine | string {
    const measurement = this.#name(", ", ", ");
    if (measurement === "") return "no measurement";
    const tags: [string, string][] = [];
    while (this.#skip(",")) {
      const key = this.#name("=, ", ",= ");
      if (key === "" || !this.#skip("=")) return "a tag is not name=value";
      const value = this.#name(",= ", ",= ");
      if (value === "" || this.#is("=")) return `tag ${shownText(key)} has no value`;
      tags.push([key, value]);
    }
    if (!this.#skipBlanks()) return "no fields";
    const fields: [string, number | string | boolean][] = [];
    do {
      const key = this.#name("=, ", ",= ");
      if (key === "" || !this.#skip("=")) return "a field is not name=value";
      const value = this.#is('"') ? this.#quoted() : this.#plainValue();
      if (value === undefined) return `field ${shownText(key)} has no value`;
      fields.push([key, value]);
    } while (this.#skip(","));
    const hasBlanks = this.#skipBlanks();
    const time = this.#name(" ", "");
    this.#skipBlanks();
    if (!this.#isAtEnd() || (time !== "" && (!hasBlanks || !/^-?\d+$/.test(time))))
      return "no time at the end";
    return { measurement, tags, fields, time: time === "" ? undefined : time, line };
  }

  #is(character: string): boolean {
    return this.#text[this.at] === character;
  }

  #skip(character: string): boolean {
    const isThere = this.#is(character);
    if (isThere) this.at += 1;
    return isThere;
  }

  #skipBlanks(): boolean {
    const start = this.at;
    while (this.#is(" ")) this.at += 1;
    return this.at > start;
  }

  #isAtEnd(): boolean {
    const rest = this.#text.length - this.at;
    if (rest === 0 || this.#is("\n")) return true;
    return this.#is("\r") && (rest === 1 || this.#text[this.at + 1] === "\n");
  }

  /** Up to one of `ends` or the line's end; a backslash takes its meaning from one of `escaped`. */
  #name(ends: string, escaped: string): string {
    let name = "";
    let start = this.at;
    for (; !this.#isAtEnd() && !ends.includes(this.#text[this.at]); this.at += 1) {
      if (!this.#isEscape(this.at, escaped)) continue;
      name += this.#text.slice(start, this.at);
      this.at += 1;
      start = this.at;
    }
    return name + this.#text.slice(start, this.at);
  }

  #isEscape(at: number, escaped: string): boolean {
    return this.#text[at] === "\\" && at + 1 < this.#text.length && escaped.includes(this.#text[at + 1]);
  }

  #plainValue(): number | boolean | undefined {
    const text = this.#name(", ", "");
    if (INTEGER.test(text)) return Number(text.slice(0, -1));
    return DECIMAL_NUMBER.test(text) ? Number(text) : BOOLEANS.get(text);
  }

  /** Text in quotes, which may go over lines; undefined when it is not closed. */
  #quoted(): string | undefined {
    let text = "";
    let start = this.at + 1;
    for (let at = start; at < this.#text.length; at += 1) {
      if (this.#text[at] === '"') {
        this.at = at + 1;
        return text + this.#text.slice(start, at);
      }
      if (!this.#isEscape(at, '"\\')) continue;
      text += this.#text.slice(start, at);
      at += 1;
      start = at;
    }
    return undefined;
  }
}
