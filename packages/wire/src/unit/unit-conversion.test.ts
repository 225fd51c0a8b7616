// Conversions against the definitions of the units; scale and offset come first.
import { expect, test } from "vitest";
import { unitConversion } from "./unit-conversion.ts";
import { UNIT_TABLE } from "./unit-table.ts";
import { adjustValue } from "./value-adjustment.ts";

function converted(value: number, from: string, to: string): number {
  const result = unitConversion(from, to);
  if (!result.ok) throw new Error(`${from} to ${to}`);
  return adjustValue(value, { scale: 1, offset: 0, conversion: result.conversion });
}

test.each([
  [32, "°F", "°C", 0],
  [212, "°F", "°C", 100],
  [-40, "degF", "Cel", -40],
  [100, "°C", "°F", 212],
  [0, "°C", "K", 273.15],
  [273.15, "K", "°C", 0],
  [459.67, "K", "°F", 367.736],
  [1, "bar", "Pa", 100_000],
  [1, "bar", "kPa", 100],
  [1, "atm", "hPa", 1_013.25],
  [760, "Torr", "atm", 1],
  [1, "psi", "Pa", 6_894.757_293_168_361],
  [1, "inHg", "mmHg", 25.4],
  [1, "in", "mm", 25.4],
  [1, "ft", "in", 12],
  [1, "mi", "ft", 5_280],
  [1, "nmi", "m", 1_852],
  [1, "lb", "kg", 0.453_592_37],
  [16, "oz", "lb", 1],
  [1, "t", "kg", 1_000],
  [36, "km/h", "m/s", 10],
  [1, "mph", "km/h", 1.609_344],
  [1, "kn", "km/h", 1.852],
  [1, "in/s", "mm/s", 25.4],
  [1, "kWh", "MJ", 3.6],
  [1, "kcal", "J", 4_184],
  [1, "BTU", "J", 1_055.055_852_62],
  [1, "PS", "W", 735.498_75],
  [1, "hp", "W", 745.699_871_582_270_2],
  [12_000, "BTU/h", "kW", 3.516_852_842_066_667],
  [180, "°", "rad", Math.PI],
  [1, "rev", "°", 360],
  [400, "gon", "rev", 1],
  [90, "min", "h", 1.5],
  [1, "d", "s", 86_400],
  [1, "m³/h", "L/min", 1_000 / 60],
  [1, "gpm", "L/min", 3.785_411_784],
  [1, "cfm", "L/min", 28.316_846_592],
  [1, "gal", "in³", 231],
  [1, "ft³", "L", 28.316_846_592],
  [1_500, "rpm", "Hz", 25],
  [1, "KiB", "bit", 8_192],
  [1, "Gbit", "MB", 125],
])("%s %s in %s: %s %s", (value, from, to, expected) => {
  const result = converted(value, from, to);
  // At most the rounding of the two steps.
  expect(Math.abs(result - expected)).toBeLessThanOrEqual(2 * Number.EPSILON * Math.abs(expected));
  if (Number.isInteger(expected)) expect(result).toBe(expected);
});

test("every unit and back is the same value", () => {
  for (const [from, { dimension }] of UNIT_TABLE)
    for (const [to, other] of UNIT_TABLE) {
      if (other.dimension !== dimension) continue;
      expect(converted(converted(12.5, from, to), to, from) / 12.5).toBeCloseTo(1, 11);
    }
});

test("other dimensions and unknown units are refused", () => {
  expect(unitConversion("bar", "°C")).toEqual({
    ok: false,
    unknown: "neither",
    units: expect.arrayContaining(["°F", "K"]),
  });
  expect(unitConversion("°X", "°C")).toMatchObject({ ok: false, unknown: "from" });
  expect(unitConversion("°C", "cookies")).toMatchObject({ ok: false, unknown: "to" });
});

test("scale and offset come before the conversion", () => {
  const result = unitConversion("°F", "°C");
  const conversion = result.ok ? result.conversion : null;
  expect(adjustValue(2_120, { scale: 0.1, offset: 0, conversion })).toBe(100);
  expect(adjustValue(4_000, { scale: 0.01, offset: -10, conversion: null })).toBe(30);
});
