import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { isTableDamaged } from "./table-damage.ts";

/**
 * A damaged table can end the process in the midst of LevelDB, at each start anew. So starts are counted that did not come to
 * an orderly end, in the file STARTS of the store's folder: JSON { count, atMs, sound }. After two that died young the tables
 * are looked at, block by block, and damaged ones are moved out of LevelDB's way. Whatever else kills young processes must
 * not wait for a large store each time: a start looks at LOOK_BYTES of tables, the next at twice as many, those after at
 * four times as many, and none twice (LevelDB never changes a table).
 */
const DIED_YOUNG_MS = 600_000;
const DEATHS_MAX = 2;
/** A tenth of a second. */
const LOOK_BYTES = 32 * 1024 * 1024;
/** A younger table may be one that another process, which holds the store after all, is writing. */
const TABLE_AGE_MS_MIN = 10_000;

interface Starts {
  readonly count: number;
  readonly atMs: number;
  /** Names of tables that were found sound. */
  readonly sound: readonly string[];
}

/** The damaged tables that were moved to `asidePath`; mostly none, without a look. Nobody else may hold the store. */
export async function watchStart(
  path: string,
  options: { readonly asidePath: string; readonly nowMs: number; readonly lookBytes?: number },
): Promise<readonly string[]> {
  const { asidePath, nowMs, lookBytes = LOOK_BYTES } = options;
  const before = await startsBefore(path, nowMs);
  const starts: Starts = { ...before, count: before.count + 1, atMs: nowMs };
  await writeStarts(path, starts);
  if (starts.count <= DEATHS_MAX) return [];
  const bytesMax = lookBytes * Math.min(4, 2 ** (starts.count - DEATHS_MAX - 1));
  const { sound, damaged } = await lookAtTables(path, { known: starts.sound, bytesMax, nowMs });
  for (const name of damaged) {
    await mkdir(asidePath, { recursive: true });
    await rename(`${path}/${name}`, `${asidePath}/${name}`);
  }
  await writeStarts(path, { ...starts, sound });
  return damaged;
}

/** An orderly end. */
export async function forgetStarts(path: string): Promise<void> {
  await rm(`${path}/STARTS`, { force: true });
}

function writeStarts(path: string, starts: Starts): Promise<void> {
  return writeFile(`${path}/STARTS`, JSON.stringify(starts));
}

async function startsBefore(path: string, nowMs: number): Promise<Omit<Starts, "atMs">> {
  const none = { count: 0, sound: [] };
  try {
    const starts: unknown = JSON.parse(await readFile(`${path}/STARTS`, "utf8"));
    if (typeof starts !== "object" || starts === null || !("count" in starts && "atMs" in starts))
      return none;
    const { count, atMs } = starts;
    if (typeof count !== "number" || typeof atMs !== "number") return none;
    if (Math.abs(nowMs - atMs) >= DIED_YOUNG_MS) return none;
    const sound = "sound" in starts && Array.isArray(starts.sound) ? starts.sound : [];
    return { count, sound: sound.filter((name) => typeof name === "string") };
  } catch {
    return none;
  }
}

async function lookAtTables(
  path: string,
  options: { readonly known: readonly string[]; readonly bytesMax: number; readonly nowMs: number },
): Promise<{ sound: readonly string[]; damaged: readonly string[] }> {
  const known = new Set(options.known);
  const sound: string[] = [];
  const damaged: string[] = [];
  let bytes = 0;
  for (const name of (await readdir(path)).filter((each) => /^\d+\.(?:ldb|sst)$/.test(each)).toSorted()) {
    if (known.has(name)) {
      sound.push(name);
      continue;
    }
    const { mtimeMs, size } = await stat(`${path}/${name}`);
    if (options.nowMs - mtimeMs < TABLE_AGE_MS_MIN || bytes >= options.bytesMax) continue;
    bytes += size;
    (isTableDamaged(await readFile(`${path}/${name}`)) ? damaged : sound).push(name);
  }
  return { sound, damaged };
}
