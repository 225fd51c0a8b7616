// npm run check: types, lint, format, dead code, the rules of the house. Each tool says one line; what failed says the rest.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

interface CheckResult {
  readonly name: string;
  readonly exitCode: number;
  readonly output: string;
}

const root = path.resolve(import.meta.dirname, "..");

const checks: readonly Check[] = [
  { name: "types", command: "tsc", args: ["-p", "."] },
  ...(existsSync(path.join(root, "central/dashboard/main.tsx"))
    ? [{ name: "types of the dashboard", command: "tsc", args: ["-p", "central/dashboard"] }]
    : []),
  { name: "lint", command: "oxlint", args: ["--type-aware", "--deny-warnings"] },
  { name: "format", command: "oxfmt", args: ["--check", "."] },
  { name: "dead code", command: "knip", args: ["--no-progress"] },
  // Import directions, purity, the lockfile; lists in the documentation against their tables.
  {
    name: "house",
    command: "vitest",
    args: [
      "run",
      "test/house",
      "config-artefacts",
      "pages.test",
      "references.test",
      "readmes-agree",
      "unshown-claims",
    ],
  },
];

function runCheck(check: Check): Promise<CheckResult> {
  const startedAtMs = performance.now();
  const child = spawn(path.join(root, "node_modules", ".bin", check.command), check.args, { cwd: root });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    child.on("error", (error) => chunks.push(Buffer.from(`cannot run ${check.command}: ${error.message}\n`)));
    child.on("close", (code) => {
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      const exitCode = code ?? 1;
      process.stdout.write(`${exitCode === 0 ? "ok    " : "FAILED"}  ${check.name}  (${seconds} s)\n`);
      resolve({ name: check.name, exitCode, output: Buffer.concat(chunks).toString() });
    });
  });
}

const results: CheckResult[] = [];
for (const check of checks) results.push(await runCheck(check));

const failed = results.filter((result) => result.exitCode !== 0);
for (const result of failed) process.stdout.write(`\n── ${result.name}\n${result.output.trimEnd()}\n`);
process.stdout.write(
  failed.length === 0
    ? `all ${results.length} checks passed\n`
    : `\n${failed.length} of ${results.length} checks failed: ${failed.map(({ name }) => name).join(", ")}\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
