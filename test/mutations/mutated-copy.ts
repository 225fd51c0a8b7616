import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { StageReport } from "../../scripts/test/test-tally.ts";
import { CheckoutCopy } from "../docs/checkout-copy.ts";
import type { Mutation } from "./load-mutations.ts";

/** A planted bug that sends a test round for ever is stopped. */
const RUN_MS_MAX = 300_000;

export type Verdict =
  | { readonly isCaught: true }
  | { readonly isCaught: false; readonly why: string; readonly output: string };

/** A copy of this checkout in which bugs are planted, one at a time. */
export class MutatedCopy {
  readonly #copy: CheckoutCopy;

  constructor(root: string) {
    this.#copy = new CheckoutCopy(root, "mutations");
    // Caches would be hard links to those of the tests that run beside this.
    for (const name of [".vite", ".vite-temp", ".vitest-cache"])
      rmSync(path.join(this.#copy.checkout, "node_modules", name), { recursive: true, force: true });
  }

  /** Whether the named test passes as things are and fails with the bug. */
  try(mutation: Mutation): Verdict {
    const file = path.join(this.#copy.checkout, mutation.file);
    const sound = readFileSync(file, "utf8");
    const before = this.#run(mutation);
    if (before.status !== "passed")
      return { isCaught: false, why: `without the bug the test is ${before.status}`, output: before.output };
    try {
      // Not a text with `$1` in it, whatever stands there.
      writeFileSync(
        file,
        sound.replace(mutation.find, () => mutation.replace),
      );
      const after = this.#run(mutation);
      if (after.status === "failed") return { isCaught: true };
      return { isCaught: false, why: `with the bug the test is ${after.status}`, output: after.output };
    } finally {
      writeFileSync(file, sound);
    }
  }

  remove(): void {
    this.#copy.remove();
  }

  /** What became of the named test: vitest's word for it, or that there was none. */
  #run(mutation: Mutation): { readonly status: string; readonly output: string } {
    const { checkout, folder } = this.#copy;
    const reportFile = path.join(folder, "report.json");
    rmSync(reportFile, { force: true });
    const env = Object.fromEntries(
      Object.entries({ ...process.env, NODE_ENV: "test" }).filter(([name]) => !name.startsWith("VITEST")),
    );
    const name = `${mutation.test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
    const { stdout, stderr, error } = spawnSync(
      process.execPath,
      ["node_modules/vitest/vitest.mjs", "run", mutation.in, "-t", name, ...reporters],
      { cwd: checkout, env, encoding: "utf8", timeout: RUN_MS_MAX },
    );
    const output = `${stdout}${stderr}`;
    if (error !== undefined) return { status: `not run: ${error.message}`, output };
    const report: StageReport = JSON.parse(readFileSync(reportFile, "utf8"));
    const statuses = report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ title }) => title === mutation.test)
      .map(({ status }) => status);
    // One name may stand for several tests, one of each accumulator: one that fails is enough.
    return { status: statuses.includes("failed") ? "failed" : (statuses[0] ?? "not there"), output };
  }
}
