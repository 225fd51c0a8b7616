import { statSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { readManifest } from "./mend-store.ts";
import { isTableDamaged, readTable } from "./table-damage.ts";

/**
 * A damaged table can end the process in the midst of LevelDB, which does not look at checksums. So the tables are looked at,
 * block by block, before LevelDB gets them; but a start must not wait for all of a large store. It looks at LOOK_BYTES of
 * them. Starts are counted that did not come to an orderly end, in the file STARTS of the store's folder: JSON { count, atMs,
 * sound }. One after another that died young looks at twice as many, those after at four times as many, and at none twice
 * (LevelDB never changes a table): so what it is that ends them is found. Where LevelDB has met damage and told of it, the
 * next start looks at all of them: STARTS is JSON { isDemanded: true } then.
 */
const DIED_YOUNG_MS = 600_000;
/** A tenth of a second. */
const LOOK_BYTES = 32 * 1024 * 1024;

const TABLE = /^\d+\.(?:ldb|sst)$/;

interface Starts {
  readonly count: number;
  readonly atMs: number;
  /** Names of tables that were found sound. */
  readonly sound: readonly string[];
}

/** The tables that were found damaged, or missing. */
export async function watchStart(
  path: string,
  options: { readonly nowMs: number; readonly lookBytes?: number },
): Promise<readonly string[]> {
  const { nowMs, lookBytes = LOOK_BYTES } = options;
  const { isDemanded, ...before } = await startsBefore(path, nowMs);
  const starts: Starts = { ...before, count: before.count + 1, atMs: nowMs };
  // Before the look, which may be what does not come to an end.
  await writeStarts(path, isDemanded ? { ...starts, isDemanded } : starts);
  const bytesMax = isDemanded ? Number.POSITIVE_INFINITY : lookBytes * Math.min(4, 2 ** (starts.count - 1));
  const { sound, damaged } = await lookAtTables(path, { known: starts.sound, bytesMax });
  await writeStarts(path, { ...starts, sound });
  return damaged;
}

/** An orderly end. */
export async function forgetStarts(path: string): Promise<void> {
  await rm(`${path}/STARTS`, { force: true });
}

/** An end after which nothing of the store is to be trusted. */
export async function demandLook(path: string): Promise<void> {
  await writeFile(`${path}/STARTS`, JSON.stringify({ isDemanded: true }));
}

function writeStarts(path: string, starts: Starts & { readonly isDemanded?: true }): Promise<void> {
  return writeFile(`${path}/STARTS`, JSON.stringify(starts));
}

async function startsBefore(
  path: string,
  nowMs: number,
): Promise<Omit<Starts, "atMs"> & { readonly isDemanded: boolean }> {
  const none = { count: 0, sound: [], isDemanded: false };
  try {
    const starts: unknown = JSON.parse(await readFile(`${path}/STARTS`, "utf8"));
    if (typeof starts !== "object" || starts === null) return none;
    if ("isDemanded" in starts && starts.isDemanded === true) return { ...none, isDemanded: true };
    if (!("count" in starts && "atMs" in starts)) return none;
    const { count, atMs } = starts;
    if (typeof count !== "number" || typeof atMs !== "number") return none;
    if (Math.abs(nowMs - atMs) >= DIED_YOUNG_MS) return none;
    const sound = "sound" in starts && Array.isArray(starts.sound) ? starts.sound : [];
    return { count, sound: sound.filter((name) => typeof name === "string"), isDemanded: false };
  } catch {
    return none;
  }
}

async function lookAtTables(
  path: string,
  options: { readonly known: readonly string[]; readonly bytesMax: number },
): Promise<{ sound: readonly string[]; damaged: readonly string[] }> {
  const known = new Set(options.known);
  const sound: string[] = [];
  const damaged: string[] = [];
  let bytes = 0;
  const names = await readdir(path);
  const nameOf = new Map(names.filter((name) => TABLE.test(name)).map((name) => [parseInt(name, 10), name]));
  // A table that is not in the manifest LevelDB was writing when the process ended: it deletes it. Without a manifest it does not open.
  const tables = (await readManifest(path, names))?.tables ?? new Map<number, { bytes: number }>();
  for (const [number, table] of [...tables].toSorted(([a], [b]) => a - b)) {
    const name = nameOf.get(number) ?? `${String(number).padStart(6, "0")}.ldb`;
    // Of thousands, one after another: a thread of its own for each takes ten times as long.
    const size = statSync(`${path}/${name}`, { throwIfNoEntry: false })?.size;
    if (size !== table.bytes) {
      damaged.push(name);
    } else if (known.has(name)) {
      sound.push(name);
    } else if (bytes < options.bytesMax) {
      bytes += size;
      (isTableDamaged(await readTable(`${path}/${name}`)) ? damaged : sound).push(name);
    }
  }
  return { sound, damaged };
}
