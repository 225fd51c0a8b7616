// An installation that is interrupted leaves nobody behind that still writes, and what it left does not stop the next.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";

/** Runs the installation in a process of its own, with `script` in place of npm, on what earlier ones left. */
function installWith(script: string, left: readonly string[] = []) {
  const root = mkdtempSync(join(tmpdir(), "millrace-install-"));
  mkdirSync(join(root, "node_modules"));
  for (const name of left) writeFileSync(join(root, "node_modules", name), "");
  writeFileSync(join(root, "npm-cli.js"), script);
  const run = `require(${JSON.stringify(join(import.meta.dirname, "run-npm-ci.cjs"))}).runNpmCi(process.cwd(), 1)
    .then((fault) => { console.log(fault ?? "installed"); });`;
  const env = {
    ...process.env,
    npm_execpath: join(root, "npm-cli.js"),
    npm_node_execpath: process.execPath,
  };
  return { root, child: spawn(process.execPath, ["-e", run], { cwd: root, env }) };
}

test("Ctrl-C while installing: the start ends only after npm, also one that does not listen", async () => {
  const { root, child } = installWith(
    `process.on("SIGTERM", () => {}); require("node:fs").writeFileSync("pid", String(process.pid)); setInterval(() => {}, 1000);`,
  );
  await vi.waitFor(() => expect(readFileSync(join(root, "pid"), "utf8")).not.toBe(""));
  const pid = Number(readFileSync(join(root, "pid"), "utf8"));
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  expect(code).toBe(130);
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});

test("cannot install the packages … ENOTEMPTY: what a killed installation left is removed, once", async () => {
  const { root, child } = installWith(
    `const fs = require("node:fs"); fs.appendFileSync("runs", "x");
     if (fs.existsSync("node_modules/left")) { console.error("npm error code ENOTEMPTY\\nnpm error ENOTEMPTY: directory not empty"); process.exit(1); }`,
    ["left"],
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child, "close");
  expect(output).toBe("installed\n");
  expect(existsSync(join(root, "node_modules"))).toBe(false);
  expect(readFileSync(join(root, "runs"), "utf8")).toBe("xx");
});
