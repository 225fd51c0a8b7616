import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { MillraceError, reasonOf } from "@millrace/runtime";
import { parseTruthLine, type TruthLine } from "./truth-line.ts";

/** Who wants to know how far the reading is. */
export interface ReadingWatch {
  /** Of the file's bytes about so many are read. */
  onLine(bytesRead: number): void;
  /** The file will be read so often, all in all. */
  willRead(passes: number): void;
}

/** The lines of a truth file in order, torn ones left out. Throws file_unreadable. */
export async function* readTruth(path: string, watch?: ReadingWatch): AsyncGenerator<TruthLine> {
  for await (const text of textLines(path, watch)) {
    const line = text === "" ? undefined : parseTruthLine(text);
    if (line !== undefined) yield line;
  }
}

/** As `readTruth`, each with its number in the file, from 1. */
export async function* readNumberedTruth(
  path: string,
  watch?: ReadingWatch,
): AsyncGenerator<{ readonly number: number; readonly line: TruthLine }> {
  let number = 0;
  for await (const text of textLines(path, watch)) {
    number += 1;
    const line = text === "" ? undefined : parseTruthLine(text);
    if (line !== undefined) yield { number, line };
  }
}

/** Throws file_unreadable. */
export async function* textLines(path: string, watch?: ReadingWatch): AsyncGenerator<string> {
  const input = createReadStream(path, "utf8");
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      watch?.onLine(input.bytesRead);
      yield text;
    }
  } catch (error) {
    throw new MillraceError("file_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  } finally {
    input.destroy();
  }
}
