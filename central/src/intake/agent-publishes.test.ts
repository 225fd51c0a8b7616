// However a connection's bytes are cut: an agent's own publishes are taken whole and in order, everything else reaches the broker.
import { mqttPacket } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AgentPublishes } from "./agent-publishes.ts";

const NAMES = new Map([
  ["a/batch", "batch"],
  ["a/heartbeat", "heartbeat"],
]);

/** What is taken of these chunks, and what is left; `openAt`: before which of them the connection stands. */
function read(chunks: readonly Buffer[], openAt = 0): { taken: string[]; left: Buffer } {
  const taken: string[] = [];
  const left: Buffer[] = [];
  const publishes = new AgentPublishes<string>((bytes) => left.push(Buffer.from(bytes)));
  for (const [index, chunk] of chunks.entries()) {
    if (index === openAt)
      publishes.open(NAMES, (name, payload) => taken.push(`${name} ${Buffer.from(payload).toString("hex")}`));
    publishes.read(chunk);
  }
  return { taken, left: Buffer.concat(left) };
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const PAYLOAD = fc.uint8Array({ maxLength: 300 });
const OWN = fc.record({ topic: fc.constantFrom(...NAMES.keys()), payload: PAYLOAD });
const OTHER = fc.oneof(
  PAYLOAD.map((payload) => mqttPacket(0x30, "b/batch", payload)),
  PAYLOAD.map((payload) => mqttPacket(0x31, "a/batch", payload)),
  PAYLOAD.map((payload) => mqttPacket(0x32, "a/batch", Uint8Array.of(0, 7), payload)),
  // A topic longer than its packet, and one without a topic.
  fc.constant(Buffer.of(0x30, 3, 0, 9, 97)),
  fc.constant(Buffer.of(0x30, 0)),
  fc.constant(Buffer.of(0xc0, 0)),
);

test("own publishes are taken, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(OWN, OTHER), { maxLength: 12 }), fc.array(fc.nat()), (packets, places) => {
      const bytes = packets.map((packet) =>
        Buffer.isBuffer(packet) ? packet : mqttPacket(0x30, packet.topic, packet.payload),
      );
      const { taken, left } = read(cut(Buffer.concat(bytes), places));
      expect(taken).toEqual(
        packets.flatMap((packet) =>
          Buffer.isBuffer(packet)
            ? []
            : `${NAMES.get(packet.topic)} ${Buffer.from(packet.payload).toString("hex")}`,
        ),
      );
      expect(Buffer.compare(left, Buffer.concat(packets.filter((packet) => Buffer.isBuffer(packet))))).toBe(
        0,
      );
    }),
  );
});

test("what began before the connection stands is the broker's", () => {
  const batch = mqttPacket(0x30, "a/batch", Uint8Array.of(1, 2, 3));
  const { taken, left } = read([batch.subarray(0, 7), Buffer.concat([batch.subarray(7), batch])], 1);
  expect(taken).toEqual(["batch 010203"]);
  expect(left).toEqual(batch);
});
