import { randomBytes } from "node:crypto";
import { open, rm, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock, Timer } from "@millrace/runtime";

/** More than LevelDB needs to open a store: it writes its last log as tables first, and begins new files. */
const RESERVE_BYTES = 8 * 1024 * 1024;
/** Of it are written at a time: an allocator that has once given back a large piece keeps as much the next time. */
const PIECE_BYTES = 65_536;
/** Of it must be free before it is laid aside. */
const ROOM_TIMES = 4;
const RETRY_MS = 60_000;

export interface DiskReserveOptions {
  /** A file on the store's disk. */
  readonly path: string;
  readonly clock: Clock;
  readonly bytes?: number;
}

/**
 * Room for a start on a disk that has become full: a file that is given up then, and laid aside again once there is room.
 * Without it no store could be opened there, and the rules would rest until somebody has made some.
 */
export class DiskReserve {
  readonly #options: DiskReserveOptions;
  readonly #bytes: number;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: DiskReserveOptions) {
    this.#options = options;
    this.#bytes = options.bytes ?? RESERVE_BYTES;
  }

  /** False where there was none, or the disk does not even give up a file. */
  async release(): Promise<boolean> {
    try {
      await rm(this.#options.path);
      return true;
    } catch {
      return false;
    }
  }

  /** Lays it aside, now or as soon as there is room. */
  async start(): Promise<void> {
    const isHeld = await this.#hold().catch(() => false);
    if (!isHeld && !this.#isStopped)
      this.#timer = this.#options.clock.after(RETRY_MS, () => void this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #hold(): Promise<boolean> {
    const { path } = this.#options;
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    if (size === this.#bytes) return true;
    const { bavail, bsize } = await statfs(dirname(path));
    if (bavail * bsize < ROOM_TIMES * this.#bytes) return false;
    const file = await open(path, "w");
    try {
      // Zeros some file systems do not store.
      for (let left = this.#bytes; left > 0; left -= PIECE_BYTES)
        await file.writeFile(randomBytes(Math.min(left, PIECE_BYTES)));
      await file.sync();
    } catch {
      await rm(path, { force: true });
      return false;
    } finally {
      await file.close();
    }
    return true;
  }
}
