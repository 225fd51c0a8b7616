// A message to an agent is one whole PUBLISH packet, however long it is.
import { mqttPacket } from "@millrace/testkit";
import { expect, test } from "vitest";
import { publishFrame } from "./publish-frame.ts";

test("of every number of bytes that its length takes", () => {
  for (const bytes of [0, 1, 100, 101, 102, 103, 16_300, 16_384, 2_097_152]) {
    const payload = new Uint8Array(bytes).fill(7);
    expect(
      Buffer.compare(
        publishFrame("millrace/v1/alpha-1/ack", payload),
        mqttPacket(0x30, "millrace/v1/alpha-1/ack", payload),
      ),
    ).toBe(0);
  }
});
