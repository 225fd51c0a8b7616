import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** Names of the shared libraries that a file needs, as this machine's loader finds them; those of its libraries too. */
export function sharedLibraries(path: string): string[] {
  const text = execFileSync("ldd", [path], { encoding: "utf8" });
  return text
    .split("\n")
    .map((line) => basename(line.trim().split(" ")[0] ?? ""))
    .filter((name) => name !== "")
    .sort();
}

/** The newest version of a library's symbols that a file names: `2.28` for `GLIBC`. Undefined when it names none. */
export function newestSymbolVersion(path: string, library: "GLIBC" | "GLIBCXX"): string | undefined {
  const text = readFileSync(path, "latin1");
  const versions = [...text.matchAll(new RegExp(`\\b${library}_(\\d+(?:\\.\\d+)+)\\b`, "g"))].map(
    (match) => match[1] ?? "",
  );
  return versions.toSorted(compareVersions).at(-1);
}

export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
