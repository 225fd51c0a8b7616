import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { poll } from "../start/poll.ts";

export interface ServerProcessOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What it is told that it is called, where that is not `program`. */
  readonly argv0?: string;
  /** It runs there, and its output goes to `server.log` in it. */
  readonly dataFolder: string;
  /** Of the loopback interface. */
  readonly port: number;
  /** Whether it serves: not merely that its port is open. A throw counts as no. */
  readonly isReady: () => Promise<boolean>;
}

const START_MS_MAX = 90_000;
const LOG_CHARS_SHOWN = 2_000;

/** One real server as a child process, or as one that outlives this process. */
export class ServerProcess {
  readonly #options: ServerProcessOptions;
  #child: ChildProcess | undefined;

  constructor(options: ServerProcessOptions) {
    this.#options = options;
  }

  get logPath(): string {
    return join(this.#options.dataFolder, "server.log");
  }

  get address(): string {
    return `127.0.0.1:${this.#options.port}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const { name, program, args, argv0, dataFolder, port, isReady } = this.#options;
    if (await isTaken(port)) throw new Error(`cannot start ${name}: port ${port} is taken; choose another`);
    mkdirSync(dataFolder, { recursive: true });
    const log = openSync(this.logPath, "a");
    const child = spawn(program, args, {
      cwd: dataFolder,
      stdio: ["ignore", log, log],
      detached: true,
      ...(argv0 === undefined ? {} : { argv0 }),
    });
    closeSync(log);
    this.#child = child;
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    const isDone = async () => hasEnded() || (await isReady()) || undefined;
    const signal = new AbortController().signal;
    const isUp = await poll(isDone, { everyMs: 100, limitMs: START_MS_MAX, signal });
    if (isUp === undefined || hasEnded()) {
      await this.kill();
      throw new Error(
        `${name} does not start:\n${readFileSync(this.logPath, "utf8").slice(-LOG_CHARS_SHOWN)}`,
      );
    }
  }

  /** In order; resolves when it is gone. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** It stands still, with its connections open, until `resume`. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** It outlives this process. */
  detach(): void {
    this.#child?.unref();
  }

  #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill(signal);
    });
  }
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
