import { readFileSync } from "node:fs";
import { loadCentralConfig } from "@millrace/config";
import { MillraceError, plainText, reasonOf } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import type { PipelinePush } from "../api/central-reader.ts";
import { ApiClient, detailOf } from "./api-client.ts";
import { CONFIG_FLAG, JSON_FLAG } from "./config-flag.ts";
import { formatTable } from "./table.ts";

/** An agent has 10 s. */
const ANSWER_MS_MAX = 20_000;

export const PIPELINE_COMMAND: Command = {
  summary: "push a pipeline to an agent, or to all agents of a site, and say what became of it at each",
  details:
    "`pipeline push FILE --site SITE` (or --agent AGENT) asks the running central. Each agent validates it, takes it over without a restart, and keeps it until its own pipeline file is changed. Exit code 1 unless every agent runs it.",
  words: ["push", "FILE"],
  flags: {
    config: CONFIG_FLAG,
    site: { type: "text", placeholder: "SITE", summary: "all agents of this site" },
    agent: { type: "text", placeholder: "AGENT", summary: "this agent" },
    json: JSON_FLAG,
  },
  async run({ flags, name, output, words: [action, path = ""] }) {
    const [site, agent] = [flags.text("site"), flags.text("agent")];
    if (action !== "push")
      throw new MillraceError("wrong_usage", {
        command: name,
        reason: `unknown action ${JSON.stringify(action)}; there is push`,
      });
    if ((site === undefined) === (agent === undefined))
      throw new MillraceError("wrong_usage", { command: name, reason: "it takes one of --site and --agent" });
    const client = new ApiClient(
      loadCentralConfig(flags.requiredText("config"), { toleratesFiles: true }).config,
    );
    const asked = { pipeline: textOf(path), site, agent };
    const { status, body } = await client.ask("/api/v1/pipeline", "POST", {
      body: asked,
      limitMs: ANSWER_MS_MAX,
    });
    if (status !== 200) {
      const detail = detailOf(body) ?? `it answered ${status}`;
      output.err(`cannot push ${path}: ${detail}\n`);
      return 1;
    }
    const pushed: PipelinePush = JSON.parse(JSON.stringify(body));
    if (flags.isOn("json")) output.out(`${JSON.stringify(pushed, null, 2)}\n`);
    else {
      const rows = pushed.agents.map((each) => [
        each.agent,
        each.outcome.replaceAll("_", " "),
        firstLine(each.detail),
      ]);
      output.out(`pipeline ${pushed.version}\n${formatTable(["agent", "outcome", ""], rows)}`);
      for (const each of pushed.agents)
        if (each.outcome === "refused") output.err(`\n${each.agent}: ${plainLines(each.detail)}\n`);
    }
    return pushed.agents.every(({ outcome }) => outcome === "done") ? 0 : 1;
  },
};

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new MillraceError("file_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  }
}

/** Each line of it is cut for itself. */
function plainLines(text: string): string {
  return text
    .split("\n")
    .map((line) => plainText(line, 1_000))
    .join("\n");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0];
}
