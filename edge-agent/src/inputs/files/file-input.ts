import type { TailedFileConfig } from "@millrace/config";
import type { Clock, Logger, Timer } from "@millrace/runtime";
import type { InputHandler, InputStatus, ReadingInput } from "../input.ts";
import type { FileCounts } from "./file-lane.ts";
import type { FilePosition } from "./file-position.ts";
import type { FilePositions } from "./file-positions.ts";
import { FileTail } from "./file-tail.ts";

export interface FileInputOptions {
  readonly name: string;
  readonly files: readonly TailedFileConfig[];
  /** A longer line is handed over as oversized. */
  readonly payloadBytesMax: number;
  readonly positions: FilePositions;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Files that grow, looked at again and again: no notification of any kind is relied on. Lines and the position behind
 * them go into the same commit, so each line that a file keeps is taken exactly once, through `kill -9` and rotation.
 */
export class FileInput implements ReadingInput {
  readonly name: string;
  readonly #options: FileInputOptions;
  readonly #counts: FileCounts = {
    lines: 0,
    bytes: 0,
    lost_files: 0,
    rotations: 0,
    left_early: 0,
    rejected: new Map(),
  };
  readonly #tails: FileTail[] = [];
  readonly #timers = new Map<FileTail, Timer>();
  #isRunning = false;

  constructor(options: FileInputOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async start(handler: InputHandler): Promise<void> {
    const stored = await this.#options.positions.read();
    let nextNumber = Math.max(0, ...stored.keys()) + 1;
    this.#isRunning = true;
    for (const source of this.#options.files) {
      const tail = new FileTail({
        ...this.#options,
        source,
        stored: new Map([...stored].filter(([, position]) => position.source === source.path)),
        counts: this.#counts,
        takeNumber: () => nextNumber++,
      });
      this.#tails.push(tail);
      void this.#follow(tail, handler, source.intervalMs);
    }
    this.#forgetOthers(stored);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const timer of this.#timers.values()) timer.cancel();
    await Promise.all(this.#tails.map((tail) => tail.stop()));
  }

  status(): InputStatus {
    const { rejected, ...counts } = this.#counts;
    return {
      name: this.name,
      // A file that is missing is its own status: the others are read.
      isConnected: this.#isRunning,
      reason: this.#isRunning ? null : "not running",
      counts: {
        ...counts,
        ...Object.fromEntries([...rejected].map(([reason, count]) => [`rejected.${reason}`, count])),
      },
      files: this.#tails.flatMap((tail) => tail.status()),
    };
  }

  async #follow(tail: FileTail, handler: InputHandler, intervalMs: number): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    await tail.poll(handler, intervalMs);
    if (!this.#isRunning) return;
    const delayMs = Math.max(0, intervalMs - (clock.monotonicMs() - startedMs));
    this.#timers.set(
      tail,
      clock.after(delayMs, () => void this.#follow(tail, handler, intervalMs)),
    );
  }

  /** Positions of paths that are no longer configured. */
  #forgetOthers(stored: ReadonlyMap<number, FilePosition>): void {
    const sources = new Set(this.#options.files.map(({ path }) => path));
    const others = [...stored].filter(([, { source }]) => !sources.has(source));
    if (others.length === 0) return;
    void this.#options.positions.save(new Map(others.map(([number]) => [number, null])), { isUrgent: false });
  }
}
