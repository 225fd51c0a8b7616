const PUBLISH = 0x30;

/**
 * A PUBLISH of QoS 0, not retained, as it goes over the wire (MQTT 3.1.1, 2.2 and 3.3):
 *
 *   u8    0x30
 *   …     bytes that follow: 7 bits a byte, the least first, bit 7 where more come
 *   u16   bytes of the topic, then the topic (UTF-8)
 *   …     payload, to the end
 *
 * In one piece: in parts, as the broker writes it, it would be five calls of the kernel, and five records of TLS.
 */
export function publishFrame(topic: string, payload: Uint8Array): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const bodyBytes = 2 + topicBytes + payload.length;
  const lengthBytes = bodyBytes < 128 ? 1 : bodyBytes < 128 ** 2 ? 2 : bodyBytes < 128 ** 3 ? 3 : 4;
  const frame = Buffer.allocUnsafe(1 + lengthBytes + bodyBytes);
  frame[0] = PUBLISH;
  let at = 1;
  for (let left = bodyBytes; at <= lengthBytes; at += 1, left = Math.floor(left / 128))
    frame[at] = (left % 128) + (at < lengthBytes ? 128 : 0);
  at = frame.writeUInt16BE(topicBytes, at);
  at += frame.write(topic, at);
  frame.set(payload, at);
  return frame;
}
