import { formatProblem } from "@millrace/config";
import type { Command } from "@millrace/runtime";
import { CONFIG_FLAG, JSON_FLAG } from "./config-flag.ts";
import { count } from "./count.ts";
import { loadBoth } from "./load-both.ts";

export const CHECK_COMMAND: Command = {
  summary: "check the configuration and the pipeline, and say what they amount to",
  flags: { config: CONFIG_FLAG, json: JSON_FLAG },
  run({ flags, output }) {
    const { config, warnings, pipeline } = loadBoth(flags.requiredText("config"));
    const found = {
      config: config.path,
      pipeline: config.pipelinePath,
      agents: config.agents.map(({ id, site }) => ({ agent: id, site })),
      metrics: pipeline.config.metrics.map(({ name }) => name),
      windows: pipeline.config.windows.map(({ name }) => name),
      records: config.records.map(({ name }) => name),
      sinks: Object.entries(config.sinks).flatMap(([name, sink]) => (sink === null ? [] : name)),
      warnings: [...warnings, ...pipeline.warnings].map(formatProblem),
    };
    if (flags.isOn("json")) {
      output.out(`${JSON.stringify(found, null, 2)}\n`);
      return;
    }
    for (const warning of found.warnings) output.out(`warning: ${warning}\n`);
    const sites = new Set(found.agents.map(({ site }) => site)).size;
    output.out(
      `${found.config} and ${found.pipeline} are right: ${count(found.agents.length, "agent")} at ${count(sites, "site")}, ${count(found.metrics.length, "metric")}, ${count(found.windows.length, "window")}, ${count(found.records.length, "stream")} of records, ${count(found.sinks.length, "sink")}\n`,
    );
  },
};
