import { formatVersion, type Program, readVersion, runMain } from "@millrace/runtime";
import { CHECK_COMMAND } from "./command-line/check-command.ts";
import { CONFIGURE_COMMAND } from "./command-line/configure-command.ts";
import { REPEAT_COMMAND } from "./command-line/repeat-command.ts";
import { RUN_COMMAND } from "./command-line/run-command.ts";
import { VERIFY_COMMAND } from "./command-line/verify-command.ts";

const program: Program = {
  name: "millrace-sim",
  summary: "Sensors whose truth is known to the last reading.",
  version: () =>
    formatVersion(readVersion({ program: "millrace-sim", wireVersion: null, storeVersion: null })),
  commands: {
    run: RUN_COMMAND,
    check: CHECK_COMMAND,
    configure: CONFIGURE_COMMAND,
    verify: VERIFY_COMMAND,
    repeat: REPEAT_COMMAND,
  },
};

// No await at the top: the single binary is bundled as CommonJS.
void runMain(program);
