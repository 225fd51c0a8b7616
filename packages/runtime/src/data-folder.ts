import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { MillraceError, reasonOf } from "./error.ts";

/**
 * Makes the data folder where it is missing, private to its owner, and checks that it can be written. `setting`: what
 * names it. Throws `folder_unwritable`, or `file_system_unwritable` where no right would help.
 */
export function prepareDataFolder(path: string, setting = "`data`"): void {
  try {
    makeFolder(path);
    if (!statSync(path).isDirectory()) throw new Error("a file of that name is in the way");
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reason = FOLDER_REASONS.get(code) ?? reasonOf(error);
    if (FILE_SYSTEM_CODES.has(code))
      throw new MillraceError("file_system_unwritable", { path, reason, setting }, { cause: error });
    throw new MillraceError(
      "folder_unwritable",
      { path, reason, setting, user: userName() },
      { cause: error },
    );
  }
}

/** Not `recursive: true`: Node then never returns where a parent answers ENOENT to everything, as /proc does. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

const FILE_SYSTEM_CODES: ReadonlySet<string> = new Set(["EROFS", "ENOSPC"]);

const FOLDER_REASONS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EROFS", "the file system is read-only"],
  ["ENOENT", "the file system there takes no folders"],
  ["ENOSPC", "the disk is full"],
  ["EEXIST", "a file of that name is in the way"],
  ["ENOTDIR", "a part of the path is a file"],
]);

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "this user");
  }
}
