import {
  ConfigError,
  formatProblemWithExcerpt,
  loadAgentConfig,
  loadAgentPipeline,
  unreadFiles,
} from "@millrace/config";
import type { Command } from "@millrace/runtime";
import { CONFIG_FLAG } from "./config-flag.ts";

/** `millrace-agent check`: validates agent.yaml and its pipeline.yaml. */
export const checkCommand: Command = {
  summary: "validate the configuration, with file:line:column",
  flags: {
    config: CONFIG_FLAG,
    effective: {
      type: "switch",
      summary: "print the configuration as the agent sees it, defaults filled in",
    },
  },
  run({ flags, output }) {
    const path = flags.requiredText("config");
    const agent = loadAgentConfig(path);
    const { config, uplinkProblems } = agent;
    if (uplinkProblems.length > 0) throw new ConfigError(path, uplinkProblems);
    const pipeline = loadAgentPipeline(config.pipelinePath);
    const unread = unreadFiles(agent, pipeline.config);
    for (const warning of [...agent.warnings, ...unread, ...pipeline.warnings])
      output.err(`warning: ${formatProblemWithExcerpt(warning)}\n`);
    if (flags.isOn("effective")) {
      output.out(`${JSON.stringify({ agent: config, pipeline: pipeline.config }, hideSecrets, 2)}\n`);
      return;
    }
    const { metrics, windows, rules, leftToCentral } = pipeline.config;
    output.out(
      `${config.path} and ${config.pipelinePath} are valid: ${metrics.length} metrics, ${windows.length} windows, ${rules.length} rules\n`,
    );
    if (leftToCentral.length > 0)
      output.out(`of records, which come to central, not to an agent: ${leftToCentral.join(", ")}\n`);
  },
};

function hideSecrets(key: string, value: unknown): unknown {
  if (value instanceof RegExp) return value.source;
  if (typeof value !== "string") return value;
  return key === "password" || key === "token" || value.includes("PRIVATE KEY") ? "(hidden)" : value;
}
