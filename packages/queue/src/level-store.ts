import { constants, existsSync } from "node:fs";
import { access, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ClassicLevel, type Iterator } from "classic-level";
import { type Clock, type Logger, MillraceError, reasonOf, systemClock } from "@millrace/runtime";
import { isUnmerged, mendStore, noteMerged } from "./mend-store.ts";
import { isCurrentLost, restoreCurrent } from "./restore-current.ts";
import { openValue } from "./sealed-value.ts";
import { SealingRoom } from "./sealing-room.ts";
import {
  examineFiles,
  forgetClosed,
  forgetLoss,
  type LastEnd,
  noteClosed,
  noteLoss,
  type StoreFiles,
} from "./store-files.ts";
import { SyncedMark } from "./synced-mark.ts";
import { demandLook, forgetStarts, watchStart } from "./start-watch.ts";
import { META_KEY } from "./store-layout.ts";
import {
  decodeMeta,
  encodeMeta,
  readFormat,
  refuseForeign,
  type StoreMeta,
  writeFormat,
} from "./store-meta.ts";
import type { Change, Entry, RangeOptions, Store } from "./store.ts";

export interface LevelStoreOptions {
  /** The folder of the store; its parent must exist or be makeable. */
  readonly path: string;
  /** Whose store it is: one program never opens another's. */
  readonly kind: "agent" | "central";
  /** The greatest format that this program reads, and the one that it writes. */
  readonly version: number;
  /** This process, named to whoever finds the store locked. */
  readonly pid: number;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** All tables are looked at before LevelDB gets them, however long it takes. */
  readonly isThorough?: boolean;
  /** Somebody only looks, or mends: the next start is told how the run before has ended, not this. */
  readonly isVisit?: boolean;
}

/**
 * created: there was none; clean: opened at once; repaired: it was damaged and was mended, what was committed may be lost;
 * set_aside: it could not be mended, was moved to `setAsidePath`, and an empty one was started.
 */
export type StoreOpening = "created" | "clean" | "repaired" | "set_aside";

type Level = ClassicLevel<Uint8Array, Uint8Array>;

const RANGE_ENTRIES_MAX = 1000;
/** Of one batch of a migration. */
const MIGRATED_ENTRIES_MAX = 1000;
/** To tell whose they are; damage takes one or another. */
const VALUES_LOOKED_AT = 100;
/** Behind every key that is written. */
const LAST_KEY = new Uint8Array(64).fill(0xff);
const NO_BYTES = new Uint8Array(0);
/** LevelDB of itself, after whatever went wrong. */
const NOT_OPEN = "Database is not open";

/**
 * A Store on LevelDB. LevelDB does not check what it reads, so every value carries a checksum of its own; it syncs only
 * when asked, and after a failed sync refuses every write until it is opened again (`reopen`).
 */
export class LevelStore implements Store {
  readonly path: string;
  readonly opened: StoreOpening;
  /** Where what was damaged was moved to: the whole store when `opened` is `set_aside`; when `repaired`, tables, or nothing. */
  readonly setAsidePath: string | undefined;
  /** The format that was found; below `version`, the caller migrates and then calls `stampVersion`. */
  readonly versionFound: number;
  /** How the run that held it before has ended. */
  readonly lastEnd: LastEnd;
  readonly #mark: SyncedMark | undefined;
  #progress: () => number = () => 0;
  #hasLostCommits: boolean;
  #damagedCount = 0;
  readonly #options: LevelStoreOptions;
  /** Which file its LOCK is. LevelDB holds it open, so another in its place means another folder than the one written to. */
  readonly #lockFile: string | undefined;
  #level: Level;
  readonly #sealing = new SealingRoom();
  /** The latest commit. LevelDB writes one after another anyway; what is not synced must not come between another and its mark. */
  #latest: Promise<void> = Promise.resolve();
  /**
   * Why commits have failed since one succeeded: the last cause that says something. After a failure LevelDB, closed or half
   * open, only says "Database is not open", which hides a full disk.
   */
  #failure: string | null = null;
  /** LevelDB has met damage since it was opened or mended. */
  #hasMetDamage = false;

  private constructor(options: LevelStoreOptions, level: Level, found: OpenOutcome & FoundStore) {
    this.path = options.path;
    this.#options = options;
    this.#level = level;
    this.opened = found.opened;
    this.setAsidePath = found.setAsidePath;
    this.versionFound = found.versionFound;
    this.lastEnd = found.lastEnd;
    this.#mark = found.mark;
    this.#hasLostCommits = found.hasLostCommits;
    this.#lockFile = found.lockFile;
  }

