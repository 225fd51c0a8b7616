import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { MillraceError, reasonOf } from "@millrace/runtime";
import { formatTruthLine, type TruthLine } from "./truth-line.ts";

/** Beyond it what is appended does not wait for a flush. */
const BUFFERED_MAX = 1_048_576;

/** Appends to the truth file. What is flushed survives the death of this process, though not of the machine. */
export class TruthLog {
  readonly #path: string;
  readonly #file: number;
  #buffered = "";

  /** Goes on with an existing file, after a torn last line if it has one. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, "a+");
      const size = fstatSync(this.#file).size;
      const last = Buffer.alloc(1);
      if (size > 0 && readSync(this.#file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a)
        this.#buffered = "\n";
    } catch (error) {
      throw new MillraceError("file_unwritable", { path, reason: reasonOf(error) }, { cause: error });
    }
  }

  append(line: TruthLine): void {
    this.#buffered += formatTruthLine(line);
    if (this.#buffered.length >= BUFFERED_MAX) this.flush();
  }

  /** Everything appended is in the file when this returns. */
  flush(): void {
    let rest = Buffer.from(this.#buffered);
    this.#buffered = "";
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#file, rest));
    } catch (error) {
      throw new MillraceError(
        "file_unwritable",
        { path: this.#path, reason: reasonOf(error) },
        { cause: error },
      );
    }
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }

  /** Of a run that failed: a file that holds nothing yet is none that could be gone on with. */
  abandon(): void {
    const { size } = fstatSync(this.#file);
    closeSync(this.#file);
    if (size === 0) rmSync(this.#path, { force: true });
  }
}
