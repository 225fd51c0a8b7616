import { parseArgs } from "node:util";
import {
  createLogger,
  formatVersion,
  MillraceError,
  readVersion,
  reasonOf,
  toExitCode,
} from "@millrace/runtime";
import { runCommand } from "./command-line/run-command.ts";
import { verifyCommand } from "./command-line/verify-command.ts";

const HELP = `millrace-sim: sensors whose truth is known to the last reading

  millrace-sim run --plan FILE --truth FILE       publish a plan's sensors over MQTT, write their truth
  millrace-sim verify --truth FILE --central URL  compare central's windows and alarms with the truth

Each command has its own --help.`;

async function main([command, ...rest]: readonly string[]): Promise<number> {
  if (command === "run") return runCommand(rest, createLogger());
  if (command === "verify") return verifyCommand(rest);
  const { values } = parseArgs({
    args: [...(command === undefined ? [] : [command]), ...rest],
    options: { help: { type: "boolean", short: "h" }, version: { type: "boolean" } },
    allowPositionals: true,
  });
  if (values.version)
    process.stdout.write(
      `${formatVersion(readVersion({ program: "millrace-sim", wireVersion: null, storeVersion: null }))}\n`,
    );
  else if (values.help) process.stdout.write(`${HELP}\n`);
  else
    throw new MillraceError("wrong_usage", {
      command: "millrace-sim",
      reason: command === undefined ? "it needs a command" : `there is no command "${command}"`,
    });
  return 0;
}

/** `parseArgs` refuses unknown flags with errors of its own. */
function isFlagError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const known = isFlagError(error)
    ? new MillraceError("wrong_usage", { command: "millrace-sim", reason: reasonOf(error) })
    : error;
  process.stderr.write(
    `${known instanceof MillraceError ? known.explain() : `cannot go on: ${String(error instanceof Error ? error.stack : error)}`}\n`,
  );
  process.exitCode = toExitCode(known);
}
