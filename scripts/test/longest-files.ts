import type { FileDuration } from "./test-tally.ts";

const SHOWN = 10;

/** The files that a shorter run begins with, the longest first. */
export function longestFiles(files: readonly FileDuration[]): readonly FileDuration[] {
  return files.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, SHOWN);
}
