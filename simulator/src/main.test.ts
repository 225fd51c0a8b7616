// The command as people call it: the same seed gives the same bytes in any process, a longer run begins like a shorter one.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "millrace-sim-"));
const plan = join(import.meta.dirname, "../plans/newcomer.yaml");

function simulate(name: string, ...flags: string[]) {
  const truth = join(folder, name);
  const result = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "main.ts"), "run", "--plan", plan, "--truth", truth, ...flags],
    { encoding: "utf8" },
  );
  return { ...result, truth };
}

test("same seed same bytes across processes, other seed other bytes, a shorter run is a prefix", () => {
  const start = ["--offline", "--start", "1700000000000"];
  const once = readFileSync(simulate("once", ...start, "--for", "20s").truth, "utf8");
  const again = readFileSync(simulate("again", ...start, "--for", "20s").truth, "utf8");
  const shorter = readFileSync(simulate("shorter", ...start, "--for", "7s").truth, "utf8");
  const other = readFileSync(simulate("other", ...start, "--for", "20s", "--seed", "7").truth, "utf8");
  expect(again).toBe(once);
  expect(once.startsWith(shorter)).toBe(true);
  expect(shorter.split("\n").length).toBeGreaterThan(7 * 12 * 3 * 5);
  expect(other).not.toBe(once);
});

test("wrong use exits 2 and says the way out", () => {
  const result = simulate("refused", "--broker", "alpha");
  expect(result.status).toBe(2);
  expect(result.stderr).toContain("--broker alpha is not SITE=mqtt://host:port");
});
