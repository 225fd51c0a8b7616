// Rows lie beside one another, all 0, and at the same place again once they are done with.
import { expect, test } from "vitest";
import { RowRoom } from "./row-room.ts";

test("what is handed out is all 0, also where something lay before, and lies in one room", () => {
  const room = new RowRoom(1_024);
  const first = room.floats(4).fill(7);
  const indices = room.indices(3);
  const second = room.floats(4);
  expect([second.buffer, indices.buffer]).toEqual([first.buffer, first.buffer]);
  second.fill(8);
  expect([...first]).toEqual([7, 7, 7, 7]);
  room.reuse();
  const again = room.floats(4);
  expect([again.buffer === first.buffer, again.byteOffset, ...again]).toEqual([true, 0, 0, 0, 0, 0]);
});

test("what would leave much of a room over has its own; a room that is full is left to what lies in it", () => {
  const room = new RowRoom(1_024);
  const first = room.floats(32);
  expect(room.floats(33).buffer).not.toBe(first.buffer);
  for (let count = 1; count < 4; count++) expect(room.floats(32).buffer).toBe(first.buffer);
  expect(room.floats(1).buffer).not.toBe(first.buffer);
});
