import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

/** A file of the repository; `path` is relative to its root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export const repositoryRoot = path.resolve(import.meta.dirname, "../..");

const binaryEnding = /\.(png|jpg|ico|woff2?|bin|gz|zst|node|pbf?)$/;

/** Tracked files, and new ones that git does not ignore. */
export function repositoryFiles(): SourceFile[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repositoryRoot,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const files: SourceFile[] = [];
  for (const name of new Set(listed.split("\0"))) {
    if (name === "" || binaryEnding.test(name)) continue;
    try {
      files.push({ path: name, text: readFileSync(path.join(repositoryRoot, name), "utf8") });
    } catch {
      // tracked but deleted, or a link to a folder
    }
  }
  return files;
}

export const isCode = (file: SourceFile): boolean => /\.(ts|tsx|cjs)$/.test(file.path);
export const isTest = (file: SourceFile): boolean => /\.test\.tsx?$/.test(file.path);

/** Fixtures and doubles that only tests import carry it in their name or folder. */
export function isTestSupport(file: SourceFile): boolean {
  return /(^|\/)(test|fixtures?|golden)\/|fixture|\.test-support\.tsx?$/.test(file.path);
}
