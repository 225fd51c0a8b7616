// Shows that the frame guard measures frames whatever the chunks they come in.
import fc from "fast-check";
import { generate } from "mqtt-packet";
import { expect, test } from "vitest";
import { FrameGuard } from "./frame-guard.ts";

test("frames within the bound pass in any chunks, a larger one does not", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 50 }), (bodies, chunkBytes) => {
      const frames = bodies.map((bytes) =>
        generate({
          cmd: "publish",
          topic: "t",
          payload: Buffer.alloc(bytes),
          qos: 0,
          dup: false,
          retain: false,
        }),
      );
      const stream = Buffer.concat(frames);
      const guard = new FrameGuard(203);
      let isAccepted = true;
      for (let at = 0; at < stream.length && isAccepted; at += chunkBytes) {
        isAccepted = guard.accepts(stream.subarray(at, at + chunkBytes));
      }
      // A publish of a one-letter topic is 3 bytes longer than its payload.
      expect(isAccepted).toBe(bodies.every((bytes) => bytes + 3 <= 203));
    }),
  );
});

test("a length of more than four bytes is refused", () => {
  expect(new FrameGuard(1_000).accepts(Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x01))).toBe(false);
});
