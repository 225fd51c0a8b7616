import type { Clock, Timer } from "@millrace/runtime";
import { progressLine } from "./progress-line.ts";
import type { RunProgress } from "./run-progress.ts";
import type { StatusLine } from "./status-line.ts";
import { TimeLeft } from "./time-left.ts";

export interface ProgressReportOptions {
  /** What the run makes, always the same in this order. */
  readonly runs: readonly { readonly progress: RunProgress }[];
  readonly clock: Clock;
  readonly write: (text: string) => void;
  /** Where somebody looks at a terminal; null: elsewhere. */
  readonly status: StatusLine | null;
}

export const TERMINAL_MS = 500;
export const LOG_MS = 10_000;

/** Says where a run stands: on a terminal in a row for each that renews itself, otherwise in a line every 10 s. */
export class ProgressReport {
  readonly #options: ProgressReportOptions;
  #timer: Timer | null = null;
  #before: readonly RunProgress[];
  #beforeMs: number;
  readonly #timesLeft: readonly TimeLeft[];

  constructor(options: ProgressReportOptions) {
    this.#options = options;
    this.#before = options.runs.map(({ progress }) => progress);
    this.#beforeMs = options.clock.monotonicMs();
    this.#timesLeft = this.#before.map(({ remainingMs }) => new TimeLeft(remainingMs));
  }

  start(): void {
    const { clock, status } = this.#options;
    this.#timer = clock.after(status === null ? LOG_MS : TERMINAL_MS, () => {
      this.#say();
      this.start();
    });
  }

  /** Leaves the terminal free for what follows. */
  stop(): void {
    this.#timer?.cancel();
    this.#options.status?.end();
  }

  #say(): void {
    const { runs, clock, write, status } = this.#options;
    const all = runs.map(({ progress }) => progress);
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - this.#beforeMs;
    const lines = all.map((now, at) => {
      const leftMs = this.#timesLeft[at].look(now.remainingMs, elapsedMs);
      return progressLine({ now, before: this.#before[at], elapsedMs, leftMs });
    });
    if (status === null) write(`${lines.join("; ")}\n`);
    else status.renew(lines);
    this.#before = all;
    this.#beforeMs = nowMs;
  }
}
