import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./until.ts";

const checkout = join(import.meta.dirname, "../..");
/** Ends a child whose parent is gone, however it went. */
const preload = join(checkout, "scripts/start/end-with-parent.ts");

/** For it to end, also on a machine that is busy with other things. */
const END_MS_MAX = 120_000;

const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) killGroup(child);
});

/** What a process finds around it. */
export interface Surroundings {
  /** Set beside what the test's own process has. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs it as its last arguments, in its own process: `prlimit --nofile=64`. */
  readonly under?: readonly string[];
}

/**
 * One of Millrace's programs as a real process with a process group of its own. It is never started again by itself; all
 * its lives write into one log.
 */
export class ProgramProcess {
  readonly name: string;
  readonly #command: readonly string[];
  readonly #surroundings: Surroundings;
  readonly #logPath: string;
  #child: ChildProcess | null = null;
  #ended: Promise<number | null> = Promise.resolve(null);

  /** `script` is a path in the checkout. */
  constructor(options: {
    readonly name: string;
    readonly script: string;
    readonly args: readonly string[];
    readonly logPath: string;
    readonly surroundings: Surroundings;
  }) {
    this.name = options.name;
    const { under = [] } = options.surroundings;
    const script = join(checkout, options.script);
    this.#command = [...under, process.execPath, "--import", preload, script, ...options.args];
    this.#surroundings = options.surroundings;
    this.#logPath = options.logPath;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Everything that it has written, over all its lives. */
  get log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, "utf8") : "";
  }

  start(): void {
    if (this.#child !== null) throw new Error(`${this.name} runs already`);
    const log = openSync(this.#logPath, "a");
    const [program, ...args] = this.#command;
    const child = spawn(program, args, {
      stdio: ["ignore", log, log, "ipc"],
      detached: true,
      env: { ...process.env, ...this.#surroundings.env },
    });
    closeSync(log);
    this.#child = child;
    alive.add(child);
    this.#ended = new Promise((resolve) => {
      child.on("error", () => resolve(null));
      child.on("exit", (code) => {
        alive.delete(child);
        killGroup(child);
        if (this.#child === child) this.#child = null;
        resolve(code);
      });
    });
  }

  /** Waits until `isReady` says so; throws at once when the process ends before. */
  async ready(isReady: () => Promise<boolean>): Promise<void> {
    const outcome = await until(`${this.name} is ready`, async () => {
      if (!this.isRunning) return "ended";
      return (await isReady()) && "ready";
    });
    if (outcome === "ended")
      throw new Error(`${this.name} ended before it was ready:\n${this.log.slice(-2_000)}`);
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child !== null) killGroup(this.#child);
    await this.#ended;
  }

  /** SIGTERM; resolves with the exit code, null when it had to be killed after `limitMs`. */
  async stop(limitMs = END_MS_MAX): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    child.kill("SIGTERM");
    const timer = setTimeout(() => killGroup(child), limitMs);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }

  /** Waits for it to end by itself: its exit code, null when it had to be killed after `limitMs`. */
  async exit(limitMs = END_MS_MAX): Promise<number | null> {
    const child = this.#child;
    const timer = setTimeout(() => child !== null && killGroup(child), limitMs);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody is left in the group.
  }
}
