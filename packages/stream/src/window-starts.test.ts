// Which windows contain a time, and the panes they share.
import fc from "fast-check";
import { expect, test } from "vitest";
import { paneMsOf } from "./pane-size.ts";
import { windowStarts } from "./window-starts.ts";

test("exactly the windows that contain the time", () => {
  expect(windowStarts(65_000, { sizeMs: 60_000, slideMs: 60_000 })).toEqual([60_000]);
  expect(windowStarts(-1, { sizeMs: 25, slideMs: 10 })).toEqual([-10, -20]);
  expect(windowStarts(5, { sizeMs: 5, slideMs: 10 })).toEqual([]);
  fc.assert(
    fc.property(
      fc.integer({ min: -500, max: 500 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 60 }),
      (timeMs, sizeMs, slideMs) => {
        const expected: number[] = [];
        for (let start = -600 * slideMs; start <= timeMs; start += slideMs)
          if (start + sizeMs > timeMs) expected.unshift(start);
        expect(windowStarts(timeMs, { sizeMs, slideMs }).map((start) => start + 0)).toEqual(
          expected.map((start) => start + 0),
        );
      },
    ),
  );
});

test("panes are as long as every size and slide allows", () => {
  const window = (sizeMs: number, slideMs: number) => ({ name: "w", sizeMs, slideMs });
  expect(paneMsOf([window(60_000, 10_000), window(25_000, 25_000)])).toEqual({
    isPossible: true,
    paneMs: 5_000,
  });
  expect(paneMsOf([window(1_000, 999)])).toMatchObject({ isPossible: false });
  expect(paneMsOf([window(1_000.5, 1_000)])).toMatchObject({ isPossible: false });
  expect(paneMsOf([])).toMatchObject({ isPossible: false });
});
