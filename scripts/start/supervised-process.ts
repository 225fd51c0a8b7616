import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { lastLines } from "./log-tail.ts";

export interface SupervisedProcessOptions {
  readonly name: string;
  /** Program and arguments, for this Node. */
  readonly args: readonly string[];
  readonly logPath: string;
  /** It ended though nobody had asked. Returns whether to start it again; where it has given up, it stays down in any case. */
  readonly onDied: (death: {
    readonly how: string;
    readonly lastLines: readonly string[];
    readonly hasGivenUp: boolean;
  }) => boolean;
}

const RESTART_MS = 300;
/** More deaths than this in a row, each within `QUICK_DEATH_MS` of its start, and it stays down. */
const QUICK_DEATHS_MAX = 5;
const QUICK_DEATH_MS = 3_000;
const LAST_LINES = 8;
const FIRST_WORDS_BYTES_MAX = 65_536;

const alive = new Set<ChildProcess>();
// Whatever ends this process, nobody outlives it; an end without this handler closes the channel (end-with-parent.ts).
process.on("exit", () => {
  for (const child of alive) killGroup(child, "SIGKILL");
});

/**
 * One program of the line, in a process group of its own, so that the terminal's Ctrl-C reaches only us and the stop has
 * an order. Dies unexpectedly: reported and started again.
 */
export class SupervisedProcess {
  readonly name: string;
  readonly #options: SupervisedProcessOptions;
  #child: ChildProcess | null = null;
  #logStartBytes = 0;
  #isStopping = false;
  #quickDeathCount = 0;
  #restartCount = 0;
  #restart: NodeJS.Timeout | null = null;
  #ended = Promise.withResolvers<number | null>();

  constructor(options: SupervisedProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get restartCount(): number {
    return this.#restartCount;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** Whether the process that runs now has written this text, within the first 64 KiB since its start. */
  hasSaid(text: string): boolean {
    if (this.#child === null) return false;
    const log = openSync(this.#options.logPath, "r");
    try {
      const words = Buffer.alloc(FIRST_WORDS_BYTES_MAX);
      return words.subarray(0, readSync(log, words, 0, words.length, this.#logStartBytes)).includes(text);
    } finally {
      closeSync(log);
    }
  }

  /** Nothing, once it has been asked to stop. */
  start(): void {
    if (this.#isStopping) return;
    const log = openSync(this.#options.logPath, "a");
    this.#logStartBytes = fstatSync(log).size;
    const startedMs = performance.now();
    const preload = join(import.meta.dirname, "end-with-parent.ts");
    const child = spawn(process.execPath, ["--import", preload, ...this.#options.args], {
      stdio: ["ignore", log, log, "ipc"],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    alive.add(child);
    child.on("error", () => {});
    child.on("exit", (code, signal) =>
      this.#onExit(child, signal ?? `exit code ${code}`, code, performance.now() - startedMs),
    );
  }

  /** Asks it to stop in order; at once after `limitMs`. Resolves with its exit code, null when it had to be killed. */
  async stop(limitMs: number): Promise<number | null> {
    this.#isStopping = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null) return null;
    child.kill("SIGTERM");
    const timer = setTimeout(() => killGroup(child, "SIGKILL"), limitMs);
    const code = await this.#ended.promise;
    clearTimeout(timer);
    return code;
  }

  kill(): void {
    this.#isStopping = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    if (this.#child !== null) killGroup(this.#child, "SIGKILL");
  }

  #onExit(child: ChildProcess, how: string, code: number | null, livedMs: number): void {
    alive.delete(child);
    this.#child = null;
    // What it may have started itself goes with it.
    killGroup(child, "SIGKILL");
    if (this.#isStopping) return this.#ended.resolve(code);
    this.#quickDeathCount = livedMs < QUICK_DEATH_MS ? this.#quickDeathCount + 1 : 0;
    const hasGivenUp = this.#quickDeathCount > QUICK_DEATHS_MAX;
    const death = { how, lastLines: lastLines(this.#options.logPath, LAST_LINES), hasGivenUp };
    if (!this.#options.onDied(death) || hasGivenUp) return;
    this.#restartCount++;
    this.#restart = setTimeout(() => this.start(), RESTART_MS * (1 + this.#quickDeathCount));
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}
