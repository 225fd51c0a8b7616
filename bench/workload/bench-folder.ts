import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

const DATA_FOLDER = join(import.meta.dirname, "../../data");

/** Runs with a folder of its own on this checkout's disk (not in memory, as /tmp may be), which is gone afterwards. */
export async function inBenchFolder<Result>(run: (folder: string) => Promise<Result>): Promise<Result> {
  mkdirSync(DATA_FOLDER, { recursive: true });
  const folder = mkdtempSync(join(DATA_FOLDER, "bench-"));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
