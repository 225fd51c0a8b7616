import { type FileHandle, open, readdir, readFile, stat } from "node:fs/promises";

/**
 * How the run that held the store before has ended. orderly: it closed the store; process: it was killed, or crashed, and the machine
 * went on; machine: that has started since, by a power cut or otherwise; unknown: nothing tells.
 */
export type EndKind = "orderly" | "process" | "machine" | "unknown";

/** What a store was known to hold on disk, at most MARK_INTERVAL_MS before its run ended. */
export interface SyncedNote {
  /** Linux's id of the machine's start; "" where there is none. */
  readonly boot: string;
  /** The log that was written to, and how long it was once it was synced. */
  readonly log: string;
  readonly bytes: number;
  /** Whatever its holder counts, then; and its greatest growth from one mark to the next. */
  readonly count: number;
  readonly growthMax: number;
}

/** Flash wears, and a mark is a page. */
export const MARK_INTERVAL_MS = 1_000;
const MARK_BYTES = 256;
const NAME = "SYNCED";

/**
 * A file beside LevelDB's, written over in place and never synced: after a kill the kernel has it as it was written last, after a
 * power cut it is as old as it may be. It says how much of the log was synced: a log that is shorter was cut since.
 */
export class SyncedMark {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #boot: string;
  #markedAtMs = Number.NEGATIVE_INFINITY;
  #count: number | undefined;
  #growthMax = 0;

  private constructor(path: string, file: FileHandle, boot: string) {
    this.#path = path;
    this.#file = file;
    this.#boot = boot;
  }

  /** Undefined where the disk takes none: the next start knows a little less. */
  static async open(path: string): Promise<SyncedMark | undefined> {
    try {
      return new SyncedMark(path, await open(`${path}/${NAME}`, "w"), await bootId());
    } catch {
      return undefined;
    }
  }

  /**
   * Right after a synced commit; nothing else is to be written before it resolves. `count` as of now. What keeps it from its work, such
   * as that no file can be opened, fails nobody: the commit is on disk. A disk that does not answer holds up no rule: nothing here waits
   * for it but the commit.
   */
  async mark(nowMs: number, count: number): Promise<void> {
    if (nowMs - this.#markedAtMs < MARK_INTERVAL_MS) return;
    this.#markedAtMs = nowMs;
    const grown = count - (this.#count ?? count);
    this.#count = count;
    this.#growthMax = Math.max(this.#growthMax, grown);
    const synced = await this.#syncedLog();
    if (synced === undefined) return;
    const note: SyncedNote = { boot: this.#boot, ...synced, count, growthMax: this.#growthMax };
    const text = JSON.stringify(note).padEnd(MARK_BYTES);
    this.#file.write(text, 0).catch(() => undefined);
  }

  async #syncedLog(): Promise<Pick<SyncedNote, "log" | "bytes"> | undefined> {
    try {
      const log = newestLog(await readdir(this.#path));
      return log === undefined ? undefined : { log, bytes: (await stat(`${this.#path}/${log}`)).size };
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }
}

/** What the last run has left; undefined where it is not whole. */
export async function readSyncedNote(path: string): Promise<SyncedNote | undefined> {
  try {
    const note: unknown = JSON.parse(await readFile(`${path}/${NAME}`, "utf8"));
    return isNote(note) ? note : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the log that was synced is shorter than it was, or gone, with none after it. */
export function isLogCut(note: SyncedNote, logs: Readonly<Record<string, number>>): boolean {
  const bytes = logs[note.log];
  if (bytes !== undefined) return bytes < note.bytes;
  const newest = newestLog(Object.keys(logs));
  return newest === undefined || Number.parseInt(newest, 10) < Number.parseInt(note.log, 10);
}

/** `isClosed`: it has said that it was. */
export async function endKindOf(
  note: SyncedNote | undefined,
  { isClosed }: { readonly isClosed: boolean },
): Promise<EndKind> {
  if (isClosed) return "orderly";
  if (note === undefined || note.boot === "") return "unknown";
  return note.boot === (await bootId()) ? "process" : "machine";
}

async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}

function newestLog(names: readonly string[]): string | undefined {
  const logs = names.filter((name) => /^\d+\.log$/.test(name));
  return logs.toSorted((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10)).at(-1);
}

function isNote(value: unknown): value is SyncedNote {
  if (typeof value !== "object" || value === null) return false;
  const { boot, log, bytes, count, growthMax }: Partial<SyncedNote> = value;
  const areNumbers = [bytes, count, growthMax].every((each) => typeof each === "number");
  return typeof boot === "string" && typeof log === "string" && areNumbers;
}
