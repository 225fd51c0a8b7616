import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestTally } from "./test-tally.ts";

const begin = "<!-- summary: written by npm test -- --long -->";
const end = "<!-- end of summary -->";

/** Writes what the last long run showed into docs/proof.md, between its marks; the rest of the page stays. */
export function writeProofSummary(root: string, total: TestTally, durationS: number): void {
  const file = path.join(root, "docs", "proof.md");
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const changes =
    git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " with uncommitted changes";
  const summary = [
    begin,
    "| last long run | |",
    "|---|---|",
    `| date | ${new Date().toISOString().slice(0, 10)} |`,
    `| commit | ${git("rev-parse", "--short", "HEAD")}${changes} |`,
    `| result | ${total.passed} passed, ${total.failures.length} failed, ${total.skips.length} skipped |`,
    `| duration | ${durationS} s |`,
    `| machine | ${os.availableParallelism()} cores, ${os.arch()}, Node ${process.versions.node} |`,
    end,
  ].join("\n");
  const page = existsSync(file)
    ? readFileSync(file, "utf8")
    : `# How it is shown to work\n\n${begin}\n${end}\n`;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, withSummary(page, summary));
}

function withSummary(page: string, summary: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) return `${page.trimEnd()}\n\n${summary}\n`;
  return page.slice(0, from) + summary + page.slice(to + end.length);
}
