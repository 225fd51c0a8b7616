// The load in a process of its own: first message the options, then one for each round.
import { SensorLoad, type LoadRound, type SensorLoadOptions } from "./sensor-load.ts";

let load: SensorLoad | undefined;

process.on("message", (message: SensorLoadOptions | LoadRound) => void answer(message));
// It waits for messages and for nothing else: here the channel does keep the process alive.
process.channel?.ref();
process.on("SIGTERM", () => process.exit(0));

async function answer(message: SensorLoadOptions | LoadRound): Promise<void> {
  if ("port" in message) {
    load = await SensorLoad.connect(message);
    process.send?.("connected");
  } else process.send?.(await load?.run(message));
}
