import { loadAgentConfig } from "@millrace/config";
import { type Command, formatDuration, MillraceError } from "@millrace/runtime";
import { MAINTENANCE_MS_MAX } from "../actions/maintenance-desk.ts";
import { agentUrl } from "../status/agent-url.ts";
import { CONFIG_FLAG } from "./config-flag.ts";
import { labelText, LABELS_FLAG, parseLabels } from "./labels-flag.ts";
import { postToAgent } from "./post-to-agent.ts";

/** `millrace-agent maintenance`: alarms of what is being worked on are shown as suppressed, and never act. */
export const maintenanceCommand: Command = {
  summary: "begin or end a maintenance at the running agent: its alarms are suppressed and never act",
  details:
    "`on` with the labels of what is worked on (none: everything at this agent); it ends by itself after --for. Where no series has them nothing begins, and the exit code is 1, unless with --even-if-none. `off` with the same labels, or --all.",
  flags: {
    config: CONFIG_FLAG,
    labels: LABELS_FLAG,
    for: { type: "duration", default: "8h", summary: "when it ends by itself, up to 31d" },
    "even-if-none": { type: "switch", summary: "with on: also where no series known now has these labels" },
    all: { type: "switch", summary: "with off: all that was begun by hand" },
  },
  words: ["on|off"],
  async run({ name, flags, words, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"), { toleratesFiles: true });
    const [word] = words;
    const labels = parseLabels(flags.texts("labels"));
    if (labels === undefined)
      throw new MillraceError("wrong_usage", { command: name, reason: "--labels takes NAME=VALUE" });
    if (word !== "on" && word !== "off")
      throw new MillraceError("wrong_usage", { command: name, reason: `${word} is neither on nor off` });
    const durationMs = flags.durationMs("for") ?? 0;
    if (word === "on" && (durationMs <= 0 || durationMs > MAINTENANCE_MS_MAX)) {
      const reason = `--for is ${formatDuration(durationMs)}; it may be up to ${formatDuration(MAINTENANCE_MS_MAX)}, and more than 0`;
      throw new MillraceError("wrong_usage", { command: name, reason });
    }
    const isNoneAllowed = flags.isOn("even-if-none");
    const body =
      word === "on" ? { labels, durationMs, isNoneAllowed } : flags.isOn("all") ? { all: true } : { labels };
    const url = `${agentUrl(config)}/maintenance/${word}`;
    const answer = await postToAgent<{
      readonly isChanged: boolean;
      readonly reason: string;
      readonly seriesCount?: number;
    }>(url, body);
    const isOfNothing = "seriesCount" in answer && answer.seriesCount === 0 && Object.keys(labels).length > 0;
    if (isOfNothing)
      output.out(`WARNING: 0 series have ${labelText(labels)} now; see that names and values are right\n`);
    if (isOfNothing && !answer.isChanged) {
      output.out(
        "NOT in maintenance: commands still go out. For a machine that has never been heard: --even-if-none\n",
      );
      return 1;
    }
    if ("error" in answer || !answer.isChanged) {
      output.out(`${"error" in answer ? answer.error : answer.reason}\n`);
      return 1;
    }
    const what = flags.isOn("all") ? "all" : labelText(labels);
    output.out(
      word === "on"
        ? `in maintenance for ${formatDuration(durationMs)}: ${what}, ${seriesText(answer.seriesCount)}\n`
        : `no longer in maintenance: ${what}\n`,
    );
    return 0;
  },
};

function seriesText(count = 0): string {
  return count === 1 ? "1 series" : `${count} series`;
}
