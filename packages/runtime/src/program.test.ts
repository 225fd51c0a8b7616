// Command line: help and versions, typed flags, mistakes answered with the nearest name and exit code 2.
import { expect, test } from "vitest";
import type { CommandInput } from "./command.ts";
import { MillraceError } from "./error.ts";
import { type Program, runProgram } from "./program.ts";

let seen: CommandInput | undefined;
const program: Program = {
  name: "millrace-agent",
  summary: "watches one site.",
  version: () => "millrace-agent 0.1.0",
  commands: {
    run: {
      summary: "run until stopped",
      flags: {
        config: {
          type: "text",
          placeholder: "FILE",
          summary: "the agent's file",
          isRequired: true,
          short: "c",
        },
        for: { type: "duration", summary: "stop by itself" },
        seed: { type: "number", summary: "seed", default: "7" },
        set: { type: "text", summary: "override", isMany: true },
        json: { type: "switch", summary: "print JSON" },
      },
      words: ["[FILE…]"],
      run: (input) => void (seen = input),
    },
    status: {
      summary: "say what it sees",
      flags: {},
      run() {
        throw new MillraceError("service_unreachable", {
          url: "http://127.0.0.1:9464",
          reason: "connection refused",
        });
      },
    },
    doctor: { summary: "examine the store", flags: {}, run: () => 1 },
    broken: {
      summary: "break",
      flags: {},
      run() {
        throw new TypeError("oops");
      },
    },
  },
};

async function run(...argv: string[]) {
  let [out, err] = ["", ""];
  seen = undefined;
  const code = await runProgram(program, argv, {
    out: (text) => (out += text),
    err: (text) => (err += text),
  });
  return { code, out, err };
}

test("flags arrive typed, with defaults", async () => {
  expect(
    await run("run", "-c", "agent.yaml", "--for", "30s", "--set", "a", "--set=b", "--json", "x", "y"),
  ).toMatchObject({ code: 0, err: "" });
  expect(seen?.flags.text("config")).toBe("agent.yaml");
  expect(seen?.flags.durationMs("for")).toBe(30_000);
  expect(seen?.flags.number("seed")).toBe(7);
  expect(seen?.flags.texts("set")).toEqual(["a", "b"]);
  expect(seen?.flags.isOn("json")).toBe(true);
  expect(seen?.words).toEqual(["x", "y"]);
  expect(() => seen?.flags.text("seed")).toThrow("invariant");
});

test("--help of the program and of a command are aligned", async () => {
  expect((await run("--help")).out).toContain("  run     run until stopped\n  status  say what it sees\n");
  const { out, code } = await run("run", "--help");
  expect(code).toBe(0);
  expect(out).toContain("Usage: millrace-agent run [FILE…] [--flags]");
  expect(out).toContain(
    "  -c, --config FILE  the agent's file (required)\n  --for DURATION     stop by itself\n",
  );
  expect((await run("help", "run")).out).toBe(out);
  expect(await run("--version")).toEqual({ code: 0, out: "millrace-agent 0.1.0\n", err: "" });
});

test.each([
  [["rum"], 'unknown command "rum"; did you mean run?'],
  [["--config"], 'unknown flag before a command "--config"'],
  [["run", "--confg", "a"], 'unknown flag "--confg"; did you mean --config?'],
  [["run"], "--config is missing"],
  [["run", "--config"], "--config needs a value: FILE"],
  [["run", "--config", "--json"], "--config needs a value: FILE"],
  [["run", "-c", "a", "-c", "b"], "--config is given twice"],
  [["run", "-c", "a", "--for", "30"], '--for is "30"; it must be a duration such as 30s'],
  [["run", "-c", "a", "--seed", "x"], '--seed is "x"; it must be a number'],
  [["run", "-c", "a", "--json=1"], "--json takes no value"],
  [["doctor", "x"], 'it does not take "x"'],
])("wrong use: %j", async (argv, message) => {
  const { code, out, err } = await run(...argv);
  expect(err).toContain(message);
  expect(err).toMatch(/--help says what it takes \(wrong_usage\)\n$/);
  expect({ code, out }).toEqual({ code: 2, out: "" });
});

test("no command at all prints the help to the error stream and exits with 2", async () => {
  const { code, out, err } = await run();
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain("Commands:");
});

test("operating errors are plain, broken invariants show their stack", async () => {
  expect(await run("status")).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^cannot ask http:\/\/127.0.0.1:9464: connection refused\n {2}→ [^\n]*\n$/),
  });
  expect(await run("broken")).toMatchObject({ code: 1, err: expect.stringContaining("program.test.ts") });
  expect((await run("doctor")).code).toBe(1);
});
