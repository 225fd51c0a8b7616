// It knows what a map knows, also after keys were forgotten whose slots others had to pass over.
import fc from "fast-check";
import { expect, test } from "vitest";
import { LastTimes } from "./last-times.ts";

const step = fc.record({
  // Few values of each word, so that keys share segments and slots.
  h1: fc.constantFrom(0, 1, -1, 1 << 31),
  h2: fc.integer({ min: 0, max: 40 }),
  timeMs: fc.integer({ min: -5, max: 5 }),
  isForgotten: fc.boolean(),
});

test("it tells what a map tells, whatever is noted and forgotten", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const times = new LastTimes(10_000);
      const known = new Map<string, number>();
      for (const { h1, h2, timeMs, isForgotten } of steps) {
        const key = `${h1} ${h2}`;
        const hashes = Int32Array.of(7, h1, h2);
        expect(times.get(hashes, 1)).toBe(known.get(key) ?? -Infinity);
        if (isForgotten) {
          expect(times.forget(hashes, 1)).toBe(known.delete(key));
        } else {
          times.note(hashes, 1, timeMs);
          known.set(key, Math.max(timeMs, known.get(key) ?? -Infinity));
        }
        expect(times.count).toBe(known.size);
      }
      for (const [key, timeMs] of known)
        expect(times.get(Int32Array.from(key.split(" ").map(Number)), 0)).toBe(timeMs);
    }),
    { numRuns: 300 },
  );
});

test("it grows beyond what it was made for", () => {
  const times = new LastTimes(1);
  const hashes = new Int32Array(2);
  for (let key = 0; key < 20_000; key += 1) {
    hashes.set([Math.imul(key, 0x9e3779b1), Math.imul(key, 0x85ebca6b)]);
    times.note(hashes, 0, key);
  }
  expect(times.count).toBe(20_000);
  hashes.set([Math.imul(777, 0x9e3779b1), Math.imul(777, 0x85ebca6b)]);
  expect(times.get(hashes, 0)).toBe(777);
});
