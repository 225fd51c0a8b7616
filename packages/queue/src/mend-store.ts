import { link, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { type LevelManifest, decodeManifest, encodeManifest, type ManifestTable } from "./level-manifest.ts";
import { mendTable } from "./mend-table.ts";
import { readTable } from "./table-damage.ts";

/**
 * Makes of a damaged store one that LevelDB can bear, and keeps all that is whole. LevelDB's own repair copies tables without
 * a look at their checksums, and ends the process where a damaged key is out of order. Here damaged tables are replaced by
 * what is left of them, under the same number, and a new manifest names them; logs stay for LevelDB, which looks at their
 * checksums. What is replaced is kept in `asidePath`. Cut short at any step, it is done anew by the next start: a manifest
 * that does not fit its tables is damage too. Nobody else may hold the store; afterwards it must be opened by `settle`.
 *
 * Where the manifest is damaged, nothing tells the levels of the tables: all are put in the first, and the file MERGE says
 * until then that a compaction must merge them before anything is read by its key, for LevelDB takes the table of the
 * greatest number there for the newest.
 */
export async function mendStore(path: string, asidePath: string): Promise<readonly string[]> {
  const names = await readdir(path);
  const known = await readManifest(path, names);
  const isFitting = known !== undefined && isEveryTableThere(known, names) && !names.includes("MERGE");
  const tables = new Map<number, ManifestTable>();
  const damaged: string[] = [];
  let lastSequence = known?.lastSequence ?? 0;
  for (const name of names.filter((each) => TABLE_FILE.test(each)).toSorted()) {
    const number = numberOf(name);
    if (isFitting && !known.tables.has(number)) continue;
    const bytes = await readTable(`${path}/${name}`);
    const table = mendTable(bytes);
    if (table?.mended !== undefined || table === undefined) {
      damaged.push(name);
      await replace(path, { name, asidePath, bytes: table?.mended });
    }
    if (table === undefined) continue;
    const { mended, smallest, largest } = table;
    lastSequence = Math.max(lastSequence, table.lastSequence);
    const level = isFitting ? (known.tables.get(number)?.level ?? 0) : 0;
    tables.set(number, { level, bytes: (mended ?? bytes).length, smallest, largest });
  }
  const number = 1 + Math.max(0, known?.nextFileNumber ?? 0, ...names.map(numberOf));
  const { logNumber, previousLogNumber } = isFitting ? known : { logNumber: 0, previousLogNumber: 0 };
  const manifest = { logNumber, previousLogNumber, nextFileNumber: number + 1, lastSequence, tables };
  const manifestName = `MANIFEST-${String(number).padStart(6, "0")}`;
  if (!isFitting) await writeSynced(`${path}/MERGE`, new Uint8Array(0));
  await writeSynced(`${path}/${manifestName}`, encodeManifest(manifest));
  await syncFolder(path);
  await writeSynced(`${path}/CURRENT.new`, Buffer.from(`${manifestName}\n`));
  await rename(`${path}/CURRENT.new`, `${path}/CURRENT`);
  await syncFolder(path);
  return damaged;
}

/** Whether a mended store has not been merged yet. */
export async function isUnmerged(path: string): Promise<boolean> {
  return (await readdir(path)).includes("MERGE");
}

export async function noteMerged(path: string): Promise<void> {
  await rm(`${path}/MERGE`, { force: true });
}

/** The manifest that LevelDB will read; undefined where none is whole. */
export async function readManifest(
  path: string,
  names: readonly string[],
): Promise<LevelManifest | undefined> {
  const current = await readFile(`${path}/CURRENT`, "utf8").catch(() => "");
  const newest = names
    .filter((name) => MANIFEST_FILE.test(name))
    .toSorted((a, b) => numberOf(a) - numberOf(b));
  const name = names.find((each) => MANIFEST_FILE.test(each) && current === `${each}\n`) ?? newest.at(-1);
  const bytes = name === undefined ? undefined : await readFile(`${path}/${name}`).catch(() => undefined);
  return bytes === undefined ? undefined : decodeManifest(bytes);
}

const TABLE_FILE = /^\d+\.(?:ldb|sst)$/;
const MANIFEST_FILE = /^MANIFEST-\d+$/;

/** Where one is missing, the manifest may be an older one than it was. */
function isEveryTableThere({ tables }: LevelManifest, names: readonly string[]): boolean {
  const numbers = new Set(names.filter((name) => TABLE_FILE.test(name)).map(numberOf));
  return [...tables.keys()].every((number) => numbers.has(number));
}

function numberOf(name: string): number {
  return Number(/^(?:MANIFEST-)?(\d+)/.exec(name)?.[1] ?? 0);
}

async function replace(
  path: string,
  {
    name,
    asidePath,
    bytes,
  }: { readonly name: string; readonly asidePath: string; readonly bytes: Uint8Array | undefined },
): Promise<void> {
  await mkdir(asidePath, { recursive: true });
  const [from, to] = [`${path}/${name}`, `${asidePath}/${name}`];
  if (bytes === undefined) return rename(from, to);
  await writeSynced(`${from}.new`, bytes);
  // At every moment one of the two is there. A file system without links keeps none aside.
  await link(from, to).catch(() => undefined);
  await rename(`${from}.new`, from);
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes, { flush: true });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
