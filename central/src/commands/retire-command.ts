import { loadCentralConfig } from "@millrace/config";
import { MillraceError } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import { ApiClient, detailOf } from "./api-client.ts";
import { CONFIG_FLAG } from "./config-flag.ts";

export const SITE_COMMAND = retireCommand("site", {
  summary: "retire a site: its agents are no longer expected from now on",
  details:
    "`site retire SITE` asks the running central. An agent of the site that connects again is expected again.",
});

export const AGENT_COMMAND = retireCommand("agent", {
  summary: "retire one agent of several at a site: it is no longer expected from now on",
  details: "`agent retire AGENT` asks the running central. If it connects again, it is expected again.",
});

function retireCommand(kind: "site" | "agent", told: Pick<Command, "summary" | "details">): Command {
  return {
    ...told,
    words: ["retire", kind.toUpperCase()],
    flags: { config: CONFIG_FLAG },
    async run({ flags, name, output, words: [action, who = ""] }) {
      if (action !== "retire")
        throw new MillraceError("wrong_usage", {
          command: name,
          reason: `unknown action ${JSON.stringify(action)}; there is retire`,
        });
      const client = new ApiClient(
        loadCentralConfig(flags.requiredText("config"), { toleratesFiles: true }).config,
      );
      const { status, body } = await client.ask(`/api/v1/${kind}s/${encodeURIComponent(who)}/retire`, "POST");
      if (status === 200) {
        output.out(`${kind} ${who} is retired\n`);
        return 0;
      }
      const detail = detailOf(body) ?? `it answered ${status}`;
      output.err(`cannot retire ${kind} ${who}: ${detail}\n`);
      return 1;
    },
  };
}
