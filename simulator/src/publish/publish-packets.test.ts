// Packets of our own writing are those of MQTT 3.1.1, whatever their length and alphabet.
import { mqttPacket } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { publishPackets } from "./publish-packets.ts";

function expected(
  messages: readonly { readonly topic: string; readonly payload: string | Uint8Array }[],
): Buffer {
  return Buffer.concat(messages.map(({ topic, payload }) => mqttPacket(0x30, topic, Buffer.from(payload))));
}

test("any topics and payloads, text or bytes", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 300 });
  const message = fc.record({ topic: text, payload: fc.oneof(text, fc.uint8Array({ maxLength: 300 })) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      expect(publishPackets(messages).equals(expected(messages))).toBe(true);
    }),
  );
});

test("each length of the length, at its edges", () => {
  const topic = "t";
  for (const length of [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
    const payload = new Uint8Array(Math.max(0, length - 3)).fill(7);
    const messages = [
      { topic, payload },
      { topic: "后", payload: "ü" },
    ];
    expect(publishPackets(messages).equals(expected(messages))).toBe(true);
  }
});
