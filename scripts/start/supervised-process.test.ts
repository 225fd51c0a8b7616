// A child that dies is reported and started again; one that is asked to stop ends in order; nobody outlives the parent.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { SupervisedProcess } from "./supervised-process.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-start-"));

function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

// It says that it is there once it listens to signals.
const STEADY = `process.on("SIGTERM", () => { console.log("in order"); process.exit(0); }); setInterval(() => {}, 1000); console.log("pid", process.pid);`;
const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

test("killed, it is reported and comes back; stopped, it ends in order", async () => {
  const logPath = join(folder, "steady.log");
  const deaths: string[] = [];
  const child = new SupervisedProcess({
    name: "steady",
    args: [program("steady.mjs", STEADY)],
    logPath,
    onDied: ({ how, lastLines }) => deaths.push(`${how}: ${lastLines.length}`) > 0,
  });
  child.start();
  const pids = (): number[] => [...read(logPath).matchAll(/pid (\d+)/g)].map((match) => Number(match[1]));
  await vi.waitFor(() => expect(pids()).toHaveLength(1));
  process.kill(pids()[0] ?? 0, "SIGKILL");
  await vi.waitFor(() => expect(pids()).toHaveLength(2));
  expect(deaths).toEqual(["SIGKILL: 1"]);
  expect(await child.stop(5_000)).toBe(0);
  expect(read(logPath)).toContain("in order");
  expect(child.isRunning).toBe(false);
});

test("what an earlier run wrote is not taken for this one's word; one that is to stay down does", async () => {
  const logPath = join(folder, "words.log");
  writeFileSync(logPath, "running\n");
  let deathCount = 0;
  const child = new SupervisedProcess({
    name: "words",
    args: [
      program(
        "words.mjs",
        `process.on("SIGTERM", () => process.exit(1)); setInterval(() => {}, 1000); console.log("port in use", process.pid);`,
      ),
    ],
    logPath,
    onDied: () => ++deathCount === 0,
  });
  child.start();
  const lastPid = () => Number(/port in use (\d+)\n/.exec(read(logPath))?.[1]);
  await vi.waitFor(() => expect(lastPid()).toBeGreaterThan(0));
  expect(child.hasSaid("port in use")).toBe(true);
  expect(child.hasSaid("running")).toBe(false);
  process.kill(lastPid(), "SIGTERM");
  await vi.waitFor(() => expect(deathCount).toBe(1));
  expect(child.restartCount).toBe(0);
  expect(child.hasSaid("port in use")).toBe(false);
});

test("a parent killed outright leaves nobody behind", async () => {
  const logPath = join(folder, "orphan.log");
  const steady = program("orphan.mjs", STEADY);
  const parent = program(
    "parent.ts",
    `import { SupervisedProcess } from ${JSON.stringify(join(import.meta.dirname, "supervised-process.ts"))};
new SupervisedProcess({ name: "c", args: [${JSON.stringify(steady)}], logPath: ${JSON.stringify(logPath)}, onDied: () => true }).start();
setInterval(() => {}, 1000);`,
  );
  const parentProcess = spawn(process.execPath, [parent], { stdio: "ignore" });
  await vi.waitFor(() => expect(read(logPath)).toMatch(/pid \d+/));
  const pid = Number(/pid (\d+)/.exec(read(logPath))?.[1]);
  expect(isAlive(pid)).toBe(true);
  parentProcess.kill("SIGKILL");
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false));
  expect(read(logPath)).toContain("in order");
});
