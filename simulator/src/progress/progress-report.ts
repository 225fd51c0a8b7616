import type { Clock, Timer } from "@millrace/runtime";
import { progressLine } from "./progress-line.ts";
import type { RunProgress } from "./run-progress.ts";
import { TimeLeft } from "./time-left.ts";

export interface ProgressReportOptions {
  /** What the run makes, always the same in this order. */
  readonly runs: readonly { readonly progress: RunProgress }[];
  readonly clock: Clock;
  readonly write: (text: string) => void;
  /** Somebody looks at a terminal: the line renews itself. */
  readonly isTerminal: boolean;
}

export const TERMINAL_MS = 500;
export const LOG_MS = 10_000;
/** Back to the line's beginning, and away with what stands there (ECMA-48). */
export const RENEW = "\r\u001b[2K";

/** Says where a run stands: on a terminal in one line that renews itself, otherwise in a line every 10 s. */
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
    const { clock, isTerminal } = this.#options;
    this.#timer = clock.after(isTerminal ? TERMINAL_MS : LOG_MS, () => {
      this.#say();
      this.start();
    });
  }

  /** Leaves the terminal's line free for what follows. */
  stop(): void {
    this.#timer?.cancel();
    if (this.#options.isTerminal) this.#options.write(RENEW);
  }

  /** Writes something of its own, and not into the line. */
  interrupt(text: string): void {
    this.#options.write(this.#options.isTerminal ? `${RENEW}${text}` : text);
  }

  #say(): void {
    const { runs, clock, write, isTerminal } = this.#options;
    const all = runs.map(({ progress }) => progress);
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - this.#beforeMs;
    const lines = all.map((now, at) => {
      const leftMs = this.#timesLeft[at].look(now.remainingMs, elapsedMs);
      return progressLine({ now, before: this.#before[at], elapsedMs, leftMs });
    });
    const text = lines.join("; ");
    write(isTerminal ? `${RENEW}${text}` : `${text}\n`);
    this.#before = all;
    this.#beforeMs = nowMs;
  }
}
