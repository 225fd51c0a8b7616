import { loadAgentConfig } from "@millrace/config";
import type { Command } from "@millrace/runtime";
import { agentUrl } from "../status/agent-url.ts";
import { CONFIG_FLAG } from "./config-flag.ts";
import { postToAgent } from "./post-to-agent.ts";
import { fetchStatus } from "./status.ts";

/** `millrace-agent reset`: ends latched alarms of the running agent whose condition is over. */
export const resetCommand: Command = {
  summary: "reset latched alarms whose condition is over",
  details: "ID as `status` shows it, or `all`. An alarm whose condition still holds stays.",
  flags: { config: CONFIG_FLAG },
  words: ["ID"],
  async run({ flags, words, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"), { toleratesFiles: true });
    const [id] = words;
    const url = agentUrl(config);
    const body = id === "all" ? { all: true } : { id };
    const answer = await postToAgent<{ readonly resetCount: number }>(`${url}/alarms/reset`, body);
    if ("error" in answer) {
      output.out(`${answer.error}\n`);
      return 1;
    }
    const { alarms } = await fetchStatus(`${url}/status`);
    const { text, exitCode } = resetOutcome({ id, count: answer.resetCount, alarms });
    output.out(text);
    return exitCode;
  },
};

/** What a reset did, in words; `alarms` are those that are active after it. */
export function resetOutcome(options: {
  readonly id: string;
  readonly count: number;
  readonly alarms: readonly { readonly id: string; readonly clearedAtMs: number | null }[];
}): { readonly text: string; readonly exitCode: 0 | 1 } {
  const { id, count, alarms } = options;
  const isAll = id === "all";
  const holding = alarms.filter((alarm) => alarm.clearedAtMs === null && (isAll || alarm.id === id)).length;
  const nothing = isAll || holding > 0 ? "nothing to reset" : `no alarm ${id} to reset`;
  const stays =
    holding === 0
      ? ""
      : `${holding} ${holding === 1 ? "alarm still holds its" : "alarms still hold their"} condition and ${holding === 1 ? "stays" : "stay"} active\n`;
  const isDone = count > 0 || (isAll && holding === 0);
  return { text: `${count === 0 ? nothing : `reset: ${count}`}\n${stays}`, exitCode: isDone ? 0 : 1 };
}
