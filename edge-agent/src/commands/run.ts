import { setFlagsFromString } from "node:v8";
import type { Command } from "@millrace/runtime";
import { writeToStream } from "mqtt-packet";
import { runAgent } from "../run-agent.ts";
import { CONFIG_FLAG } from "./config-flag.ts";

/** `millrace-agent run`: until SIGINT or SIGTERM. */
export const runCommand: Command = {
  summary: "run the agent until it is told to stop",
  details:
    "Ctrl-C or SIGTERM stops in order: open panes are sent and central's answer is waited for. A second one leaves at once.",
  flags: { config: CONFIG_FLAG },
  run({ flags }) {
    // Where cores are busy, as on a small gateway, several threads take longer than one: readings wait for the last of them.
    setFlagsFromString("--no-parallel-scavenge");
    // MQTT's libraries would make a buffer of each of the 65,536 packet ids at the first one: 7 MB of heap.
    writeToStream.cacheNumbers = false;
    return runAgent(flags.requiredText("config"));
  },
};
