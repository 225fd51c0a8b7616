import { loadAgentConfig } from "@millrace/config";
import { type Command, MillraceError } from "@millrace/runtime";
import { agentUrl } from "../status/agent-url.ts";
import { CONFIG_FLAG } from "./config-flag.ts";
import { labelText, LABELS_FLAG, parseLabels } from "./labels-flag.ts";
import { postToAgent } from "./post-to-agent.ts";

/** `millrace-agent forget`: a series that was retired is not missed any more. */
export const forgetCommand: Command = {
  summary: "forget silent series that were retired: their alarms end",
  details:
    "Those that have all these labels and are silent now, and groups of windows of such. One that is heard again is watched again.",
  flags: { config: CONFIG_FLAG, labels: { ...LABELS_FLAG, isRequired: true } },
  async run({ name, flags, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"), { toleratesFiles: true });
    const labels = parseLabels(flags.texts("labels"));
    if (labels === undefined)
      throw new MillraceError("wrong_usage", { command: name, reason: "--labels takes NAME=VALUE" });
    const url = `${agentUrl(config)}/series/forget`;
    const answer = await postToAgent<{ readonly forgottenCount: number }>(url, { labels });
    if ("error" in answer) {
      output.out(`${answer.error}\n`);
      return 1;
    }
    const { forgottenCount } = answer;
    output.out(
      forgottenCount === 0
        ? `no alarm of ${labelText(labels)} is of something silent\n`
        : `forgotten: ${forgottenCount}\n`,
    );
    return forgottenCount === 0 ? 1 : 0;
  },
};
