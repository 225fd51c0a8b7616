import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Broker } from "./broker.ts";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";
import { waitForPort } from "./wait-for-port.ts";

const PATHS = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"];

/** Mosquitto without persistence; null where it is not installed. */
export async function startMosquittoBroker(folder: string): Promise<Broker | null> {
  const program = PATHS.find((path) => existsSync(path));
  if (program === undefined) return null;
  mkdirSync(folder, { recursive: true });
  const port = await freePort("Mosquitto", 22_000);
  const config = join(folder, "mosquitto.conf");
  writeFileSync(
    config,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\nset_tcp_nodelay true\n`,
  );
  const child = Child.ofProgram(program, ["-c", config]);
  await waitForPort(child, port);
  return { name: "mosquitto", port, pid: child.pid, stop: () => child.stop() };
}
