// What `configure` writes for the plans that come with the simulator: agents and central take it, each site has ports of its own, and
// what cannot be run with it is said.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAgentConfig, loadAgentPipeline, loadCentralConfig, loadPipeline } from "@millrace/config";
import { afterEach, expect, test } from "vitest";

const PLANS = join(import.meta.dirname, "../../plans");
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-configure-"));
  folders.push(folder);
  return folder;
}

function configure(plan: string, folder = newFolder()) {
  const args = [join(import.meta.dirname, "../main.ts"), "configure", "--plan", plan, "--into", folder];
  return { ...spawnSync(process.execPath, args, { encoding: "utf8" }), folder };
}

test.each([
  ["chaos", 3, ["http", "--keep-links"]],
  ["factory-week", 3, []],
  ["bad-links", 40, ["--keep-links"]],
  ["fleet", 0, ["http"]],
] as const)("%s: central and its agents take what is written", (name, count, words) => {
  const { status, stdout, folder } = configure(join(PLANS, `${name}.yaml`));
  expect(status).toBe(0);
  for (const word of words) expect(stdout).toContain(word);
  const pipeline = join(folder, "pipeline.yaml");
  expect(loadPipeline(pipeline).config.windows.length).toBeGreaterThan(0);
  loadAgentPipeline(pipeline);
  const { config } = loadCentralConfig(join(folder, "central.yaml"));
  expect(config.agents).toHaveLength(count);
  const agents = readdirSync(folder)
    .filter((file) => file.startsWith("agent-"))
    .map((file) => loadAgentConfig(join(folder, file)).config);
  expect(agents).toHaveLength(count);
  const ports = agents.flatMap(({ inputs, http, uplink }) => [
    inputs.broker?.port,
    http.port,
    uplink !== null && "url" in uplink ? Number(new URL(uplink.url).port) : 0,
  ]);
  const uplinks = words.some((word) => word === "--keep-links") ? count : Math.min(1, count);
  expect(new Set(ports).size).toBe(2 * count + uplinks);
});

test("nothing is written over, and what it cannot write for is said", { timeout: 60_000 }, () => {
  const chaos = join(PLANS, "chaos.yaml");
  const { folder } = configure(chaos);
  expect(configure(chaos, folder)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("is there already"),
  });
  const plan = join(newFolder(), "plan.yaml");
  writeFileSync(
    plan,
    `version: 1\nseed: 1\nsites: { a: { files: { folder: x }, lines: 1, machinesPerLine: 1 } }\nsignals: { temperature: {} }\n`,
  );
  expect(configure(plan).stderr).toContain("site a: its readings go to files");
});
