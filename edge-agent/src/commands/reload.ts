import { loadAgentConfig } from "@millrace/config";
import type { Command } from "@millrace/runtime";
import { isTakenOver, type ReloadReport } from "../reload/reload-report.ts";
import { agentUrl } from "../status/agent-url.ts";
import { CONFIG_FLAG } from "./config-flag.ts";
import { postToAgent } from "./post-to-agent.ts";

/** Inputs are stopped and started: with what is under way that takes its time. */
const ANSWER_MS_MAX = 60_000;

/** `millrace-agent reload`: the running agent takes over its configuration as the files have it now. */
export const reloadCommand: Command = {
  summary: "have the running agent take over its changed configuration, or say why it does not",
  details:
    "agent.yaml and the pipeline are validated first; with an error, or where something cannot be applied, all stays as it runs. Exit code 1 then.",
  flags: {
    config: CONFIG_FLAG,
    file: {
      type: "switch",
      summary: "the pipeline file, though central has pushed another since it was changed",
    },
    json: { type: "switch", summary: "print JSON" },
  },
  async run({ flags, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"), { toleratesFiles: true });
    const url = `${agentUrl(config)}/reload`;
    const answer = await postToAgent<ReloadReport>(url, { file: flags.isOn("file") }, ANSWER_MS_MAX);
    if ("error" in answer) {
      output.err(`${answer.error}\n`);
      return 1;
    }
    const { outcome, version, detail } = answer;
    const isGood = isTakenOver(answer);
    if (flags.isOn("json")) output.out(`${JSON.stringify(answer)}\n`);
    else {
      const print = isGood ? output.out : output.err;
      print(`${outcome.replace("_", " ")}: ${detail}\npipeline ${version} runs\n`);
    }
    return isGood ? 0 : 1;
  },
};
