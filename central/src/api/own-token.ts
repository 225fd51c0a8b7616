import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "@millrace/runtime";

const FILE = "api.token";

/**
 * A token for the commands on this machine: whoever may read central's data folder operates it. New at each start. No address
 * tells who is on this machine: behind a proxy here everybody has it.
 */
export function writeOwnToken(dataFolder: string, random: Random): string {
  const token = random.hex(32);
  const path = join(dataFolder, FILE);
  const next = `${path}.new`;
  rmSync(next, { force: true });
  writeFileSync(next, `${token}\n`, { mode: 0o600, flag: "wx" });
  renameSync(next, path);
  return token;
}

/** Null where there is none, or this user may not read it. */
export function readOwnToken(dataFolder: string): string | null {
  try {
    return readFileSync(join(dataFolder, FILE), "utf8").trim();
  } catch {
    return null;
  }
}
