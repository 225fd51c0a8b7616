// Who has much to be read is read by shares, in turn, and never holds up who has little.
import { expect, test } from "vitest";
import { ReadingTurns } from "./reading-turns.ts";

const KB = 1024;

/** Connections by name with bytes that wait; each share takes half a millisecond. */
function turnsOf(waitingKb: Record<string, number>) {
  const read: string[] = [];
  const next: (() => void)[] = [];
  let nowMs = 0;
  const turns = new ReadingTurns<string>({
    clock: { monotonicMs: () => nowMs },
    nextTurn: (callback) => next.push(callback),
    readOn: (name) => readFrom(name),
  });
  const readFrom = (name: string): void => {
    const bytes = turns.bytesFor(name, waitingKb[name] * KB);
    waitingKb[name] -= bytes / KB;
    if (bytes === 0) return;
    read.push(`${name} ${bytes / KB}`);
    nowMs += 0.5;
  };
  return {
    read: readFrom,
    /** What was read since the last turn. */
    taken: () => read.splice(0),
    nextTurn: () => next.splice(0).forEach((callback) => callback()),
    hasNext: () => next.length > 0,
  };
}

test("floods share the time of a turn, and the next one begins with who has waited longest", () => {
  const turns = turnsOf({ a: 100, b: 40, c: 40 });
  for (const name of ["a", "a", "a", "b", "c"]) turns.read(name);
  expect(turns.taken()).toEqual(["a 16", "a 16", "a 16", "b 16"]);
  turns.nextTurn();
  expect(turns.taken()).toEqual(["a 16", "b 16", "c 16", "a 16"]);
  turns.nextTurn();
  expect(turns.taken()).toEqual(["b 8", "c 16", "a 16", "c 8"]);
  turns.nextTurn();
  expect(turns.taken()).toEqual(["a 4"]);
});

test("who has little is read at once, whatever waits", () => {
  const turns = turnsOf({ flood: 1000, sensor: 1 });
  for (let times = 0; times < 9; times += 1) turns.read("flood");
  expect(turns.taken()).toHaveLength(4);
  turns.read("sensor");
  expect(turns.taken()).toEqual(["sensor 1"]);
});

test("a connection alone is read as long as the turn lasts; nothing is asked for where nothing waits", () => {
  const turns = turnsOf({ flood: 64, sensor: 1 });
  turns.read("sensor");
  expect(turns.hasNext()).toBe(false);
  turns.read("flood");
  turns.nextTurn();
  expect(turns.taken()).toEqual(["sensor 1", "flood 16", "flood 16", "flood 16", "flood 16"]);
  turns.nextTurn();
  expect(turns.taken()).toEqual([]);
  expect(turns.hasNext()).toBe(false);
});
