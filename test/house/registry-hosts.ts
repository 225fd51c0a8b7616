import type { SourceFile } from "./source-file.ts";

/** A registry is a machine's own choice: the lockfile and the files name packages and versions, never a host. */
const host =
  /\bregistry\.(npmjs\.org|yarnpkg\.com|npmmirror\.com)|\b(npm\.pkg\.github\.com|pypi\.org|files\.pythonhosted\.org|repo1?\.maven\.(org|apache\.org)|deb\.debian\.org)\b/;
const setting = /^\s*(@[\w-]+:)?registry\s*=|(?:https?:)?\/\/[^\s"']*:_(auth|password)/i;

export function registryHosts(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => {
      const isResolved = path.endsWith("package-lock.json") && /"resolved":\s*"[a-z+]+:/.test(line);
      const isSetting = path.endsWith(".npmrc") && setting.test(line);
      return host.test(line) || isResolved || isSetting
        ? [`${path}:${index + 1} names a registry: ${line.trim()}`]
        : [];
    }),
  );
}
