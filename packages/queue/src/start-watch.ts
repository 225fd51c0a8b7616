import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { isTableDamaged } from "./table-damage.ts";

/**
 * A damaged table can end the process in the midst of LevelDB, at each start anew. So starts are counted that did not come to
 * an orderly end, in the file STARTS of the store's folder: JSON { count, atMs }. After two that died young the tables are
 * looked at, block by block, and damaged ones are moved out of LevelDB's way.
 */
const DIED_YOUNG_MS = 600_000;
const DEATHS_MAX = 2;
/** A younger table may be one that another process, which holds the store after all, is writing. */
const TABLE_AGE_MS_MIN = 10_000;

/** The damaged tables that were moved to `asidePath`; mostly none, without a look. Nobody else may hold the store. */
export async function watchStart(path: string, asidePath: string, nowMs: number): Promise<readonly string[]> {
  const count = (await countBefore(path, nowMs)) + 1;
  const isSuspect = count > DEATHS_MAX;
  // Once looked at they are not looked at again until as many starts have died of it: all tables are long to read.
  await writeFile(`${path}/STARTS`, JSON.stringify({ count: isSuspect ? 1 : count, atMs: nowMs }));
  return isSuspect ? await setTablesAside(path, asidePath, nowMs) : [];
}

/** An orderly end. */
export async function forgetStarts(path: string): Promise<void> {
  await rm(`${path}/STARTS`, { force: true });
}

async function countBefore(path: string, nowMs: number): Promise<number> {
  try {
    const starts: unknown = JSON.parse(await readFile(`${path}/STARTS`, "utf8"));
    if (typeof starts !== "object" || starts === null || !("count" in starts && "atMs" in starts)) return 0;
    const { count, atMs } = starts;
    if (typeof count !== "number" || typeof atMs !== "number") return 0;
    return Math.abs(nowMs - atMs) < DIED_YOUNG_MS ? count : 0;
  } catch {
    return 0;
  }
}

async function setTablesAside(path: string, asidePath: string, nowMs: number): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const name of (await readdir(path)).filter((each) => /^\d+\.(?:ldb|sst)$/.test(each))) {
    const { mtimeMs } = await stat(`${path}/${name}`);
    if (nowMs - mtimeMs < TABLE_AGE_MS_MIN || !isTableDamaged(await readFile(`${path}/${name}`))) continue;
    await mkdir(asidePath, { recursive: true });
    await rename(`${path}/${name}`, `${asidePath}/${name}`);
    damaged.push(name);
  }
  return damaged;
}