  /**
   * Opens or creates. Damage never refuses the start: open, else repair, else set aside and begin empty; `opened` says
   * which. Rejects with `store_locked`, `store_newer`, `wrong_kind` (both leave the store untouched) or `store_unwritable`.
   */
  static async open(options: LevelStoreOptions): Promise<LevelStore> {
    const { path } = options;
    await makeWritable(path);
    const format = await readFormat(path);
    if (format !== undefined) refuseForeign(options, format);
    // The single binary unpacks LevelDB itself at its first use: here, for /tmp may be mounted noexec.
    process.env["MILLRACE_NATIVE_FOLDER"] ??= dirname(path);
    if (await isCurrentLost(path)) await remakeCurrent(options);
    const files = await examineFiles(path);
    const damage = await damageOf(options, files);
    await prepareFiles(path, files);
    const { level, ...outcome } = await openOrRepair(options, { isEmpty: files.isEmpty, damage });
    const isSetAside = outcome.opened === "set_aside";
    const hasLostCommits = !isSetAside && (files.hasLostCommits || outcome.opened === "repaired");
    try {
      const versionFound = await checkMeta(level, options, { format, hasLostCommits });
      await writeFile(holderPath(path), JSON.stringify({ pid: options.pid }));
      await writeFormat(path, encodeMeta({ ...options, version: versionFound }));
      const mark = options.isVisit === true ? undefined : await SyncedMark.open(path);
      const found = { lockFile: await lockFileOf(path), mark };
      const { lastEnd } = files;
      return new LevelStore(options, level, { ...outcome, ...found, lastEnd, hasLostCommits, versionFound });
    } catch (error) {
      await level.close();
      throw error instanceof MillraceError ? error : unwritable(path, error);
    }
  }

  /**
   * Some of what was committed may be gone, and nothing tells what: the store was repaired, a log of it was damaged or
   * missing, or all its files were. It stays so, over restarts, until `lossBooked`.
   */
  get hasLostCommits(): boolean {
    return this.#hasLostCommits;
  }

  /** What the holder counts: after an end that is not orderly the next one knows how far this one had come. */
  tellProgress(progress: () => number): void {
    this.#progress = progress;
  }

  /** Values read since it was opened that were not what had been written. */
  get damagedCount(): number {
    return this.#damagedCount;
  }

  /** What was lost is told by what has been committed since. */
  async lossBooked(): Promise<void> {
    if (!this.#hasLostCommits) return;
    this.#hasLostCommits = false;
    await forgetLoss(this.path);
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return this.#opened(key, await this.#level.get(key));
    } catch (error) {
      throw this.#readFailure(error);
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    try {
      const stored = await this.#level.getMany([...keys]);
      return stored.map((value, at) => this.#opened(keys[at], value));
    } catch (error) {
      throw this.#readFailure(error);
    }
  }

  /** Also rejects with `store_gone`: LevelDB writes on to files that were deleted under it, and says nothing. */
  async commit(changes: readonly Change[], options: { readonly isSync: boolean }): Promise<void> {
    const commit = this.#latest.then(() => this.#commit(changes, options.isSync));
    this.#latest = commit.catch(() => undefined);
    await commit;
  }

  /** Throws as `get` rejects. */
  range(options: RangeOptions): AsyncIterable<Entry> {
    try {
      // The iterator sees the store as of its making, so it is made now, not at the first step.
      const iterator = this.#level.iterator({
        gte: options.from,
        lt: options.to,
        limit: options.limit ?? -1,
        reverse: options.isReverse ?? false,
      });
      return this.#iterate(iterator);
    } catch (error) {
      throw this.#readFailure(error);
    }
  }

  async compact(from: Uint8Array, to: Uint8Array): Promise<void> {
    try {
      await this.#level.compactRange(from, to);
    } catch (error) {
      throw new MillraceError("store_write", { path: this.path, reason: reasonOf(error) }, { cause: error });
    }
  }

