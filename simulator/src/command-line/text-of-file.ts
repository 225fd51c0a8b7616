import { readFileSync } from "node:fs";
import { MillraceError, reasonOf } from "@millrace/runtime";

/** Null: no file is named. Throws file_unreadable. */
export function textOfFile(path: string | undefined): string | null {
  if (path === undefined) return null;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new MillraceError("file_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  }
}
