import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Broker } from "./broker.ts";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";
import { startMosquittoBroker } from "./mosquitto-broker.ts";
import { waitForPort } from "./wait-for-port.ts";

/** Built from its source: see docs/benchmarks.md. */
const PROGRAM = process.env["EKUIPER"];
const FIRST_PORT = 23_000 + (process.pid % 900) * 4;

/** Count, sum, minimum, maximum and mean of each device in windows of 10 s: what the agent's panes hold. */
const STREAM = `CREATE STREAM sensors () WITH (DATASOURCE="factory/+/+/+/temperature", FORMAT="json", TYPE="mqtt", TIMESTAMP="ts")`;
const RULE = {
  id: "panes",
  sql: "SELECT meta(topic) AS device, count(*) AS n, sum(temperature) AS total, min(temperature) AS low, max(temperature) AS high, avg(temperature) AS mean FROM sensors GROUP BY meta(topic), TUMBLINGWINDOW(ss, 10)",
  actions: [{ nop: {} }],
};

export interface EkuiperBroker extends Broker {
  /** Messages that the rule has taken in so far: eKuiper drops what it has no room for. */
  taken(): Promise<number>;
}

/** eKuiper, whose processor time counts, behind Mosquitto, whose does not; null where `EKUIPER` names no `kuiperd`. */
export async function startEkuiperBroker(folder: string): Promise<EkuiperBroker | null> {
  if (PROGRAM === undefined) return null;
  const mosquitto = await startMosquittoBroker(join(folder, "mosquitto"));
  if (mosquitto === null) return null;
  for (const name of ["etc", "data", "log"]) mkdirSync(join(folder, name), { recursive: true });
  const restPort = await freePort("eKuiper's interface", FIRST_PORT);
  const port = await freePort("eKuiper", restPort + 1);
  writeFileSync(
    join(folder, "etc/kuiper.yaml"),
    `basic: { logLevel: error, ip: 127.0.0.1, port: ${port}, restIp: 127.0.0.1, restPort: ${restPort}, pprof: false }\nstore: { type: sqlite, sqlite: { name: "" } }\n`,
  );
  writeFileSync(
    join(folder, "etc/mqtt_source.yaml"),
    `default: { qos: 0, server: "tcp://127.0.0.1:${mosquitto.port}", protocolVersion: "3.1.1" }\n`,
  );
  const child = Child.ofProgram(PROGRAM, [], { KuiperBaseKey: folder });
  await waitForPort(child, restPort);
  const rest = async (path: string, body?: unknown): Promise<string> => {
    const method = body === undefined ? "GET" : "POST";
    const response = await fetch(`http://127.0.0.1:${restPort}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`cannot set up eKuiper: ${text}`);
    return text;
  };
  await rest("/streams", { sql: STREAM });
  await rest("/rules", RULE);
  return {
    name: "ekuiper",
    port: mosquitto.port,
    pid: child.pid,
    async taken() {
      const status: Readonly<Record<string, unknown>> = JSON.parse(await rest("/rules/panes/status"));
      return Number(status["source_sensors_0_records_in_total"]);
    },
    async stop() {
      await child.stop();
      await mosquitto.stop();
    },
  };
}
