// Packets that no broker should send do not reach mqtt.js.
import { connect, type Packet } from "mqtt";
import { expect, test } from "vitest";
import { ignoreUnexpectedPackets } from "./expected-packets.ts";

const publish = { cmd: "publish", topic: "a", payload: "", dup: false, retain: false, messageId: 1 } as const;
const cases: readonly [Packet, boolean][] = [
  [{ ...publish, qos: 0 }, true],
  [{ ...publish, qos: 1 }, true],
  [{ ...publish, qos: 2 }, false],
  [{ cmd: "connack", sessionPresent: false }, true],
  [{ cmd: "pingresp" }, true],
  [{ cmd: "disconnect" }, true],
  [{ cmd: "puback", messageId: 1 }, true],
  [{ cmd: "puback" }, false],
  [{ cmd: "suback", messageId: 1, granted: [0] }, true],
  [{ cmd: "suback", granted: [0] }, false],
  [{ cmd: "unsuback", messageId: 1, granted: [] }, true],
  [{ cmd: "unsuback", granted: [] }, false],
  [{ cmd: "pubrel", messageId: 1 }, false],
  [{ cmd: "pubrec", messageId: 1 }, false],
  [{ cmd: "pubcomp", messageId: 1 }, false],
  [{ cmd: "auth", reasonCode: 0 }, false],
  [{ cmd: "pingreq" }, false],
];

test("mqtt.js is shown what a client of ours expects, and nothing else", () => {
  const client = connect({ manualConnect: true });
  ignoreUnexpectedPackets(client);
  const shown = cases.map(([packet]) => {
    const seen = { ...packet };
    client.emit("packetreceive", seen);
    return [packet, seen.cmd === packet.cmd];
  });
  expect(shown).toEqual(cases);
});
