import { type CsvRow, csvRows } from "./csv-rows.ts";
import { decodeFailure } from "./decode-failure.ts";
import type { DecodeFailure } from "./decoded.ts";
import { FlatJson } from "./flat-json.ts";
import { type InfluxLine, influxLines } from "./influx-lines.ts";
import type { ParsedPayload } from "./parsed-payload.ts";
import { type SenmlRecord, senmlRecords } from "./senml-records.ts";
import { shownText } from "./shown-text.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** One payload, parsed at most once in each way however many metrics read it. */
export class Payload {
  readonly #bytes: Uint8Array;
  readonly #nowMs: number;
  #text: { readonly text: string | undefined } | undefined;
  #json: { readonly parsed: { readonly value: unknown } | undefined } | undefined;
  #flat: { readonly json: FlatJson | undefined } | undefined;
  #rows: Map<string, readonly CsvRow[]> | undefined;
  #lines: readonly InfluxLine[] | undefined;
  #records: readonly SenmlRecord[] | undefined;
  /** What was found in it by now that no metric can read. */
  readonly failures: DecodeFailure[] = [];

  /** `nowMs`: event time of its arrival, for times that are relative to now. `bytes` must not change meanwhile. */
  constructor(bytes: Uint8Array, nowMs: number) {
    this.#bytes = bytes;
    this.#nowMs = nowMs;
  }

  /** Undefined when it is not UTF-8. */
  text(): string | undefined {
    if (this.#text === undefined) {
      try {
        this.#text = { text: UTF8.decode(this.#bytes) };
      } catch {
        this.#text = { text: undefined };
        this.failures.push(decodeFailure("malformed", "not UTF-8"));
      }
    }
    return this.#text.text;
  }

  /** Undefined when it is not JSON. */
  json(): { readonly value: unknown } | undefined {
    this.#json ??= { parsed: this.#parseJson() };
    return this.#json.parsed;
  }

  /** Undefined when it is not flat JSON of the plain kind: then `json` decides. */
  flatJson(): FlatJson | undefined {
    this.#flat ??= { json: FlatJson.scan(this.#bytes) };
    return this.#flat.json;
  }

  csvRows(delimiter: string): readonly CsvRow[] {
    this.#rows ??= new Map();
    let rows = this.#rows.get(delimiter);
    if (rows === undefined) {
      rows = this.#keep(this.#parseText((text) => csvRows(text, delimiter)));
      this.#rows.set(delimiter, rows);
    }
    return rows;
  }

  influxLines(): readonly InfluxLine[] {
    this.#lines ??= this.#keep(this.#parseText(influxLines));
    return this.#lines;
  }

  senmlRecords(): readonly SenmlRecord[] {
    if (this.#records === undefined) {
      const json = this.json();
      this.#records = json === undefined ? [] : this.#keep(senmlRecords(json.value, this.#nowMs));
    }
    return this.#records;
  }

  #parseJson(): { readonly value: unknown } | undefined {
    const text = this.text();
    if (text === undefined) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      return { value };
    } catch {
      this.failures.push(decodeFailure("malformed", `not JSON: ${shownText(text)}`));
      return undefined;
    }
  }

  #parseText<Part>(parse: (text: string) => ParsedPayload<Part>): ParsedPayload<Part> {
    const text = this.text();
    return text === undefined ? { parts: [], failures: [] } : parse(text);
  }

  #keep<Part>({ parts, failures }: ParsedPayload<Part>): readonly Part[] {
    for (const failure of failures) this.failures.push(failure);
    return parts;
  }
}
