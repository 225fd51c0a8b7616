import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { median } from "./statistics.ts";

const WRITES = 100;
const WRITE_BYTES = 4_096;

/** Median time to append 4 KiB to a file in this folder and have it on the disk, ms: nothing durable is quicker. */
export function syncTimeMs(folder: string): number {
  const path = join(folder, "sync-time");
  const file = openSync(path, "w");
  const bytes = new Uint8Array(WRITE_BYTES);
  const times: number[] = [];
  for (let write = 0; write < WRITES; write += 1) {
    const startedMs = performance.now();
    writeSync(file, bytes);
    fdatasyncSync(file);
    times.push(performance.now() - startedMs);
  }
  closeSync(file);
  rmSync(path);
  return median(times);
}
