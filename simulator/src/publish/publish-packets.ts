import type { OutgoingMessage } from "./outgoing-message.ts";

/** MQTT's greatest remaining length (3.1.1, 2.2.3). */
const LENGTH_BYTES_MAX = 4;

/**
 * Messages as PUBLISH packets of QoS 0 (MQTT 3.1.1, 3.3), one behind the other:
 *
 *   0x30 | remaining length, 1 to 4 bytes | topic length, 2 bytes | topic | payload
 */
export function publishPackets(messages: readonly Pick<OutgoingMessage, "topic" | "payload">[]): Buffer {
  let bytesMax = 0;
  // A UTF-16 unit is at most three bytes of UTF-8.
  for (const { topic, payload } of messages)
    bytesMax +=
      3 + LENGTH_BYTES_MAX + 3 * topic.length + (typeof payload === "string" ? 3 : 1) * payload.length;
  const buffer = Buffer.allocUnsafe(bytesMax);
  let at = 0;
  for (const { topic, payload } of messages) {
    buffer[at++] = 0x30;
    // Most packets are short: their length fits into the one byte left for it, or the body moves up.
    const bodyAt = at + 1;
    const topicBytes = buffer.write(topic, bodyAt + 2);
    buffer.writeUInt16BE(topicBytes, bodyAt);
    let end = bodyAt + 2 + topicBytes;
    if (typeof payload === "string") end += buffer.write(payload, end);
    else {
      buffer.set(payload, end);
      end += payload.length;
    }
    const length = end - bodyAt;
    const lengthBytes = length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4;
    if (lengthBytes > 1) buffer.copyWithin(bodyAt - 1 + lengthBytes, bodyAt, end);
    let rest = length;
    for (let index = 0; index < lengthBytes; index += 1) {
      buffer[at++] = (rest & 0x7f) | (index < lengthBytes - 1 ? 0x80 : 0);
      rest >>>= 7;
    }
    at += length;
  }
  return buffer.subarray(0, at);
}
