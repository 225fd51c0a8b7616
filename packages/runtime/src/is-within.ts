import { isAbsolute, relative, sep } from "node:path";

/** Whether a folder is another one, or somewhere below it, by their names. */
export function isWithin(path: string, folder: string): boolean {
  const below = relative(folder, path);
  // On another drive there is no way from one to the other.
  return !isAbsolute(below) && below.split(sep)[0] !== "..";
}
