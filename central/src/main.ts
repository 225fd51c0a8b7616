import { formatVersion, runMain } from "@millrace/runtime";
import type { Program } from "@millrace/runtime";
import { centralVersion } from "./central-version.ts";
import { BACKUP_COMMAND } from "./commands/backup-command.ts";
import { CERTIFICATE_COMMAND } from "./commands/certificate-command.ts";
import { CHECK_COMMAND } from "./commands/check-command.ts";
import { ENROLL_COMMAND } from "./commands/enroll-command.ts";
import { INIT_COMMAND } from "./commands/init-command.ts";
import { PIPELINE_COMMAND } from "./commands/pipeline-command.ts";
import { RESTORE_COMMAND } from "./commands/restore-command.ts";
import { AGENT_COMMAND, SITE_COMMAND } from "./commands/retire-command.ts";
import { RUN_COMMAND } from "./commands/run-command.ts";
import { STATUS_COMMAND } from "./commands/status-command.ts";
import { TOKEN_COMMAND } from "./commands/token-command.ts";
import { USER_COMMAND } from "./commands/user-command.ts";

const program: Program = {
  name: "millrace-central",
  summary: "merges the sites' panes into windows that say how complete they are, and shows them",
  version: () => formatVersion(centralVersion()),
  commands: {
    run: RUN_COMMAND,
    check: CHECK_COMMAND,
    status: STATUS_COMMAND,
    init: INIT_COMMAND,
    site: SITE_COMMAND,
    agent: AGENT_COMMAND,
    pipeline: PIPELINE_COMMAND,
    backup: BACKUP_COMMAND,
    restore: RESTORE_COMMAND,
    enroll: ENROLL_COMMAND,
    certificate: CERTIFICATE_COMMAND,
    user: USER_COMMAND,
    token: TOKEN_COMMAND,
  },
};

// No await at the top: the single binary is bundled as CommonJS.
void runMain(program);
