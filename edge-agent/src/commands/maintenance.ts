import { loadAgentConfig } from "@millrace/config";
import { type Command, formatDuration, MillraceError, reasonOf } from "@millrace/runtime";
import type { Labels } from "@millrace/stream";
import { CONFIG_FLAG } from "./config-flag.ts";

/** `millrace-agent maintenance`: alarms of what is being worked on are shown as suppressed, and never act. */
export const maintenanceCommand: Command = {
  summary: "begin or end a maintenance at the running agent: its alarms are suppressed and never act",
  details:
    "`on` with the labels of what is worked on (none: everything at this agent); it ends by itself after --for. `off` with the same labels, or --all.",
  flags: {
    config: CONFIG_FLAG,
    labels: {
      type: "text",
      isMany: true,
      placeholder: "NAME=VALUE",
      summary: "a label of the series; several: all of them",
    },
    for: { type: "duration", default: "8h", summary: "when it ends by itself, up to 31d" },
    all: { type: "switch", summary: "with off: all that was begun by hand" },
  },
  words: ["on|off"],
  async run({ name, flags, words, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"));
    const [word] = words;
    const labels = parseLabels(flags.texts("labels"));
    if (labels === undefined)
      throw new MillraceError("wrong_usage", { command: name, reason: "--labels takes NAME=VALUE" });
    if (word !== "on" && word !== "off")
      throw new MillraceError("wrong_usage", { command: name, reason: `${word} is neither on nor off` });
    const durationMs = flags.durationMs("for") ?? 0;
    const body = word === "on" ? { labels, durationMs } : flags.isOn("all") ? { all: true } : { labels };
    const url = `http://${config.http.host}:${config.http.port}/maintenance/${word}`;
    const { isChanged, reason } = await ask(url, body);
    if (!isChanged) {
      output.out(`${reason}\n`);
      return 1;
    }
    const what = flags.isOn("all") ? "all" : labelText(labels);
    output.out(
      word === "on"
        ? `in maintenance for ${formatDuration(durationMs)}: ${what}\n`
        : `no longer in maintenance: ${what}\n`,
    );
    return 0;
  },
};

/** `{ machine: "press-1" }` as text; what it is of without labels. */
export function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "everything at this agent" : pairs.join(" ");
}

function parseLabels(texts: readonly string[]): Labels | undefined {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1 || at === text.length - 1) return undefined;
    labels[text.slice(0, at)] = text.slice(at + 1);
  }
  return labels;
}

interface MaintenanceAnswer {
  readonly isChanged: boolean;
  readonly reason: string;
}

async function ask(url: string, body: unknown): Promise<MaintenanceAnswer> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    const answer: MaintenanceAnswer & { readonly error?: string } = JSON.parse(await response.text());
    return response.ok
      ? answer
      : { isChanged: false, reason: answer.error ?? `it answered ${response.status}` };
  } catch (error) {
    throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
  }
}
