import { constants } from "node:fs";
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ClassicLevel, type Iterator } from "classic-level";
import { type Clock, type Logger, MillraceError, reasonOf, systemClock } from "@millrace/runtime";
import { isLogDamaged } from "./log-damage.ts";
import type { Change, Entry, RangeOptions, Store } from "./store.ts";
import { META_KEY } from "./store-layout.ts";

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
}

/**
 * created: there was none; clean: opened at once; repaired: LevelDB's repair was needed, the last writes may be lost;
 * set_aside: it could not be repaired, was moved to `setAsidePath`, and an empty one was started.
 */
export type StoreOpening = "created" | "clean" | "repaired" | "set_aside";

/** The value of META_KEY, JSON in UTF-8. */
interface StoreMeta {
  readonly format: "millrace";
  readonly kind: string;
  readonly version: number;
}

type Level = ClassicLevel<Uint8Array, Uint8Array>;

const RANGE_ENTRIES_MAX = 1000;

/**
 * A Store on LevelDB. LevelDB does not check what it reads (callers bring their own checksums), syncs only when asked,
 * and after a failed sync refuses every write until it is opened again (`reopen`).
 */
export class LevelStore implements Store {
  readonly path: string;
  readonly opened: StoreOpening;
  /** Where the damaged store was moved to, when `opened` is `set_aside`. */
  readonly setAsidePath: string | undefined;
  /** The format that was found; below `version`, the caller migrates and then calls `stampVersion`. */
  readonly versionFound: number;
  /** Some of what was committed may be gone, and nothing tells what: the store was repaired, or its log was damaged. */
  hasLostCommits: boolean;
  readonly #options: LevelStoreOptions;
  /** Which file its LOCK is. LevelDB holds it open, so another in its place means another folder than the one written to. */
  readonly #lockFile: string | undefined;
  #level: Level;
  /**
   * Why the first of the commits failed that have failed since one succeeded. After it LevelDB, closed or half open,
   * only says "Database is not open", which hides a full disk.
   */
  #firstFailure: string | null = null;

  private constructor(options: LevelStoreOptions, level: Level, found: OpenOutcome & FoundStore) {
    this.path = options.path;
    this.#options = options;
    this.#level = level;
    this.opened = found.opened;
    this.setAsidePath = found.setAsidePath;
    this.versionFound = found.versionFound;
    this.hasLostCommits = found.hasLostCommits;
    this.#lockFile = found.lockFile;
  }

  /**
   * Opens or creates. Damage never refuses the start: open, else repair, else set aside and begin empty; `opened` says
   * which. Rejects with `store_locked`, `store_newer`, `wrong_kind` (both leave the store untouched) or `store_unwritable`.
   */
  static async open(options: LevelStoreOptions): Promise<LevelStore> {
    await makeWritable(options.path);
    await refuseUnopened(options);
    // The single binary unpacks LevelDB itself at its first use: here, for /tmp may be mounted noexec.
    process.env["MILLRACE_NATIVE_FOLDER"] ??= dirname(options.path);
    // Before LevelDB opens it: that leaves out what it cannot read, and writes a new one.
    const isDamaged = await hasDamagedLog(options.path);
    const { level, ...outcome } = await openOrRepair(options);
    const hasLostCommits = outcome.opened === "repaired" || (isDamaged && outcome.opened === "clean");
    try {
      const versionFound = await checkMeta(level, options, hasLostCommits);
      await writeFile(holderPath(options.path), JSON.stringify({ pid: options.pid }));
      await writeFormat({ ...options, version: versionFound });
      const lockFile = await lockFileOf(options.path);
      return new LevelStore(options, level, { ...outcome, hasLostCommits, versionFound, lockFile });
    } catch (error) {
      await level.close();
      throw error instanceof MillraceError ? error : unwritable(options.path, error);
    }
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return await this.#level.get(key);
    } catch (error) {
      throw this.#readFailure(error);
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    try {
      return await this.#level.getMany([...keys]);
    } catch (error) {
      throw this.#readFailure(error);
    }
  }

  /** Also rejects with `store_gone`: LevelDB writes on to files that were deleted under it, and says nothing. */
  async commit(changes: readonly Change[], options: { readonly isSync: boolean }): Promise<void> {
    const [lockFile, failure] = await Promise.all([
      lockFileOf(this.path),
      this.#write(changes, options.isSync),
    ]);
    this.#refuseGone(lockFile);
    if (failure !== undefined) throw failure;
    this.#firstFailure = null;
  }

