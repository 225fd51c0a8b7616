import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@millrace/testkit";
import { onTestFinished } from "vitest";
import { ProgramProcess, type Surroundings } from "./program-process.ts";

const LOG_LINES_SHOWN = 40;

/**
 * The ground of one test: a temp folder, free ports, and the processes on it. Everything ends with the test. When it
 * failed, the last lines of every log are shown and the folder stays. To be made inside a test.
 */
export class Works {
  readonly folder = mkdtempSync(join(tmpdir(), "millrace-e2e-"));
  readonly #processes: ProgramProcess[] = [];
  readonly #ends: (() => Promise<unknown> | void)[] = [];

  constructor() {
    onTestFinished(async ({ task }) => {
      for (const end of this.#ends.splice(0).reverse()) await end();
      await Promise.all(this.#processes.map((each) => each.kill()));
      if (task.result?.state === "fail") this.#showLogs();
      else rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Runs at the test's end, the latest first, before the processes are killed. */
  atEnd(end: () => Promise<unknown> | void): void {
    this.#ends.push(end);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes a file of the folder: text as it is, everything else as JSON, which is YAML. */
  write(name: string, content: unknown): string {
    const path = this.path(name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2));
    return path;
  }

  freePort(): Promise<number> {
    return freePort();
  }

  process(
    name: string,
    script: string,
    args: readonly string[],
    surroundings: Surroundings = {},
  ): ProgramProcess {
    const made = new ProgramProcess({ name, script, args, logPath: this.path(`${name}.log`), surroundings });
    this.#processes.push(made);
    return made;
  }

  #showLogs(): void {
    process.stderr.write(`── what the test leaves: ${this.folder}\n`);
    for (const { name, log } of this.#processes) {
      const lines = log.trimEnd().split("\n").slice(-LOG_LINES_SHOWN);
      process.stderr.write(`── ${name}, last lines\n${lines.join("\n")}\n`);
    }
  }
}
