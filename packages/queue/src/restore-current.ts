import { open, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { decodeManifest } from "./level-manifest.ts";

const MANIFEST_FILE = /^MANIFEST-\d+$/;
const TABLE_FILE = /^(\d+)\.(?:ldb|sst)$/;
const LOG_FILE = /^(\d+)\.log$/;

/**
 * CURRENT says nothing but which manifest counts. Where it is gone or damaged and there is one manifest alone, which is
 * sound, and whose tables and log are all that lie there, to the byte, it is made again, and nothing is lost: an edit that
 * were missing at the manifest's end would have left a table, or its log, that does not fit. True where that was done.
 * Nobody else may hold the store.
 */
export async function restoreCurrent(path: string): Promise<boolean> {
  const names = await readdir(path);
  const manifests = names.filter((name) => MANIFEST_FILE.test(name));
  if (manifests.length !== 1 || names.includes("MERGE") || names.includes("LOST")) return false;
  if (!(await isFitting(path, manifests[0], names))) return false;
  await writeFile(`${path}/CURRENT.new`, `${manifests[0]}\n`, { flush: true });
  await rename(`${path}/CURRENT.new`, `${path}/CURRENT`);
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return true;
}

/** Whether CURRENT names nothing that is there, in a folder that has a manifest. */
export async function isCurrentLost(path: string): Promise<boolean> {
  const names = await readdir(path);
  if (!names.some((name) => MANIFEST_FILE.test(name))) return false;
  const current = await readFile(`${path}/CURRENT`, "utf8").catch(() => "");
  return !names.some((name) => MANIFEST_FILE.test(name) && current === `${name}\n`);
}

async function isFitting(path: string, manifestName: string, names: readonly string[]): Promise<boolean> {
  const manifest = decodeManifest(await readFile(`${path}/${manifestName}`));
  if (manifest === undefined) return false;
  const logs = numbersOf(names, LOG_FILE);
  const tables = numbersOf(names, TABLE_FILE);
  if (!logs.has(manifest.logNumber) || tables.size !== manifest.tables.size) return false;
  for (const [number, { bytes }] of manifest.tables) {
    const name = tables.get(number);
    if (name === undefined || (await stat(`${path}/${name}`)).size !== bytes) return false;
  }
  return true;
}

function numbersOf(names: readonly string[], pattern: RegExp): ReadonlyMap<number, string> {
  return new Map(
    names.flatMap((name) => {
      const match = pattern.exec(name);
      return match === null ? [] : [[Number(match[1]), name] as const];
    }),
  );
}
