import { codeOnly } from "./code-only.ts";
import { isTest, type SourceFile } from "./source-file.ts";

/** An entry of test/skips.json. `test` is "file > name", or the file alone when all of it may be skipped. */
export interface KnownSkip {
  readonly test: string;
  readonly reason: string;
}

const skip =
  /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|skipIf|runIf|todo|only)\b|\b(?:ctx|context)\.skip\(|(?<![.#\w])skip\(/g;

/** Test files that may skip something without saying why in test/skips.json, and entries without a reason or a file. */
export function unexplainedSkips(files: readonly SourceFile[], known: readonly KnownSkip[]): string[] {
  const paths = new Set(files.map((file) => file.path));
  const fileOf = (entry: KnownSkip) => entry.test.split(" > ")[0] ?? "";
  const explained = new Set(known.map(fileOf));
  const silent = files
    .filter((file) => isTest(file) && !explained.has(file.path))
    .flatMap((file) =>
      [...codeOnly(file.text).matchAll(skip)].map((match) => `${file.path} has ${match[0]}`),
    );
  const empty = known
    .filter((entry) => entry.reason.trim() === "")
    .map((entry) => `${entry.test} has no reason`);
  const stale = known
    .filter((entry) => !paths.has(fileOf(entry)))
    .map((entry) => `${entry.test} does not exist`);
  return [...silent, ...empty, ...stale];
}