  /**
   * Rejects with `store_gone` where an empty store would take the place of the one that was opened; with `store_corrupt`
   * where what was committed is damaged: only a new start finds out what is still there.
   */
  async reopen(): Promise<void> {
    await this.#level.close().catch(() => undefined);
    this.#refuseGone(await lockFileOf(this.path));
    const files = await examineFiles(this.path).catch((error: unknown) => {
      throw this.#writeFailure(error);
    });
    if (files.isWithoutCurrent || (files.hasLostCommits && !this.#hasLostCommits)) {
      const reason = "what was committed is damaged; the next start repairs it and says what is lost";
      throw new MillraceError("store_corrupt", { path: this.path, reason });
    }
    const level = newLevel(this.path);
    try {
      await level.open({ createIfMissing: false });
    } catch (error) {
      throw this.#writeFailure(error);
    }
    this.#level = level;
  }

  /**
   * For `store_corrupt`, or a `store_read` that does not go away: damage that showed only after the start. What is damaged is lost,
   * all else stays; what was read before must be read anew. Rejects with `store_corrupt` when it does not help.
   */
  async repair(): Promise<void> {
    await this.#level.close().catch(() => undefined);
    try {
      await mend(this.#options);
      this.#level = newLevel(this.path);
      await this.#level.open();
      await mergeMended(this.path, this.#level);
    } catch (error) {
      throw new MillraceError(
        "store_corrupt",
        { path: this.path, reason: reasonOf(error) },
        { cause: error },
      );
    }
    this.#hasLostCommits = true;
    this.#hasMetDamage = false;
    const format = await readFormat(this.path);
    await checkMeta(this.#level, this.#options, { format, hasLostCommits: true });
  }

  /** After a migration: from now on the store has the format of this program. */
  async stampVersion(): Promise<void> {
    const meta = encodeMeta(this.#options);
    await this.#level.put(META_KEY, meta, { sync: true });
    await writeFormat(this.path, meta);
  }

  async close(): Promise<void> {
    await this.#latest;
    await rm(holderPath(this.path), { force: true });
    await this.#level.close();
    await this.#mark?.close();
    await (this.#hasMetDamage ? demandLook(this.path) : forgetStarts(this.path));
    const isOrderly = this.#options.isVisit !== true || this.lastEnd.kind === "orderly";
    if (this.#failure === null && isOrderly) await noteClosed(this.path);
  }

  async *#iterate(iterator: Iterator<Level, Uint8Array, Uint8Array>): AsyncGenerator<Entry> {
    try {
      for (;;) {
        const entries = await iterator.nextv(RANGE_ENTRIES_MAX);
        if (entries.length === 0) return;
        for (const [key, value] of entries) yield { key, value: this.#opened(key, value) ?? NO_BYTES };
      }
    } catch (error) {
      throw this.#readFailure(error);
    } finally {
      await iterator.close();
    }
  }

  async #commit(changes: readonly Change[], isSync: boolean): Promise<void> {
    const [lockFile, failure] = await Promise.all([lockFileOf(this.path), this.#write(changes, isSync)]);
    this.#refuseGone(lockFile);
    if (failure !== undefined) throw failure;
    this.#failure = null;
    if (isSync) await this.#mark?.mark((this.#options.clock ?? systemClock).monotonicMs(), this.#progress());
  }

  async #write(changes: readonly Change[], isSync: boolean): Promise<MillraceError | undefined> {
    try {
      await this.#sealing.seal(changes, (sealed) => this.#level.batch(sealed, { sync: isSync }));
      return undefined;
    } catch (error) {
      return this.#writeFailure(error);
    }
  }

  /** What is damaged reads as no bytes. */
  #opened(key: Uint8Array, stored: Uint8Array | undefined): Uint8Array | undefined {
    if (stored === undefined) return undefined;
    const value = openValue(key, stored);
    if (value === undefined) this.#damagedCount += 1;
    return value ?? NO_BYTES;
  }

  #refuseGone(lockFile: string | undefined): void {
    if (lockFile !== this.#lockFile) throw new MillraceError("store_gone", { path: this.path });
  }

  #writeFailure(error: unknown): MillraceError {
    if (codeOf(error) === "LEVEL_CORRUPTION") this.#hasMetDamage = true;
    const reason = reasonOf(error);
    if (this.#failure === null || !reason.includes(NOT_OPEN)) this.#failure = reason;
    return new MillraceError("store_write", { path: this.path, reason: this.#failure }, { cause: error });
  }

  #readFailure(error: unknown): MillraceError {
    const isDamage = codeOf(error) === "LEVEL_CORRUPTION";
    if (isDamage) this.#hasMetDamage = true;
    const code = isDamage ? "store_corrupt" : "store_read";
    const ownReason = reasonOf(error);
    const reason = ownReason.includes(NOT_OPEN) ? (this.#failure ?? ownReason) : ownReason;
    return new MillraceError(code, { path: this.path, reason }, { cause: error });
  }
}

/** Rejects with `store_locked` where another process holds the store in this folder; what is in it is not looked at. */
export async function refuseHeldStore(path: string): Promise<void> {
  process.env["MILLRACE_NATIVE_FOLDER"] ??= dirname(path);
  await refuseHeld({ path });
}

interface OpenOutcome {
  readonly opened: StoreOpening;
  readonly setAsidePath: string | undefined;
}

interface FoundStore {
  readonly hasLostCommits: boolean;
  readonly versionFound: number;
  readonly lockFile: string | undefined;
  readonly lastEnd: LastEnd;
  readonly mark: SyncedMark | undefined;
}

/** Which file it is that lies there; undefined: none. */
async function lockFileOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(`${path}/LOCK`, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

/** Where that is not certain to lose nothing, what comes next mends the store. */
async function remakeCurrent(options: LevelStoreOptions): Promise<void> {
  const { path, log } = options;
  await refuseHeld(options);
  const isRemade = await restoreCurrent(path).catch(() => false);
  if (isRemade)
    log?.warn("the store's CURRENT was gone or damaged; it is made again, nothing is lost", { path });
}

/** Why LevelDB must not open it as it is; undefined: it may. */
async function damageOf(
  options: LevelStoreOptions,
  { isEmpty, isWithoutCurrent }: StoreFiles,
): Promise<string | undefined> {
  const { path, clock = systemClock, isThorough = false } = options;
  if (isWithoutCurrent) return "CURRENT is gone";
  if (isEmpty) return undefined;
  const lookBytes = isThorough ? Number.POSITIVE_INFINITY : undefined;
  try {
    const tables = await watchStart(path, { nowMs: clock.nowMs(), ...(lookBytes && { lookBytes }) });
    if (tables.length > 0) return `damaged tables: ${tables.join(", ")}`;
    return (await isUnmerged(path)) ? "its repair was cut short" : undefined;
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Where damaged tables were moved to, if there were any. What is lost is known before anything is changed. */
async function mend({ path, clock = systemClock, log }: LevelStoreOptions): Promise<string | undefined> {
  const asidePath = setAsidePathOf(path, clock);
  await noteLoss(path);
  const tables = await mendStore(path, asidePath);
  if (tables.length === 0) return undefined;
  log?.error("damaged tables of the store: what is whole of them is kept", { path, asidePath, tables });
  return asidePath;
}

async function mergeMended(path: string, level: Level): Promise<void> {
  if (!(await isUnmerged(path))) return;
  await level.compactRange(META_KEY, LAST_KEY);
  await noteMerged(path);
}

function setAsidePathOf(path: string, clock: Clock): string {
  return `${path}.corrupt-${new Date(clock.nowMs()).toISOString().replaceAll(/[:.]/g, "-")}`;
}

/** What is known of a loss outlives whatever LevelDB does to the files next. */
async function prepareFiles(path: string, { hasLostCommits }: StoreFiles): Promise<void> {
  try {
    if (hasLostCommits) await noteLoss(path);
    await forgetClosed(path);
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function makeWritable(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function openOrRepair(
  options: LevelStoreOptions,
  { isEmpty, damage }: { readonly isEmpty: boolean; readonly damage: string | undefined },
): Promise<OpenOutcome & { level: Level }> {
  const { path, log } = options;
  if (damage !== undefined) await refuseHeld(options);
  const first = damage === undefined ? await tryOpen(options) : ({ ok: false, reason: damage } as const);
  if (first.ok) return { level: first.level, opened: isEmpty ? "created" : "clean", setAsidePath: undefined };
  log?.warn("the store is damaged; repairing it", { path, reason: first.reason });
  let mendedAside: string | undefined;
  const repaired = await mend(options).then(
    (asidePath) => {
      mendedAside = asidePath;
      return tryOpen(options);
    },
    (error: unknown) => {
      if (isDiskRefusing(error)) throw unwritable(path, error);
      return { ok: false, reason: reasonOf(error) } as const;
    },
  );
  if (repaired.ok) return { level: repaired.level, opened: "repaired", setAsidePath: mendedAside };
  const setAsidePath = setAsidePathOf(path, options.clock ?? systemClock);
  log?.error("store cannot be repaired; set aside, starting empty", {
    path,
    setAsidePath,
    reason: repaired.reason,
  });
  await rename(path, setAsidePath).catch((error: unknown) => {
    throw unwritable(path, error);
  });
  await makeWritable(path);
  const fresh = await tryOpen(options);
  if (fresh.ok) return { level: fresh.level, opened: "set_aside", setAsidePath };
  throw unwritable(path, new Error(fresh.reason));
}

/** What a damaged store has nothing to do with: setting it aside would not help. */
function isDiskRefusing(error: unknown): boolean {
  return /permission denied|read-only file system|no space left|too many open files/i.test(reasonOf(error));
}

/** Throws `store_locked` where another process holds it. LevelDB takes the lock before it finds that there is a store. */
async function refuseHeld(options: Pick<LevelStoreOptions, "path">): Promise<void> {
  const level = firstLevel(options.path);
  const isThere = existsSync(`${options.path}/CURRENT`);
  try {
    await level.open(isThere ? { errorIfExists: true } : { createIfMissing: false });
  } catch (error) {
    await refuseLocked(options, error);
  } finally {
    await level.close().catch(() => undefined);
  }
}

async function refuseLocked({ path }: Pick<LevelStoreOptions, "path">, error: unknown): Promise<void> {
  if (!(error instanceof Error) || codeOf(error.cause) !== "LEVEL_LOCKED") return;
  throw new MillraceError("store_locked", { path, pid: await holderOf(path) }, { cause: error });
}

/** Only damage comes back as a value; a lock, or a folder that cannot be written, is thrown. */
async function tryOpen(
  options: LevelStoreOptions,
): Promise<{ readonly ok: true; readonly level: Level } | { readonly ok: false; readonly reason: string }> {
  const level = firstLevel(options.path);
  try {
    await level.open();
    await mergeMended(options.path, level);
    // LevelDB opens a table when it is first read: one that was cut short shows only now.
    await level.get(META_KEY);
    await level.keys({ limit: 1 }).all();
    return { ok: true, level };
  } catch (error) {
    await level.close().catch(() => undefined);
    const reason = reasonOf(error);
    await refuseLocked(options, error);
    if (isDiskRefusing(error)) throw unwritable(options.path, error);
    return { ok: false, reason };
  }
}

/** The format that is found, of a store that is this program's; its values carry checksums afterwards. */
async function checkMeta(
  level: Level,
  options: LevelStoreOptions,
  known: { readonly format: StoreMeta | undefined; readonly hasLostCommits: boolean },
): Promise<number> {
  const { path, kind, version } = options;
  const stored = await level.get(META_KEY);
  // Damage can take any key, this one too: then the file beside it tells.
  const meta = (stored === undefined ? undefined : decodeMeta(stored)) ?? known.format;
  if (meta !== undefined) refuseForeign(options, meta);
  else if ((stored !== undefined || !known.hasLostCommits) && (await isForeign(level)))
    throw new MillraceError("wrong_kind", { path, found: "another program", expected: kind });
  const versionFound = meta?.version ?? version;
  if (meta?.isSealed === false) await sealAll(level);
  const right = encodeMeta({ kind, version: versionFound });
  if (stored === undefined || !Buffer.from(right).equals(stored))
    await level.put(META_KEY, right, { sync: true });
  return versionFound;
}

/** Whether something is in it, and none of the first values carries a checksum of this program's. */
async function isForeign(level: Level): Promise<boolean> {
  const first = await level.iterator({ gt: META_KEY, limit: VALUES_LOOKED_AT }).all();
  return first.length > 0 && first.every(([key, value]) => openValue(key, value) === undefined);
}

/** Gives the values of a store of version 0.1.0 their checksums. Cut short it goes on where it was. */
async function sealAll(level: Level): Promise<void> {
  const sealing = new SealingRoom();
  const commit = () => sealing.seal(changes, (sealed) => level.batch(sealed, { sync: true }));
  let changes: Change[] = [];
  for await (const [key, value] of level.iterator({ gt: META_KEY })) {
    if (openValue(key, value) === undefined) changes.push({ type: "put", key, value });
    if (changes.length < MIGRATED_ENTRIES_MAX) continue;
    await commit();
    changes = [];
  }
  await commit();
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function newLevel(path: string): Level {
  return new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: "view", valueEncoding: "view" });
}

/** The first one of a single binary unpacks LevelDB itself, which a full or read-only disk refuses. */
function firstLevel(path: string): Level {
  try {
    return newLevel(path);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Beside the store, not in it: LevelDB's folder is LevelDB's. */
function holderPath(path: string): string {
  return `${path}.holder`;
}

async function holderOf(path: string): Promise<string | number> {
  try {
    const holder: unknown = JSON.parse(await readFile(holderPath(path), "utf8"));
    if (typeof holder === "object" && holder !== null && "pid" in holder && typeof holder.pid === "number")
      return holder.pid;
  } catch {
    // The holder has just begun, or the file is gone: the lock itself is what counts.
  }
  return "(unknown)";
}

function unwritable(path: string, error: unknown): MillraceError {
  return new MillraceError("store_unwritable", { path, reason: reasonOf(error) }, { cause: error });
}
