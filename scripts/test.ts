// npm test [-- [--long] [--kills N] [name…]]: every test, fast ones first; a name keeps the files whose path contains it.
// Ends with the plain line "N passed, N failed" (", N skipped"), counted in tests.
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { longestFiles } from "./test/longest-files.ts";
import { writeProofSummary } from "./test/proof-summary.ts";
import { quickStarts } from "./test/quick-starts.ts";
import { testStages, type TestStage } from "./test/test-stages.ts";
import { type KnownSkip, type StageReport, type TestTally, tallyStage, totalOf } from "./test/test-tally.ts";

const root = path.resolve(import.meta.dirname, "..");
const usage =
  "usage: npm test [-- [--long] [--kills N] [part of a file's path …]]\n  --kills N  how often the crash test kills a process (default 30, with --long 150)";

function runStage(stage: TestStage, isLong: boolean, folder: string): Promise<number> {
  const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${reportIn(folder)}`];
  if (stage.isSerial) args.push("--no-file-parallelism");
  const child = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", ...args, ...stage.files], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      ...quickStarts(path.join(folder, "compiled")),
      NODE_ENV: "test",
      ...(isLong ? { MILLRACE_LONG: "1" } : {}),
    },
  });
  const stop = () => child.kill("SIGTERM");
  process.once("SIGTERM", stop);
  return new Promise((resolve) => {
    child.on("error", () => resolve(1));
    child.on("close", (code) => {
      process.off("SIGTERM", stop);
      resolve(code ?? 1);
    });
  });
}

function reportIn(folder: string): string {
  return path.join(folder, "report.json");
}

function readReport(folder: string): StageReport | undefined {
  try {
    const report: StageReport = JSON.parse(readFileSync(reportIn(folder), "utf8"));
    return report;
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      long: { type: "boolean", default: false },
      kills: { type: "string" },
      help: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  if (values.kills !== undefined) {
    if (!/^[1-9]\d*$/.test(values.kills))
      throw new Error(`--kills takes a whole number, not ${values.kills}`);
    process.env["MILLRACE_KILLS"] = values.kills;
  }

  const found = globSync("**/*.test.ts", {
    cwd: root,
    exclude: (name) => ["node_modules", "dist", "data", ".cache", ".git"].includes(path.basename(name)),
  }).map((file) => file.split(path.sep).join("/"));
  const chosen = found.filter(
    (file) => positionals.length === 0 || positionals.some((part) => file.includes(part)),
  );
  if (chosen.length === 0) {
    process.stderr.write(`cannot test: no test file's path contains ${positionals.join(" or ")}\n`);
    return 2;
  }

  const startedAtMs = performance.now();
  const known: KnownSkip[] = JSON.parse(readFileSync(path.join(root, "test/skips.json"), "utf8"));
  const folder = mkdtempSync(path.join(tmpdir(), "millrace-test-"));
  const tallies: TestTally[] = [];
  for (const stage of testStages(chosen)) {
    process.stdout.write(`\n── ${stage.name}: ${stage.files.length} files\n`);
    rmSync(reportIn(folder), { force: true });
    const exitCode = await runStage(stage, values.long, folder);
    const isStrict = Boolean(process.env["CI"]);
    tallies.push(
      tallyStage({ root, stage: stage.name, exitCode, report: readReport(folder), known, isStrict }),
    );
  }
  rmSync(folder, { recursive: true, force: true });

  const total = totalOf(tallies);
  const durationS = Math.round((performance.now() - startedAtMs) / 1000);
  if (values.long && positionals.length === 0) writeProofSummary(root, total, durationS);
  process.stdout.write("\nlongest files:\n");
  for (const { file, durationMs } of longestFiles(total.files))
    process.stdout.write(`${(durationMs / 1000).toFixed(1).padStart(7)} s  ${file}\n`);
  for (const skip of total.skips) process.stdout.write(`skipped: ${skip.test} (${skip.reason})\n`);
  for (const failure of total.failures) process.stdout.write(`failed: ${failure}\n`);
  const skipped = total.skips.length > 0 ? `, ${total.skips.length} skipped` : "";
  process.stdout.write(
    `tests took ${durationS} s\n${total.passed} passed, ${total.failures.length} failed${skipped}\n`,
  );
  return total.failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
  process.exitCode = 2;
}
