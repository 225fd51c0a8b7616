import { statfs } from "node:fs/promises";
import type { Clock, Timer } from "@millrace/runtime";

const INTERVAL_MS = 5_000;

/** How much of the disk under a folder is free for this process, measured again and again. */
export class FreeSpace {
  readonly #path: string;
  readonly #clock: Clock;
  #bytes: number | null = null;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: { readonly path: string; readonly clock: Clock }) {
    this.#path = options.path;
    this.#clock = options.clock;
  }

  /** As last measured; null where that failed. */
  get bytes(): number | null {
    return this.#bytes;
  }

  async start(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.#path);
      this.#bytes = bavail * bsize;
    } catch {
      this.#bytes = null;
    }
    if (!this.#isStopped) this.#timer = this.#clock.after(INTERVAL_MS, () => void this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }
}
