import { fork, type Serializable, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const STOP_LIMIT_MS = 15_000;
const END_WITH_PARENT = join(import.meta.dirname, "../../scripts/start/end-with-parent.ts");

/** A program that a benchmark runs beside itself; gone when the benchmark ends, however it ends. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  #output = "";

  /** A module of this folder, with a channel for `ask`. */
  static ofModule(path: string, args: readonly string[] = [], flags: readonly string[] = []): Child {
    const execArgv = ["--import", END_WITH_PARENT, ...flags];
    return new Child(path, fork(path, [...args], { stdio: ["ignore", "pipe", "pipe", "ipc"], execArgv }));
  }

  /** `variables`: of its environment, beside this process's. */
  static ofProgram(
    path: string,
    args: readonly string[],
    variables: Readonly<Record<string, string>> = {},
  ): Child {
    const env = { ...process.env, ...variables };
    return new Child(path, spawn(path, [...args], { stdio: ["ignore", "pipe", "pipe"], env }));
  }

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-4_000)));
    }
    child.on("error", (error) => (this.#output += error.message));
    const kill = (): void => void child.kill("SIGKILL");
    process.on("exit", kill);
    child.once("exit", () => process.off("exit", kill));
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`cannot start ${this.#name}: ${this.#output}`);
    return this.#process.pid;
  }

  /** Fails with what it printed last once it has ended. */
  assertRuns(): void {
    if (this.#process.exitCode === null && this.#process.signalCode === null) return;
    throw new Error(`cannot go on: ${this.#name} has ended: ${this.#output}`);
  }

  /** Sends a message that nobody waits to have answered. */
  tell(message: Serializable): void {
    this.#process.send(message);
  }

  /** Sends a message, or nothing, and waits for the next one that comes back. */
  async ask<Answer>(question?: Serializable): Promise<Answer> {
    if (question !== undefined) this.#process.send(question);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onEnd = (): void => reject(new Error(`cannot go on: ${this.#name} has ended: ${this.#output}`));
    this.#process.once("message", resolve);
    this.#process.once("exit", onEnd);
    return promise.finally(() => this.#process.off("exit", onEnd));
  }

  /** Asks it to stop in order; at once after 15 s. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  }

  /** As a power cut would end it, as far as the program is concerned. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}
