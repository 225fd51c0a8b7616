// Whether a value alone breaks a limit: by it a series is judged that there is no room for.
import { expect, test } from "vitest";
import { breaksLimit } from "./breaks-limit.ts";

test("a limit is broken beyond it, a level beyond any of its limits on its side", () => {
  const above = { kind: "above", limit: 80, clear: 75, forAtLeastMs: 0 } as const;
  expect([80, 80.1].map((value) => breaksLimit(above, value))).toEqual([false, true]);
  const below = { kind: "below", limit: 5, clear: 7, forAtLeastMs: 0 } as const;
  expect([5, 4.9].map((value) => breaksLimit(below, value))).toEqual([false, true]);
  const levels = {
    kind: "levels",
    levels: { high: { limit: 50, severity: 1 }, lowLow: { limit: -10, severity: 2 } },
    hysteresis: 1,
    forAtLeastMs: 0,
  } as const;
  expect([-11, 0, 51].map((value) => breaksLimit(levels, value))).toEqual([true, false, true]);
});
