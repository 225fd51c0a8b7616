import { formatVersion, readVersion, runProgram } from "@millrace/runtime";
import { RUN_COMMAND } from "./command-line/run-command.ts";
import { VERIFY_COMMAND } from "./command-line/verify-command.ts";

process.exitCode = await runProgram(
  {
    name: "millrace-sim",
    summary: "Sensors whose truth is known to the last reading.",
    version: () =>
      formatVersion(readVersion({ program: "millrace-sim", wireVersion: null, storeVersion: null })),
    commands: { run: RUN_COMMAND, verify: VERIFY_COMMAND },
  },
  process.argv.slice(2),
);
