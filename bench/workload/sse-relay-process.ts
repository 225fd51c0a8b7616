// A bare relay: what is published to its MQTT broker leaves as a line of an event stream at once; nothing is computed, nothing kept.
import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { createServer } from "node:net";
import { Aedes } from "aedes";

const broker = await Aedes.createBroker();
const pages = new Set<ServerResponse>();
broker.on("publish", (packet, client) => {
  if (client === null) return;
  for (const page of pages) page.write(`data: ${packet.payload.toString()}\n\n`);
});
const mqtt = createServer((socket) => {
  socket.setNoDelay(true);
  broker.handle(socket);
});
const http = createHttpServer((_request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write("retry: 1000\n\n");
  pages.add(response);
});
mqtt.listen(0, "127.0.0.1", () =>
  http.listen(0, "127.0.0.1", () => process.send?.([portOf(mqtt), portOf(http)])),
);
process.on("SIGTERM", () => process.exit(0));

function portOf(server: { address(): unknown }): number {
  const address = server.address();
  return typeof address === "object" && address !== null && "port" in address ? Number(address.port) : 0;
}
