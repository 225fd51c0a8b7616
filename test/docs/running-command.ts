import { type ChildProcess, spawn } from "node:child_process";

export interface RunningCommandOptions {
  /** A line as a person types it; the shell reads it. */
  readonly line: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Not what the shell does itself. */
const PROGRAM = /^(npm|npx|dist\/)/;
const running = new Set<RunningCommand>();

/** One command line in a shell of its own, whose output can be waited for. */
export class RunningCommand {
  readonly line: string;
  readonly #child: ChildProcess;
  readonly #ended = Promise.withResolvers<number | null>();
  #output = "";
  #hasEnded = false;
  #onOutput: (() => void) | null = null;

  constructor({ line, folder, env }: RunningCommandOptions) {
    this.line = line;
    // `exec`, so that a signal meets the program, and not a shell before it.
    this.#child = spawn("/bin/sh", ["-c", PROGRAM.test(line) ? `exec ${line}` : line], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    running.add(this);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        this.#onOutput?.();
      });
    }
    this.#child.on("close", (code) => {
      running.delete(this);
      this.#hasEnded = true;
      this.#ended.resolve(code);
      this.#onOutput?.();
    });
  }

  get output(): string {
    return this.#output;
  }

  /** Null when a signal ended it. */
  get exitCode(): Promise<number | null> {
    return this.#ended.promise;
  }

  /** Rejects with all of the output when the command ends without having said it. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#output)) {
      if (this.#hasEnded) throw new Error(`${this.line} ended without ${String(pattern)}:\n${this.#output}`);
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
    }
  }

  /** As a supervisor does it; resolves with the exit code. */
  stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return this.exitCode;
  }

  /** At once, all that still run, with what they have started in their groups. */
  static killAll(): void {
    for (const command of running) {
      const { pid } = command.#child;
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    }
  }
}
