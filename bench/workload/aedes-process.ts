// Plain aedes in a process of its own; with "stop" the shortest script that stops a machine above a limit, with "panes" one that
// keeps panes of five seconds of arrays of readings.
import { createServer } from "node:net";
import { Aedes } from "aedes";

interface Reading {
  readonly temperature: number;
  readonly ts: number;
}

interface Pane {
  count: number;
  sum: number;
  min: number;
  max: number;
  mean: number;
  m2: number;
}

const PANE_MS = 5_000;
const broker = await Aedes.createBroker({ concurrency: 10_000 });
const panes = new Map<string, Map<number, Pane>>();

if (process.argv[2] === "stop")
  broker.on("publish", (packet, client) => client !== null && stop(packet.topic, packet.payload));
if (process.argv[2] === "panes")
  broker.on("publish", (packet, client) => client !== null && addToPanes(packet.topic, packet.payload));

const server = createServer((socket) => {
  socket.setNoDelay(true);
  broker.handle(socket);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : undefined);
});
process.on("SIGTERM", () => process.exit(0));

function stop(source: string, payload: string | Buffer): void {
  if (!source.endsWith("/temperature")) return;
  const reading: Reading = JSON.parse(payload.toString());
  if (reading.temperature <= 80) return;
  const topic = source.replace(/temperature$/, "command");
  broker.publish(
    { cmd: "publish", topic, payload: Buffer.from("STOP"), qos: 1, retain: false, dup: false },
    () => {},
  );
}

function addToPanes(topic: string, payload: string | Buffer): void {
  let ofTopic = panes.get(topic);
  if (ofTopic === undefined) panes.set(topic, (ofTopic = new Map()));
  const readings: readonly Reading[] = JSON.parse(payload.toString());
  for (const { temperature, ts } of readings) {
    const start = Math.floor(ts / PANE_MS);
    let pane = ofTopic.get(start);
    if (pane === undefined) {
      pane = { count: 0, sum: 0, min: Infinity, max: -Infinity, mean: 0, m2: 0 };
      ofTopic.set(start, pane);
      if (ofTopic.size > 12) ofTopic.delete(start - 12);
    }
    pane.count += 1;
    pane.sum += temperature;
    pane.min = Math.min(pane.min, temperature);
    pane.max = Math.max(pane.max, temperature);
    const delta = temperature - pane.mean;
    pane.mean += delta / pane.count;
    pane.m2 += delta * (temperature - pane.mean);
  }
}
