// The guard finds packets above its limit however the bytes are cut, and nothing else.
import fc from "fast-check";
import { expect, test } from "vitest";
import { PacketSizeGuard } from "./packet-size-guard.ts";

function packet(bodyBytes: number): number[] {
  const header = [0x30];
  let left = bodyBytes;
  do {
    header.push((left % 128) | (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return [...header, ...Array<number>(bodyBytes).fill(0xff)];
}

test("any cut of the stream, any sizes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 50 }),
      (sizes, chunkBytes) => {
        const bytes = Uint8Array.from(sizes.flatMap(packet));
        const guard = new PacketSizeGuard(300);
        let isAccepted = true;
        for (let at = 0; at < bytes.length && isAccepted; at += chunkBytes)
          isAccepted = guard.accepts(bytes.subarray(at, at + chunkBytes));
        expect(isAccepted).toBe(sizes.every((size) => size <= 300));
      },
    ),
  );
});

test("a length of five bytes is malformed", () => {
  expect(new PacketSizeGuard(2 ** 40).accepts(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 0x01))).toBe(false);
});

test("the first packet may have a limit of its own", () => {
  const packet = (length: number) => Buffer.concat([Buffer.from([0x10, length]), Buffer.alloc(length)]);
  const guard = new PacketSizeGuard(100, 20);
  expect(guard.accepts(packet(20))).toBe(true);
  expect(guard.accepts(packet(100))).toBe(true);
  expect(guard.accepts(packet(101))).toBe(false);
  expect(new PacketSizeGuard(100, 20).accepts(Uint8Array.of(0x10, 21))).toBe(false);
});
