// A source is told of once all it has brought for a while is too late, and not for some that are.
import { expect, test } from "vitest";
import { LateRuns } from "./late-runs.ts";

test("a source that brings only what is too late is told of, from a hundred on", () => {
  const runs = new LateRuns();
  expect(runs.note("alpha-1", { taken: 0, tooLate: 60 }, 0)).toBeNull();
  expect(runs.note("alpha-2", { taken: 0, tooLate: 60 }, 0)).toBeNull();
  expect(runs.note("alpha-1", { taken: 0, tooLate: 60 }, 1_000)).toMatchObject({ count: 120 });
  expect(runs.note("alpha-1", { taken: 0, tooLate: 0 }, 1_000)).toBeNull();
});

test("so are records that are all set aside, with what to lengthen for them", () => {
  const runs = new LateRuns();
  expect(runs.note("orders/0", { taken: 0, tooLate: 40, setAside: 50 }, 0)).toBeNull();
  expect(runs.note("orders/0", { taken: 0, tooLate: 0, setAside: 50 }, 1)).toEqual({
    count: 140,
    message: expect.stringMatching(/^all that comes of orders\/0 is set aside: .* dedupe\.horizon /),
  });
  expect(runs.note("orders/0", { taken: 0, tooLate: 100, setAside: 0 }, 2)?.message).toContain("too late");
});

test("where windows take nothing since the pipeline was changed it says so, and until when, and asks for no clock", () => {
  const runs = new LateRuns();
  const keptToMs = Date.parse("2026-11-28");
  expect(runs.note("orders/0", { taken: 0, tooLate: 60, keptToMs: null }, 0)).toBeNull();
  const message = runs.note("orders/0", { taken: 0, tooLate: 60, keptToMs }, 1)?.message;
  expect(message).toMatch(/since the pipeline was changed .* before 2026-11-28T00:00:00.000Z .* backup/);
  expect(message).not.toMatch(/clock|late\.allowed|old data/);
  expect(runs.note("orders/0", { taken: 0, tooLate: 1, keptToMs: null }, 2)?.message).toContain("clock");
});

test("one that had a reading in a window within the last minute is not, however many are late", () => {
  const runs = new LateRuns();
  expect(runs.note("alpha-1", { taken: 1, tooLate: 500 }, 0)).toBeNull();
  expect(runs.note("alpha-1", { taken: 0, tooLate: 500 }, 59_000)).toBeNull();
  expect(runs.note("alpha-1", { taken: 0, tooLate: 1 }, 60_000)).toMatchObject({ count: 501 });
  expect(runs.note("alpha-1", { taken: 1, tooLate: 1 }, 61_000)).toBeNull();
});
