import { basename, extname } from "node:path";

/** What a rotation adds to a name: `.1`, `-20260105`, `-2026-01-05.2`; not `-1`, which tells machines apart. */
const ROTATED_SUFFIX = /^(?:\.\d{1,5}|[.-]\d{8}[\d.-]*|[.-]\d{4}-\d\d-\d\d[\d.-]*)$/;
const COMPRESSED = /\.(?:gz|bz2|xz|zst|zip)$/;

/** The last part of a path with `*` and `?` as a test of names; undefined where it has none. */
export function namePattern(path: string): RegExp | undefined {
  const name = basename(path);
  if (!/[*?]/.test(name)) return undefined;
  const source = name
    .replace(/[\\^$.|+()[\]{}]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "su");
}

/** Of a folder's names those that a rotation of `of` has made and left as they were. */
export function rotationsOf(names: readonly string[], of: string): string[] {
  return names.filter((name) => isRotationOf(name, of) && !COMPRESSED.test(name));
}

/** Whether `name` is what a rotation makes of `of`: `log.1` of `log`, `app-20260105.log` and `app.1.log` of `app.log`. */
export function isRotationOf(name: string, of: string): boolean {
  if (name.startsWith(of)) return ROTATED_SUFFIX.test(name.slice(of.length));
  const extension = extname(of);
  const stem = basename(of, extension);
  if (extension === "" || !name.startsWith(stem) || !name.endsWith(extension)) return false;
  return ROTATED_SUFFIX.test(name.slice(stem.length, name.length - extension.length));
}

/** Of a folder's names those to follow: matched, not compressed, not another one's rotation. */
export function followedNames(names: readonly string[], pattern: RegExp): string[] {
  const matched = names.filter((name) => pattern.test(name) && !COMPRESSED.test(name)).sort();
  return matched.filter((name) => !matched.some((other) => other !== name && isRotationOf(name, other)));
}

/** What a topic's `{file}` stands for. */
export function capturesOf(path: string): { readonly file: string } {
  return { file: basename(path, extname(path)) };
}
