import { readFileSync } from "node:fs";

/** What a process has used since its start. */
export interface ProcessUsage {
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Linux counts processor time in hundredths of a second (USER_HZ) and memory in pages. */
const MS_PER_TICK = 10;
const PAGE_BYTES = 4_096;
const USER_TICKS_AT = 11;
const SYSTEM_TICKS_AT = 12;
const RESIDENT_PAGES_AT = 21;

/** Of any process, from /proc; null where there is none (not Linux), or when the process has ended. */
export function processUsage(pid: number): ProcessUsage | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return null;
  }
  // The second field, the name in parentheses, may hold spaces: count from behind it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    cpuMs: (Number(fields[USER_TICKS_AT]) + Number(fields[SYSTEM_TICKS_AT])) * MS_PER_TICK,
    residentBytes: Number(fields[RESIDENT_PAGES_AT]) * PAGE_BYTES,
  };
}
