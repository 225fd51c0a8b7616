// Durations: one number and one unit, and back.
import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

test.each([
  ["250ms", 250],
  ["10s", 10_000],
  ["1.5m", 90_000],
  ["24h", 86_400_000],
  ["7d", 604_800_000],
  ["0s", 0],
  ["10", undefined],
  ["-1s", undefined],
  ["0.1ms", undefined],
  ["1 week", undefined],
  ["99999999999999999d", undefined],
])("%s", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([250, 10_000, 90_000, 86_400_000, 604_800_000, 0, 61_001])(
  "%d ms survives the round trip",
  (ms) => {
    expect(parseDuration(formatDuration(ms))).toBe(ms);
  },
);
