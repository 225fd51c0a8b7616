// What a person reads of a time that was refused: when, how far away, and the unit that was probably meant.
import { expect, test } from "vitest";
import { refusedTime } from "./refused-time.ts";

const NOW_MS = Date.UTC(2026, 0, 5, 8);

test.each([
  [NOW_MS + 7_500, "ms", "time 2026-01-05T08:00:07.500Z, 7.5 s ahead of the agent's clock"],
  [NOW_MS + 3_600_000, null, "time 2026-01-05T09:00:00.000Z, 60 min ahead of the agent's clock"],
  [
    NOW_MS / 1_000,
    "ms",
    "time 1970-01-21T11:00:00.000Z, 20438 d behind the agent's clock; looks like seconds; unit is ms",
  ],
  [
    NOW_MS * 1_000,
    "s",
    "time +057983-01-06T08:00:00.000Z, 20437875 d ahead of the agent's clock; looks like milliseconds; unit is s",
  ],
  [0, "ms", "time 1970-01-01T00:00:00.000Z, 20458 d behind the agent's clock"],
  [Date.UTC(2000, 0, 1), "iso", "time 2000-01-01T00:00:00.000Z, 9501 d behind the agent's clock"],
] as const)("%d in %s", (timeMs, unit, expected) => {
  expect(refusedTime(timeMs, NOW_MS, unit)).toBe(expected);
});