  range(options: RangeOptions): AsyncIterable<Entry> {
    // The iterator sees the store as of its making, so it is made now, not at the first step.
    const iterator = this.#level.iterator({
      gte: options.from,
      lt: options.to,
      limit: options.limit ?? -1,
      reverse: options.isReverse ?? false,
    });
    return this.#iterate(iterator);
  }

  async compact(from: Uint8Array, to: Uint8Array): Promise<void> {
    try {
      await this.#level.compactRange(from, to);
    } catch (error) {
      throw new MillraceError("store_write", { path: this.path, reason: reasonOf(error) }, { cause: error });
    }
  }

  /** Rejects with `store_gone` where an empty store would take the place of the one that was opened. */
  async reopen(): Promise<void> {
    await this.#level.close().catch(() => undefined);
    this.#refuseGone(await lockFileOf(this.path));
    const level = newLevel(this.path);
    try {
      await level.open({ createIfMissing: false });
    } catch (error) {
      throw this.#writeFailure(error);
    }
    this.#level = level;
  }

  /**
   * For `store_corrupt`, or a `store_read` that does not go away: damage that showed only after the start. What LevelDB cannot read is lost,
   * all else stays; what was read before must be read anew. Rejects with `store_corrupt` when it does not help.
   */
  async repair(): Promise<void> {
    await this.#level.close().catch(() => undefined);
    try {
      await ClassicLevel.repair(this.path);
      this.#level = newLevel(this.path);
      await this.#level.open();
    } catch (error) {
      throw new MillraceError(
        "store_corrupt",
        { path: this.path, reason: reasonOf(error) },
        { cause: error },
      );
    }
    await checkMeta(this.#level, this.#options, true);
    this.hasLostCommits = true;
  }

  /** After a migration: from now on the store has the format of this program. */
  async stampVersion(): Promise<void> {
    await this.commit([{ type: "put", key: META_KEY, value: encodeMeta(this.#options) }], { isSync: true });
    await writeFormat(this.#options);
  }

  async close(): Promise<void> {
    await rm(holderPath(this.path), { force: true });
    await this.#level.close();
  }

  async *#iterate(iterator: Iterator<Level, Uint8Array, Uint8Array>): AsyncGenerator<Entry> {
    try {
      for (;;) {
        const entries = await iterator.nextv(RANGE_ENTRIES_MAX);
        if (entries.length === 0) return;
        for (const [key, value] of entries) yield { key, value };
      }
    } catch (error) {
      throw this.#readFailure(error);
    } finally {
      await iterator.close();
    }
  }

  async #write(changes: readonly Change[], isSync: boolean): Promise<MillraceError | undefined> {
    try {
      await this.#level.batch([...changes], { sync: isSync });
      return undefined;
    } catch (error) {
      return this.#writeFailure(error);
    }
  }

  #refuseGone(lockFile: string | undefined): void {
    if (lockFile !== this.#lockFile) throw new MillraceError("store_gone", { path: this.path });
  }

  #writeFailure(error: unknown): MillraceError {
    this.#firstFailure ??= reasonOf(error);
    return new MillraceError(
      "store_write",
      { path: this.path, reason: this.#firstFailure },
      { cause: error },
    );
  }

  #readFailure(error: unknown): MillraceError {
    const code = codeOf(error) === "LEVEL_CORRUPTION" ? "store_corrupt" : "store_read";
    return new MillraceError(code, { path: this.path, reason: reasonOf(error) }, { cause: error });
  }
}

interface OpenOutcome {
  readonly opened: StoreOpening;
  readonly setAsidePath: string | undefined;
}

interface FoundStore {
  readonly hasLostCommits: boolean;
  readonly versionFound: number;
  readonly lockFile: string | undefined;
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

async function hasDamagedLog(path: string): Promise<boolean> {
  const names = await readdir(path);
  for (const name of names.filter((each) => each.endsWith(".log"))) {
    // One that cannot be read LevelDB will tell of.
    const log = await readFile(`${path}/${name}`).catch(() => undefined);
    if (log !== undefined && isLogDamaged(log)) return true;
  }
  return false;
}

async function makeWritable(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function openOrRepair(options: LevelStoreOptions): Promise<OpenOutcome & { level: Level }> {
  const { path, log } = options;
  const isNew = !(await isFile(`${path}/CURRENT`)) && !(await isFile(`${path}/LOG`));
  const first = await tryOpen(options);
  if (first.ok) return { level: first.level, opened: isNew ? "created" : "clean", setAsidePath: undefined };
  log?.warn("store does not open; repairing it", { path, reason: first.reason });
  const repaired = await ClassicLevel.repair(path).then(
    () => tryOpen(options),
    (error: unknown) => ({ ok: false, reason: reasonOf(error) }) as const,
  );
  if (repaired.ok) return { level: repaired.level, opened: "repaired", setAsidePath: undefined };
  const time = new Date((options.clock ?? systemClock).nowMs()).toISOString().replaceAll(/[:.]/g, "-");
  const setAsidePath = `${path}.corrupt-${time}`;
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

/** Only damage comes back as a value; a lock, or a folder that cannot be written, is thrown. */
async function tryOpen(
  options: LevelStoreOptions,
): Promise<{ readonly ok: true; readonly level: Level } | { readonly ok: false; readonly reason: string }> {
  const level = firstLevel(options.path);
  try {
    await level.open();
    // LevelDB opens a table when it is first read: one that was cut short shows only now.
    await level.get(META_KEY);
    await level.keys({ limit: 1 }).all();
    return { ok: true, level };
  } catch (error) {
    await level.close().catch(() => undefined);
    const reason = reasonOf(error);
    if (error instanceof Error && codeOf(error.cause) === "LEVEL_LOCKED") {
      throw new MillraceError(
        "store_locked",
        { path: options.path, pid: await holderOf(options.path) },
        { cause: error },
      );
    }
    if (/permission denied|read-only file system|no space left|too many open files/i.test(reason)) {
      throw unwritable(options.path, error);
    }
    return { ok: false, reason };
  }
}

async function checkMeta(level: Level, options: LevelStoreOptions, hasLostCommits: boolean): Promise<number> {
  const { path, kind, version } = options;
  const stored = await level.get(META_KEY);
  if (stored === undefined) {
    const isEmpty = (await level.keys({ limit: 1 }).all()).length === 0;
    // Damage can take any key, this one too; a store that lost nothing and lacks it is not ours.
    if (!isEmpty && !hasLostCommits)
      throw new MillraceError("wrong_kind", { path, found: "another program", expected: kind });
    await level.batch([{ type: "put", key: META_KEY, value: encodeMeta(options) }], { sync: true });
    return version;
  }
  const meta = decodeMeta(stored);
  if (meta === undefined)
    throw new MillraceError("wrong_kind", { path, found: "another program", expected: kind });
  refuse(options, meta);
  return meta.version;
}

/** Throws `wrong_kind` or `store_newer` where this program must leave the store alone. */
function refuse({ path, kind, version }: LevelStoreOptions, meta: StoreMeta): void {
  if (meta.kind !== kind) throw new MillraceError("wrong_kind", { path, found: meta.kind, expected: kind });
  if (meta.version > version) {
    const values = {
      path,
      found: meta.version,
      supported: version,
      needed: `one that reads format ${meta.version}`,
    };
    throw new MillraceError("store_newer", values);
  }
}

/**
 * LevelDB rewrites its files by opening them, before META_KEY can be read. So the same is kept in a file in its folder
 * (it goes with every copy, and LevelDB leaves names alone that it does not know), and a store that is not for this
 * program is refused without a byte changed. Without the file META_KEY alone decides.
 */
async function refuseUnopened(options: LevelStoreOptions): Promise<void> {
  const meta = await readFile(formatPath(options.path)).then(decodeMeta, () => undefined);
  if (meta !== undefined) refuse(options, meta);
}

async function writeFormat(options: LevelStoreOptions): Promise<void> {
  const meta = encodeMeta(options);
  const known = await readFile(formatPath(options.path)).catch(() => undefined);
  if (known === undefined || !known.equals(meta)) await writeFile(formatPath(options.path), meta);
}

function formatPath(path: string): string {
  return `${path}/FORMAT`;
}

function encodeMeta(options: LevelStoreOptions): Uint8Array {
  const meta: StoreMeta = { format: "millrace", kind: options.kind, version: options.version };
  return new TextEncoder().encode(JSON.stringify(meta));
}

function decodeMeta(bytes: Uint8Array): StoreMeta | undefined {
  try {
    const meta: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (
      typeof meta !== "object" ||
      meta === null ||
      !("format" in meta && "kind" in meta && "version" in meta)
    )
      return undefined;
    const { format, kind, version } = meta;
    if (format !== "millrace" || typeof kind !== "string" || typeof version !== "number") return undefined;
    return { format, kind, version };
  } catch {
    return undefined;
  }
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

async function isFile(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function unwritable(path: string, error: unknown): MillraceError {
  return new MillraceError("store_unwritable", { path, reason: reasonOf(error) }, { cause: error });
}
