import type { FileFormat } from "@millrace/config";
import { csvCells } from "./csv-cells.ts";

/** What a line becomes: a payload, or why it is none. */
export type LinePayload =
  | { readonly payload: Uint8Array; readonly malformed?: undefined }
  | { readonly payload: Uint8Array; readonly malformed: string };

/** Turns the lines of one file into payloads. A CSV file's first line, its header, has to be given first. */
export class LineReader {
  readonly #format: FileFormat;
  #header: readonly string[] | undefined;

  constructor(format: FileFormat) {
    this.#format = format;
  }

  /** The first line of the file names the cells, and has not been given yet. */
  get needsHeader(): boolean {
    return this.#format.kind === "csv" && this.#header === undefined;
  }

  setHeader(line: Uint8Array): void {
    if (this.#format.kind === "csv")
      this.#header = csvCells(LOSSY.decode(line), this.#format.delimiter) ?? [];
  }

  read(line: Uint8Array): LinePayload {
    if (this.#format.kind === "lines") return { payload: line };
    let text: string;
    try {
      text = STRICT.decode(line);
    } catch {
      return { payload: line, malformed: "not UTF-8" };
    }
    if (this.#format.kind === "pattern") {
      const groups = this.#format.pattern.exec(text)?.groups;
      if (groups === undefined) return { payload: line, malformed: "the pattern does not match the line" };
      return { payload: ENCODER.encode(JSON.stringify(groups)) };
    }
    const header = this.#header ?? [];
    const cells = csvCells(text, this.#format.delimiter);
    if (cells === undefined) return { payload: line, malformed: "a quote is not closed in this line" };
    if (cells.length !== header.length) {
      return { payload: line, malformed: `${cells.length} cells, and the header has ${header.length}` };
    }
    const fields = header.map((name, index): [string, string] => [name, cells[index]]);
    return { payload: ENCODER.encode(JSON.stringify(Object.fromEntries(fields))) };
  }
}

const STRICT = new TextDecoder("utf-8", { fatal: true });
const LOSSY = new TextDecoder("utf-8");
const ENCODER = new TextEncoder();
