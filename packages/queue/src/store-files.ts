import { readdirSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { isLogDamaged } from "./log-damage.ts";
import { type EndKind, endKindOf, isLogCut, readSyncedNote, type SyncedNote } from "./synced-mark.ts";

/**
 * What the files of a store say before LevelDB opens it: that leaves out what it cannot read, begins an empty store where
 * CURRENT is gone, and does not miss a log. Three small files beside LevelDB's own, whose names it leaves alone, help to tell:
 *
 *   LOST    commits are gone; there from before LevelDB rewrites the damaged files until the loss has been booked
 *   CLOSED  JSON { name: bytes } of the logs at an orderly end; gone while the store is open
 *   SYNCED  how long the log was that was written to, about a second ago at most (synced-mark.ts)
 */
export interface StoreFiles {
  readonly isEmpty: boolean;
  /** LevelDB would begin an empty store over the data that is there. */
  readonly isWithoutCurrent: boolean;
  /** Some of what was committed is gone, and LevelDB will not say so. */
  readonly hasLostCommits: boolean;
  readonly lastEnd: LastEnd;
}

/** How the run before has ended, and what it had. */
export interface LastEnd {
  readonly kind: EndKind;
  /** Null where nothing tells. */
  readonly synced: SyncedNote | null;
  /** Of what was synced, the end is gone. */
  readonly isLogCut: boolean;
}

/** Whether there is a store, or what damage has left of one. Where nobody may look, opening it says why. */
export function isStoreAt(path: string): boolean {
  try {
    return readdirSync(path).some((name) => LEVEL_FILE.test(name));
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

export async function examineFiles(path: string): Promise<StoreFiles> {
  const names = await readdir(path);
  const isEmpty = !names.some((name) => LEVEL_FILE.test(name));
  const isWithoutCurrent = !isEmpty && !names.includes("CURRENT");
  const lastEnd = await lastEndOf(path, names);
  const hasLostCommits =
    names.includes("LOST") ||
    lastEnd.isLogCut ||
    (isEmpty && names.includes("FORMAT")) ||
    (!isEmpty && (isWithoutCurrent || (await hasBadLog(path, names))));
  return { isEmpty, isWithoutCurrent, hasLostCommits, lastEnd };
}

async function lastEndOf(path: string, names: readonly string[]): Promise<LastEnd> {
  const synced = await readSyncedNote(path);
  const isCut = synced !== undefined && isLogCut(synced, await logBytes(path, names));
  // A folder that no store was in yet has had no run.
  const isNew = !names.some((name) => name === "FORMAT" || LEVEL_FILE.test(name));
  const kind = await endKindOf(synced, { isClosed: isNew || names.includes("CLOSED") });
  return { kind, synced: synced ?? null, isLogCut: isCut };
}

/** Durable when it resolves. */
export async function noteLoss(path: string): Promise<void> {
  const file = await open(`${path}/LOST`, "w");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export async function forgetLoss(path: string): Promise<void> {
  await rm(`${path}/LOST`, { force: true });
}

/** Best effort: without it the next start knows a little less. */
export async function noteClosed(path: string): Promise<void> {
  try {
    const file = await open(`${path}/CLOSED.new`, "w");
    try {
      await file.writeFile(JSON.stringify(await logBytes(path, await readdir(path))));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}/CLOSED.new`, `${path}/CLOSED`);
  } catch {
    // A full or read-only disk; the store itself is closed.
  }
}

export async function forgetClosed(path: string): Promise<void> {
  await rm(`${path}/CLOSED`, { force: true });
}

const LEVEL_FILE = /^(?:CURRENT|MANIFEST-\d+|\d+\.(?:ldb|sst|log))$/;
const LOG_FILE = /^\d+\.log$/;

async function hasBadLog(path: string, names: readonly string[]): Promise<boolean> {
  const logs = names.filter((name) => LOG_FILE.test(name));
  // A store that was ever open has one, though it may be empty.
  if (logs.length === 0) return true;
  if (names.includes("CLOSED")) {
    const closed = await readClosed(path);
    const now = await logBytes(path, names);
    // One that cannot be read was written whole: it is not the only thing that is damaged, for all that is known.
    if (closed === undefined || Object.entries(closed).some(([name, bytes]) => now[name] !== bytes))
      return true;
  }
  for (const name of logs) {
    // One that cannot be read LevelDB will tell of.
    const log = await readFile(`${path}/${name}`).catch(() => undefined);
    if (log !== undefined && isLogDamaged(log)) return true;
  }
  return false;
}

async function logBytes(path: string, names: readonly string[]): Promise<Record<string, number>> {
  const bytes: Record<string, number> = {};
  for (const name of names.filter((each) => LOG_FILE.test(each)))
    bytes[name] = (await stat(`${path}/${name}`)).size;
  return bytes;
}

async function readClosed(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const closed: unknown = JSON.parse(await readFile(`${path}/CLOSED`, "utf8"));
    return typeof closed === "object" && closed !== null ? { ...closed } : undefined;
  } catch {
    return undefined;
  }
}
