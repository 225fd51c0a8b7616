import type { MqttClient, Packet } from "mqtt";

/**
 * What mqtt.js makes of packets that no broker should send can end the process: of one for QoS 2 without its number, or
 * after the client's end (its lib/handlers/pubrel.js, lib/store.js). Such packets are shown to it under a name that it does
 * not know, on its public `packetreceive` event. To be called before the client has read anything.
 */
export function ignoreUnexpectedPackets(client: MqttClient): void {
  client.on("packetreceive", (packet) => {
    if (!isExpected(packet)) Object.assign(packet, { cmd: "unexpected" });
  });
}

/** By a client that publishes and subscribes with at most QoS 1, and logs in by password or certificate. */
function isExpected(packet: Packet): boolean {
  switch (packet.cmd) {
    case "connack":
    case "pingresp":
    case "disconnect":
      return true;
    case "publish":
      return packet.qos !== 2;
    case "puback":
    case "suback":
    case "unsuback":
      return typeof packet.messageId === "number";
    default:
      return false;
  }
}
