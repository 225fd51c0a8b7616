import { formatVersion, type Program, runMain } from "@millrace/runtime";
import { checkCommand } from "./commands/check.ts";
import { discoverCommand } from "./commands/discover.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { forgetCommand } from "./commands/forget.ts";
import { initCommand } from "./commands/init.ts";
import { maintenanceCommand } from "./commands/maintenance.ts";
import { replayCommand } from "./commands/replay.ts";
import { reloadCommand } from "./commands/reload.ts";
import { resetCommand } from "./commands/reset.ts";
import { runCommand } from "./commands/run.ts";
import { statusCommand } from "./commands/status.ts";
import { agentVersion } from "./version.ts";

const program: Program = {
  name: "millrace-agent",
  summary:
    "The gateway program: takes sensors' readings in, acts on them at once, and forwards aggregates to central.",
  version: () => formatVersion(agentVersion()),
  commands: {
    init: initCommand,
    discover: discoverCommand,
    check: checkCommand,
    run: runCommand,
    status: statusCommand,
    reload: reloadCommand,
    reset: resetCommand,
    maintenance: maintenanceCommand,
    forget: forgetCommand,
    doctor: doctorCommand,
    replay: replayCommand,
  },
};

// No await at the top: the single binary is bundled as CommonJS.
void runMain(program);
