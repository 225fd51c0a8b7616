// All rules on windows together are bounded, and one of them leaves the others their share.
import { expect, test } from "vitest";
import { GroupRoom } from "./group-room.ts";

test("a rule takes what nobody needs, and never the share of another", () => {
  const counts = [0, 0, 0, 0];
  const room = new GroupRoom(80, () => counts);
  while (room.hasRoom(counts[0])) counts[0] += 1;
  expect(counts[0]).toBe(50);
  for (const rule of [1, 2, 3]) while (room.hasRoom(counts[rule])) counts[rule] += 1;
  expect(counts).toEqual([50, 10, 10, 10]);
  counts[0] = 20;
  expect(room.hasRoom(counts[1])).toBe(true);
});

test("one rule alone has no more than a rule may have, however much room there is", () => {
  const room = new GroupRoom(1_000_000, () => [9_999]);
  expect([room.hasRoom(9_999), room.hasRoom(10_000)]).toEqual([true, false]);
});
