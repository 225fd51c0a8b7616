// A metric's unit as Prometheus names it: base units, values converted.
import { expect, test } from "vitest";
import { baseUnit } from "./base-unit.ts";

test.each([
  ["°C", 81, "celsius", 81],
  ["°F", 212, "celsius", 100],
  ["bar", 2, "pascals", 200_000],
  ["mm/s", 4.5, "meters_per_second", 0.0045],
  ["ms", 20, "seconds", 0.02],
  ["kWh", 1, "joules", 3_600_000],
  ["kg", 2, "grams", 2_000],
  ["1/min", 600, "hertz", 10],
  ["%", 25, "ratio", 0.25],
  ["B/s", 7, "bytes_per_second", 7],
  ["kWh/h", 1, "joules_per_second", 1_000],
  ["1/h", 3_600, "per_second", 1],
  ["A", 3, "amperes", 3],
  ["CNY", 3, "cny", 3],
  ["pH", 7, "ph", 7],
  ["µS/cm", 7, "s_per_cm", 7],
  ["个", 3, "", 3],
  ["1", 3, "", 3],
])("%s", (unit, value, suffix, expected) => {
  const base = baseUnit(unit);
  expect(base.suffix).toBe(suffix);
  expect(((value - base.subtract) * base.multiply) / base.divide + base.add).toBeCloseTo(expected, 12);
});
