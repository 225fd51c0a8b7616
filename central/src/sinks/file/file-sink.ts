import { constants } from "node:fs";
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { FileRotation } from "@millrace/config";
import { MillraceError, reasonOf } from "@millrace/runtime";
import type { Clock, Logger } from "@millrace/runtime";
import type { SinkTarget, SinkWritten } from "../sink-target.ts";
import { found } from "./found.ts";
import { lastLineEnd } from "./last-line-end.ts";
import type { SinkFolder } from "./sink-folder.ts";

const NEWLINE = 0x0a;

export interface FileSinkOptions<Item> {
  readonly name: string;
  readonly folder: SinkFolder;
  /** The file is `<stem>.jsonl`; those put aside are `<stem>-<time>.jsonl`. */
  readonly stem: string;
  readonly rotation: FileRotation;
  readonly recordOf: (item: Item) => unknown;
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: Logger;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: number;
  readonly day: string;
  /** Up to here it is whole lines, on the disk. */
  bytes: number;
}

/**
 * JSON lines in a file that is appended to and, when it is large or of another day, put aside. A write holds once it is synced;
 * one that fails is taken back, so that what follows begins a line of its own.
 */
export class FileSink<Item> implements SinkTarget<Item> {
  readonly name: string;
  readonly #options: FileSinkOptions<Item>;
  readonly #path: string;
  #file: OpenFile | null = null;
  #isClosed = false;

  constructor(options: FileSinkOptions<Item>) {
    this.name = options.name;
    this.#options = options;
    this.#path = join(options.folder.path, `${options.stem}.jsonl`);
  }

  async open(): Promise<{ readonly holdsAll: boolean }> {
    return this.#asking(async () => {
      await this.#release();
      const holdsAll = await this.#options.folder.holds(this.#path);
      if ((await found(this.#path)) !== null) await this.#begin();
      return { holdsAll };
    });
  }

  async write(items: readonly Item[]): Promise<SinkWritten> {
    const { recordOf, rotation } = this.#options;
    const text = items.map((item) => `${JSON.stringify(recordOf(item))}\n`).join("");
    const bytes = Buffer.from(text);
    return this.#asking(async () => {
      await this.#leaveIfTaken();
      await this.#begin();
      const isFull = this.#file !== null && this.#file.bytes + bytes.length > rotation.bytesMax;
      const isOver = rotation.isDaily && this.#file?.day !== this.#today();
      if (this.#file !== null && this.#file.bytes > 0 && (isFull || isOver)) {
        await this.#putAside();
        await this.#begin();
      }
      await this.#append(bytes);
      return { taken: items.length };
    });
  }

  close(): void {
    this.#isClosed = true;
    void this.#release();
  }

  async #append(bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    if (file === null || this.#isClosed) throw new Error("central stops");
    try {
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await file.handle.write(bytes, at, bytes.length - at, file.bytes + at);
        at += bytesWritten;
      }
      await file.handle.datasync();
    } catch (error) {
      await file.handle.truncate(file.bytes).catch(() => undefined);
      throw error;
    }
    file.bytes += bytes.length;
  }

  /** A line that was cut off, by a crash or a full disk, goes: what it said is written again. */
  async #begin(): Promise<void> {
    if (this.#file !== null) return;
    const { folder, log } = this.#options;
    await mkdir(folder.path, { recursive: true });
    const handle = await open(this.#path, constants.O_RDWR | constants.O_CREAT, 0o640);
    try {
      const { size, ino, mtimeMs } = await handle.stat();
      const bytes = size === 0 ? 0 : await lastLineEnd(handle, size, NEWLINE);
      if (bytes < size) {
        await handle.truncate(bytes);
        log.warn("the last line of a file was cut off, and is taken away", {
          path: this.#path,
          bytes: size - bytes,
        });
      }
      if (size === 0) await syncFolder(folder.path);
      const day = size === 0 ? this.#today() : dayOf(mtimeMs);
      this.#file = { handle, inode: ino, day, bytes };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Somebody may have moved or deleted it: what is written to it then, nobody finds. */
  async #leaveIfTaken(): Promise<void> {
    if (this.#file === null) return;
    const there = await found(this.#path);
    if (there?.inode === this.#file.inode && there.bytes >= this.#file.bytes) return;
    await this.#release();
    this.#options.log.warn(
      "a file of results was moved, removed or emptied: a new one is begun, without what it held",
      { sink: this.name, path: this.#path },
    );
  }

  async #putAside(): Promise<void> {
    const { folder, stem, rotation, clock, log } = this.#options;
    await this.#release();
    const time = new Date(clock.nowMs()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
    let path = join(folder.path, `${stem}-${time}.jsonl`);
    for (let more = 1; (await found(path)) !== null; more += 1)
      path = join(folder.path, `${stem}-${time}-${more}.jsonl`);
    await rename(this.#path, path);
    await syncFolder(folder.path);
    const isOurs = new RegExp(`^${stem}-\\d{8}T\\d{6}Z(-\\d+)?\\.jsonl$`);
    const aside = (await readdir(folder.path)).filter((name) => isOurs.test(name));
    const kept = await Promise.all(
      aside.map(async (name) => ({
        name,
        changedAtMs: (await found(join(folder.path, name)))?.changedAtMs ?? 0,
      })),
    );
    const oldestFirst = kept.toSorted((a, b) => a.changedAtMs - b.changedAtMs || (a.name < b.name ? -1 : 1));
    for (const { name } of oldestFirst.slice(0, Math.max(0, kept.length - rotation.filesKept))) {
      await unlink(join(folder.path, name));
      log.info("an old file was deleted", { path: join(folder.path, name), kept: rotation.filesKept });
    }
  }

  async #release(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.handle.close().catch(() => undefined);
  }

  #today(): string {
    return dayOf(this.#options.clock.nowMs());
  }

  async #asking<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      const isFull = error instanceof Error && "code" in error && error.code === "ENOSPC";
      const because = { cause: error };
      if (isFull) throw new MillraceError("sink_disk_full", { path: this.#path }, because);
      throw new MillraceError("sink_file", { path: this.#path, reason: reasonOf(error) }, because);
    }
  }
}

/** A name in a folder is durable when the folder is. Windows does not let one sync it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
