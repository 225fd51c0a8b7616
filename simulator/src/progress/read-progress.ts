import { statSync } from "node:fs";
import type { Clock, Timer } from "@millrace/runtime";
import type { ReadingWatch } from "../truth/read-truth.ts";
import { formatDuration } from "./format-duration.ts";
import { LOG_MS, TERMINAL_MS } from "./progress-report.ts";
import type { StatusLine } from "./status-line.ts";

export interface ReadProgressOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly write: (text: string) => void;
  /** Where somebody looks at a terminal; null: elsewhere. */
  readonly status: StatusLine | null;
}

/** Says how far somebody is with a truth that takes long to read: rate, share done, time left. */
export class ReadProgress implements ReadingWatch {
  readonly #options: ReadProgressOptions;
  readonly #fileBytes: number;
  #passes = 1;
  readonly #startMs: number;
  #timer: Timer | null = null;
  #lineCount = 0;
  #bytesBefore = 0;
  #bytesNow = 0;

  constructor(options: ReadProgressOptions) {
    this.#options = options;
    this.#fileBytes = statSync(options.path, { throwIfNoEntry: false })?.size ?? 0;
    this.#startMs = options.clock.monotonicMs();
  }

  start(): void {
    const { clock, status } = this.#options;
    this.#timer = clock.after(status === null ? LOG_MS : TERMINAL_MS, () => {
      this.#say();
      this.start();
    });
    this.#timer.unref?.();
  }

  /** Leaves the terminal free for what follows. */
  stop(): void {
    this.#timer?.cancel();
    this.#options.status?.end();
  }

  onLine(bytesRead: number): void {
    this.#lineCount += 1;
    if (bytesRead < this.#bytesNow) this.#bytesBefore += this.#bytesNow;
    this.#bytesNow = bytesRead;
  }

  willRead(passes: number): void {
    this.#passes = passes;
  }

  #say(): void {
    const { clock, write, status } = this.#options;
    const elapsedMs = Math.max(1, clock.monotonicMs() - this.#startMs);
    const bytes = this.#fileBytes * this.#passes;
    const done = Math.min(bytes, this.#bytesBefore + this.#bytesNow);
    const rate = Math.round((this.#lineCount * 1_000) / elapsedMs);
    const parts = [
      `${rate.toLocaleString("en-US")} lines/s`,
      `${this.#lineCount.toLocaleString("en-US")} lines read`,
    ];
    if (done === bytes) parts.push("the file is read; what is left is asking and comparing");
    else if (done > 0)
      parts.push(
        `${Math.floor((100 * done) / bytes)} % done`,
        `${formatDuration((elapsedMs * (bytes - done)) / done)} left`,
      );
    const text = parts.join(", ");
    if (status === null) write(`${text}\n`);
    else status.renew([text]);
  }
}
