import { join } from "node:path";
import type { Broker } from "./broker.ts";
import { Child } from "./child.ts";

const MAIN = join(import.meta.dirname, "aedes-process.ts");

/** Plain aedes, nothing durable: what our broker is built upon; or with a script that somebody might write instead of ours. */
export async function startAedesBroker(script?: "stop" | "panes"): Promise<Broker> {
  const child = Child.ofModule(MAIN, script === undefined ? [] : [script]);
  const port: number = await child.ask();
  return { name: "aedes", port, pid: child.pid, stop: () => child.stop() };
}
