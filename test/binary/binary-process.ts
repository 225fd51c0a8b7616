import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Works } from "../end-to-end/works.ts";

/** A single binary as it lies on a gateway: alone, without Node, npm or a checkout in reach. */
export class BinaryProcess {
  readonly #path: string;
  readonly #works: Works;
  #child: ChildProcess | undefined;

  constructor(options: { readonly path: string; readonly works: Works }) {
    this.#path = options.path;
    this.#works = options.works;
    this.#works.atEnd(() => this.kill());
  }

  /** One command, to its end, in `folder`. */
  run(folder: string, ...args: readonly string[]): { code: number | null; out: string; err: string } {
    const { status, stdout, stderr } = spawnSync(this.#path, args, {
      cwd: folder,
      env: this.#environment(folder),
      encoding: "utf8",
      timeout: 30_000,
    });
    return { code: status, out: stdout, err: stderr };
  }

  start(folder: string, ...args: readonly string[]): void {
    const log = openSync(this.#works.path("binary.log"), "a");
    const environment = this.#environment(folder);
    this.#child = spawn(this.#path, args, { cwd: folder, env: environment, stdio: ["ignore", log, log] });
    closeSync(log);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<number | null> {
    return this.#end("SIGKILL");
  }

  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null> {
    return this.#end("SIGTERM");
  }

  #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return Promise.resolve(null);
    const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    child.kill(signal);
    return ended;
  }

  #environment(folder: string): NodeJS.ProcessEnv {
    return { PATH: folder, HOME: folder, TMPDIR: folder };
  }
}
