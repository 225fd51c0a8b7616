import { loadAgentConfig } from "@millrace/config";
import { type Command, MillraceError, reasonOf } from "@millrace/runtime";
import { CONFIG_FLAG } from "./config-flag.ts";

/** `millrace-agent reset`: ends latched alarms of the running agent whose condition is over. */
export const resetCommand: Command = {
  summary: "reset latched alarms whose condition is over",
  details: "ID as `status` shows it, or `all`. An alarm whose condition still holds stays.",
  flags: { config: CONFIG_FLAG },
  words: ["ID"],
  async run({ flags, words, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"));
    const [id] = words;
    const url = `http://${config.http.host}:${config.http.port}/alarms/reset`;
    const count = await resetAlarms(url, id === "all" ? { all: true } : { id });
    output.out(count === 0 ? "no such alarm to reset\n" : `reset: ${count}\n`);
    return count === 0 ? 1 : 0;
  },
};

async function resetAlarms(url: string, body: unknown): Promise<number> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    const { resetCount }: { resetCount: number } = JSON.parse(await response.text());
    return resetCount;
  } catch (error) {
    throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
  }
}
