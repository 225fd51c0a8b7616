// Windows of so many readings, against cutting the arrivals into pieces.
import fc from "fast-check";
import { expect, test } from "vitest";
import { CountWindows } from "./count-windows.ts";
import { paneLayout } from "./pane-layout.ts";
import type { Quality } from "./reading.ts";

const layout = paneLayout(1_000, ["sum", "first"]);

test("every so many good readings of a series make a window, in the order in which they arrive", () => {
  const reading = fc.record({
    series: fc.nat({ max: 2 }),
    timeMs: fc.nat({ max: 1_000 }),
    value: fc.integer({ min: -100, max: 100 }),
    quality: fc.constantFrom<Quality>("good", "good", "uncertain", "bad"),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(reading), (size, readings) => {
      const windows = new CountWindows(layout, { size, seriesMax: 3 });
      const full = readings
        .map((one) => windows.add(one.series, one))
        .filter((window) => window !== null)
        .map(({ series, number, firstMs, lastMs, state }) => [
          series,
          number,
          firstMs,
          lastMs,
          state.fields[0],
          state.fields[layout.offsets[1]] + state.fields[layout.offsets[1] + 1],
        ]);
      const expected = [0, 1, 2].flatMap((series) => {
        const good = readings.filter((one) => one.series === series && one.quality === "good");
        return Array.from({ length: Math.floor(good.length / size) }, (_, index) => {
          const own = good.slice(index * size, (index + 1) * size);
          const times = own.map(({ timeMs }) => timeMs);
          const sum = own.reduce((total, { value }) => total + value, 0);
          return [series, index + 1, Math.min(...times), Math.max(...times), size, sum];
        });
      });
      const byPlace = (a: number[], b: number[]) => a[0] - b[0] || a[1] - b[1];
      expect(full.sort(byPlace)).toEqual(expected.sort(byPlace));
    }),
  );
});

test("a series beyond the bound is refused and counted, until another is forgotten", () => {
  const windows = new CountWindows(layout, { size: 1, seriesMax: 1 });
  const reading = { timeMs: 5, value: 1, quality: "good" as const };
  expect(windows.add(0, reading)?.number).toBe(1);
  expect(windows.add(1, reading)).toBeNull();
  expect(windows.refusedCount).toBe(1);
  windows.forget(0);
  expect(windows.add(1, reading)?.number).toBe(1);
  expect(() => new CountWindows(layout, { size: 0, seriesMax: 1 })).toThrow("count windows of 0 readings");
});
