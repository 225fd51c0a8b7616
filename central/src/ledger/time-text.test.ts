// A time in the detail of what was refused: in milliseconds, and as a date where there is one.
import { expect, test } from "vitest";
import { timeText } from "./time-text.ts";

test.each([
  [0, "0 (1970-01-01T00:00:00.000Z)"],
  [-1, "-1 (1969-12-31T23:59:59.999Z)"],
  [1_577_808_000_000, "1577808000000 (2019-12-31T16:00:00.000Z)"],
  [8.64e15, "8640000000000000 (+275760-09-13T00:00:00.000Z)"],
  [9e15, "9000000000000000"],
  [-Infinity, "-Infinity"],
  [NaN, "NaN"],
])("%s is %s", (timeMs, text) => expect(timeText(timeMs)).toBe(text));
