// However the bytes are cut: packets within the limit pass as they are, of greater ones so much as it allows.
import fc from "fast-check";
import { expect, test } from "vitest";
import { PacketCutter } from "./packet-cutter.ts";

function packet(type: number, body: Uint8Array): Buffer {
  const header = [type];
  let left = body.length;
  do {
    header.push((left % 128) | (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

const packets = fc.array(
  fc.record({ type: fc.integer({ min: 0x10, max: 0xf0 }), body: fc.uint8Array({ maxLength: 400 }) }),
  { maxLength: 8 },
);

test("any packets, any cut of the stream, any limit", () => {
  fc.assert(
    fc.property(
      packets,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 0, max: 300 }),
      (sent, chunkBytes, bytesMax) => {
        const bytes = Buffer.concat(sent.map(({ type, body }) => packet(type, body)));
        const cutter = new PacketCutter(() => bytesMax);
        const parts: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += chunkBytes)
          parts.push(cutter.cut(bytes.subarray(at, at + chunkBytes)));
        const expected = sent.map(({ type, body }) => packet(type, body.subarray(0, bytesMax)));
        expect(Buffer.concat(parts)).toEqual(Buffer.concat(expected));
      },
    ),
    { numRuns: 2_000 },
  );
});

test("what is within the limit is not copied", () => {
  const bytes = Buffer.concat([packet(0x30, new Uint8Array(200)), packet(0x32, new Uint8Array(3))]);
  const cut = new PacketCutter(() => 200).cut(bytes);
  expect([cut.buffer, cut.byteOffset, cut.length]).toEqual([bytes.buffer, bytes.byteOffset, bytes.length]);
});

test("a length of five bytes is left for the parser to refuse", () => {
  const bytes = Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]);
  expect(new PacketCutter(() => 2 ** 40).cut(bytes)).toEqual(bytes);
});
