import { readFileSync } from "node:fs";

/** Bytes that a process has caused to be written to the disk so far, from /proc; null where there is none. */
export function diskWrites(pid: number): number | null {
  try {
    const found = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"));
    return found === null ? null : Number(found[1]);
  } catch {
    return null;
  }
}
