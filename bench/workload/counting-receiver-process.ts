// An MQTT receiver that only counts: it accepts whoever connects, answers what must be answered, and tells how many messages came.
import { createServer, type Socket } from "node:net";

const CONNECT = 1;
const PUBLISH = 3;
const SUBSCRIBE = 8;
const PINGREQ = 12;
const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const PINGRESP = Buffer.from([0xd0, 0]);

let messageCount = 0;
let connectionCount = 0;

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = readPackets(socket, rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
  });
  socket.on("error", () => {});
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : undefined);
});
process.on("message", () => process.send?.({ messageCount, connectionCount }));
process.on("SIGTERM", () => process.exit(0));

/** Goes through the whole packets (MQTT 3.1.1, 2.2); returns what is left. */
function readPackets(socket: Socket, bytes: Buffer): Buffer {
  let at = 0;
  while (at + 1 < bytes.length) {
    let length = 0;
    let shift = 0;
    let head = at + 1;
    for (; head < bytes.length; head += 1) {
      length |= (bytes[head] & 0x7f) << shift;
      shift += 7;
      if (bytes[head] < 0x80) break;
    }
    const bodyAt = head + 1;
    if (head >= bytes.length || bodyAt + length > bytes.length) break;
    answer(socket, bytes[at] >> 4, bytes.subarray(bodyAt, bodyAt + length));
    at = bodyAt + length;
  }
  return at === 0 ? bytes : bytes.subarray(at);
}

function answer(socket: Socket, type: number, body: Buffer): void {
  switch (type) {
    case PUBLISH:
      messageCount += 1;
      break;
    case CONNECT:
      connectionCount += 1;
      socket.write(CONNACK);
      break;
    case SUBSCRIBE:
      socket.write(suback(body));
      break;
    case PINGREQ:
      socket.write(PINGRESP);
  }
}

/** Grants every filter QoS 1 (3.8, 3.9). */
function suback(body: Buffer): Buffer {
  let filterCount = 0;
  for (let at = 2; at < body.length; at += 3 + body.readUInt16BE(at)) filterCount += 1;
  const length = 2 + filterCount;
  const lengthBytes = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.from([0x90, ...lengthBytes, body[0], body[1], ...Array<number>(filterCount).fill(1)]);
}
