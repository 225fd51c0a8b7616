// The run of the last panes, against merging them one by one.
import fc from "fast-check";
import { expect, test } from "vitest";
import { paneLayout } from "./pane-layout.ts";
import { emptyPane, mergePane } from "./pane-state.ts";
import type { PaneState } from "./pane-state.ts";
import { SlidingRun } from "./sliding-run.ts";

const layout = paneLayout(1_000, ["count", "sum", "min", "max", "first", "last", "mean"]);

function paneOf(values: readonly number[], startMs: number): PaneState {
  const pane = emptyPane(layout);
  for (const value of values)
    for (const [index, accumulator] of layout.accumulators.entries())
      accumulator.add(pane.fields, layout.offsets[index], value, startMs);
  return pane;
}

function results({ fields }: PaneState): Record<string, number> {
  return Object.assign(
    {},
    ...layout.accumulators.map((accumulator, index) => accumulator.finish(fields, layout.offsets[index])),
  );
}

test("a run is the merge of its last panes, however many have gone", () => {
  const values = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { maxLength: 4 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(values, { maxLength: 40 }), (count, panes) => {
      const run = new SlidingRun(layout, count);
      const pushed: PaneState[] = [];
      const merged = emptyPane(layout);
      for (const [index, own] of panes.entries()) {
        const pane = paneOf(own, index * 1_000);
        pushed.push(pane);
        run.push(pane);
        run.mergeInto(merged);
        const expected = emptyPane(layout);
        for (const last of pushed.slice(-count)) mergePane(layout, expected, last);
        const [is, was] = [results(merged), results(expected)];
        expect(Object.keys(is)).toEqual(Object.keys(was));
        for (const [name, value] of Object.entries(was)) expect(is[name]).toBeCloseTo(value, 8);
      }
      const again = panes.map((own, index) => paneOf(own, index * 1_000));
      expect(pushed).toEqual(again);
    }),
  );
});

test("a run of no panes is refused", () => {
  expect(() => new SlidingRun(layout, 0)).toThrow("a run of 0 panes");
});
