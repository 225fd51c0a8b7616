// A program whose reader has gone (`status | head -2`), or whose output the disk does not take.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "run-main.ts");
const PROGRAM = `
  import { runMain } from ${JSON.stringify(MAIN)};
  await runMain({
    name: "millrace-test",
    summary: "prints more than its reader wants.",
    version: () => "",
    commands: {
      print: {
        summary: "print",
        flags: {},
        async run({ output }) {
          await new Promise((resolve) => process.stdin.on("data", resolve));
          for (let line = 0; line < 100; line++) output.out("a line\\n");
          process.stdin.destroy();
          return 1;
        },
      },
    },
  });
`;

test("a reader that closes its end is no error: the program ends quietly, with its exit code", async () => {
  const child = spawn(
    process.execPath,
    ["--input-type=module-typescript", "-e", PROGRAM, "program", "print"],
    {
      stdio: "pipe",
    },
  );
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += String(chunk)));
  child.stdout.destroy();
  await once(child.stdout, "close");
  child.stdin.write("go\n");
  child.stdin.on("error", () => {});
  const [code] = await once(child, "close");
  expect({ code, errors }).toEqual({ code: 1, errors: "" });
});

test("a disk that takes no output is told in words, after the command has come to its end", async () => {
  const full = openSync("/dev/full", "w");
  const child = spawn(
    process.execPath,
    ["--input-type=module-typescript", "-e", PROGRAM, "program", "print"],
    { stdio: ["pipe", full, "pipe"] },
  );
  closeSync(full);
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => (errors += String(chunk)));
  child.stdin?.write("go\n");
  const [code] = await once(child, "close");
  expect(errors).toMatch(/^cannot write file standard output: .*no space left on device.*\n {2}→ .*\n$/);
  expect(code).toBe(1);
});
