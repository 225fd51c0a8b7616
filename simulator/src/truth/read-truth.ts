import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { MillraceError, reasonOf } from "@millrace/runtime";
import { parseTruthLine, type TruthLine } from "./truth-line.ts";

/** The lines of a truth file in order, torn ones left out. Throws file_unreadable. */
export async function* readTruth(path: string): AsyncGenerator<TruthLine> {
  for await (const text of textLines(path)) {
    const line = text === "" ? undefined : parseTruthLine(text);
    if (line !== undefined) yield line;
  }
}

/** Throws file_unreadable. */
export async function* textLines(path: string): AsyncGenerator<string> {
  const input = createReadStream(path, "utf8");
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (error) {
    throw new MillraceError("file_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  } finally {
    input.destroy();
  }
}
