import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { MillraceError, reasonOf } from "@millrace/runtime";
import { parseTruthLine, type TruthLine } from "./truth-line.ts";

/** The lines of a truth file in order, torn ones left out. Throws file_unreadable. */
export async function* readTruth(path: string): AsyncGenerator<TruthLine> {
  const input = createReadStream(path, "utf8");
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      const line = text === "" ? undefined : parseTruthLine(text);
      if (line !== undefined) yield line;
    }
  } catch (error) {
    throw new MillraceError("file_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  } finally {
    input.destroy();
  }
}
