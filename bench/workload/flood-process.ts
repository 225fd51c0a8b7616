// The flood in a process of its own: first message the options, then one for each round.
import { type FloodRound, PublishFlood, type PublishFloodOptions } from "./publish-flood.ts";

let flood: PublishFlood | undefined;

process.on("message", (message: PublishFloodOptions | FloodRound) => void answer(message));
// It waits for messages and for nothing else: here the channel does keep the process alive.
process.channel?.ref();
process.on("SIGTERM", () => process.exit(0));

async function answer(message: PublishFloodOptions | FloodRound): Promise<void> {
  if ("port" in message) {
    flood = await PublishFlood.connect(message);
    process.send?.("connected");
  } else process.send?.(await flood?.run(message));
}
