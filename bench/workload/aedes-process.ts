// Plain aedes in a process of its own, with the shortest script that stops a machine above a limit.
import { createServer } from "node:net";
import { Aedes } from "aedes";

const broker = await Aedes.createBroker({ concurrency: 10_000 });
broker.on("publish", (packet, client) => {
  if (client === null || !packet.topic.endsWith("/temperature")) return;
  const reading: { readonly temperature: number } = JSON.parse(packet.payload.toString());
  if (reading.temperature <= 80) return;
  const topic = packet.topic.replace(/temperature$/, "command");
  broker.publish(
    { cmd: "publish", topic, payload: Buffer.from("STOP"), qos: 1, retain: false, dup: false },
    () => {},
  );
});

const server = createServer((socket) => {
  socket.setNoDelay(true);
  broker.handle(socket);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : undefined);
});
process.on("SIGTERM", () => process.exit(0));
