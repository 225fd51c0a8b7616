// Nearest name: one slip of the finger is understood, another word is not.
import { expect, test } from "vitest";
import { nearestName } from "./nearest-name.ts";

const known = ["accumulate", "from", "live", "unit", "clearBelow"];

test.each([
  ["acumulate", "accumulate"],
  ["form", "from"],
  ["clearbelow", "clearBelow"],
  ["clear_below", "clearBelow"],
  ["units", "unit"],
  ["accum", "accumulate"],
  ["temperature", undefined],
  ["", undefined],
])("%s → %s", (typed, expected) => {
  expect(nearestName(typed, known)).toBe(expected);
});
