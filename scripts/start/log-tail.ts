import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const TAIL_BYTES_MAX = 65_536;

/** The last lines of a log file, at most 64 KiB of them; none when there is no file. */
export function lastLines(path: string, count: number): string[] {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return [];
  }
  try {
    const size = fstatSync(file).size;
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES_MAX));
    readSync(file, tail, 0, tail.length, size - tail.length);
    return tail
      .toString("utf8")
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(-count);
  } finally {
    closeSync(file);
  }
}
