// A sorted list whose oldest leave: the same pairs at the same places, whatever is put in and dropped, in little more room.
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { KeyRing } from "./key-ring.ts";

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("append" as const), count: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("run" as const), count: fc.nat(60) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("insert" as const), place: fc.nat(200) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("drop" as const), count: fc.nat(80) }) },
);

it("holds what a sorted list would, in little more room", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ring = new KeyRing();
      let list: { timeMs: number; value: number }[] = [];
      let value = 0;
      for (const each of steps) {
        value += 1;
        if (each.kind === "append") {
          for (let count = 0; count < each.count; count += 1) {
            const timeMs = (list.at(-1)?.timeMs ?? 0) + 1;
            ring.append(timeMs, value, 1);
            list.push({ timeMs, value });
          }
        } else if (each.kind === "run") {
          const lastMs = list.at(-1)?.timeMs ?? 0;
          const timeMs = Float64Array.from({ length: each.count + 3 }, (_, at) => lastMs + 1 + at);
          ring.appendRun({ count: timeMs.length, timeMs, value: timeMs.map(() => value) }, each.count, 1);
          for (const ms of timeMs.subarray(0, each.count)) list.push({ timeMs: ms, value });
        } else if (each.kind === "insert") {
          const place = Math.min(each.place, list.length);
          const timeMs = list[place]?.timeMs ?? (list.at(-1)?.timeMs ?? 0) + 1;
          ring.insert(place, timeMs, value, 1);
          list.splice(place, 0, { timeMs, value });
        } else {
          const count = Math.min(each.count, list.length);
          ring.dropFirst(count);
          list = list.slice(count);
        }
        expect(ring.count).toBe(list.length);
        expect(list.map((_, place) => ({ timeMs: ring.timeAt(place), value: ring.valueAt(place) }))).toEqual(
          list,
        );
        for (const timeMs of [0, list[0]?.timeMs ?? 1, (list[0]?.timeMs ?? 1) + 3, 1e9]) {
          const place = list.findIndex((pair) => pair.timeMs >= timeMs);
          expect(ring.firstAtOrAfter(timeMs)).toBe(place < 0 ? list.length : place);
        }
        expect(ring.capacity).toBeLessThanOrEqual(Math.max(16, 2 * list.length));
      }
    }),
  );
});

it("that has grown is a quarter larger than what it holds, and one that is nearly empty again is small", () => {
  const ring = new KeyRing();
  for (let ms = 0; ms < 100_000; ms += 1) ring.append(ms, 1, 1);
  expect(ring.capacity).toBeLessThanOrEqual(125_000);
  for (let ms = 100_000; ms < 400_000; ms += 1) {
    ring.append(ms, 1, 1);
    ring.dropFirst(1);
  }
  expect(ring.capacity).toBeLessThanOrEqual(125_000);
  for (let count = 0; count < 99_999; count += 1) ring.dropFirst(1);
  expect(ring.timeAt(0)).toBe(399_999);
  expect(ring.capacity).toBeLessThanOrEqual(16);
});
