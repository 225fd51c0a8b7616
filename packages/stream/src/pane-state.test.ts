// Rows that are taken back leave panes as if they had never come.
import fc from "fast-check";
import { expect, test } from "vitest";
import { paneLayout } from "./pane-layout.ts";
import { paneResults } from "./pane-results.ts";
import type { PaneRows } from "./pane-rows.ts";
import { emptyPane, matchLayouts, mergeRows } from "./pane-state.ts";
import type { PaneState } from "./pane-state.ts";
import { PaneTable } from "./pane-table.ts";

const layout = paneLayout(1_000, ["count", "sum", "mean", "ratio(0,3)", "histogram(1,2)"]);
const value = fc.integer({ min: -5_000, max: 5_000 }).map((cents) => cents / 100);

function rowsOf(values: readonly number[], of = layout): PaneRows {
  const table = new PaneTable("m", of, { rowsMax: 10 });
  for (const each of values) table.add(0, 500, each);
  return table.take(() => ({}));
}

function apply(state: PaneState, rows: PaneRows): void {
  if (rows.rowCount > 0) mergeRows(layout, state, rows, [0], matchLayouts(layout, rows.layout));
}

test("what is taken back leaves what the others say; of nothing left the empty pane, to the bit", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 20 }), fc.array(value, { maxLength: 20 }), (stay, go) => {
      const state = emptyPane(layout);
      apply(state, rowsOf([...stay, ...go]));
      apply(state, { ...rowsOf(go), isRetraction: true });
      const alone = emptyPane(layout);
      apply(alone, rowsOf(stay));
      if (stay.length === 0) expect(state.fields).toEqual(alone.fields);
      const [is, was] = [paneResults(layout, state), paneResults(layout, alone)];
      expect(Object.keys(is)).toEqual(Object.keys(was));
      for (const [name, expected] of Object.entries(was)) {
        const power = name === "stddev" ? 2 : 1;
        expect(is[name] ** power).toBeCloseTo(expected ** power, 8);
      }
    }),
  );
});

test("what its layout lacks is unknown, and so is what can take nothing back", () => {
  const wide = paneLayout(1_000, ["count", "sum", "min", "quantiles"]);
  const state = emptyPane(wide);
  const match = matchLayouts(wide, wide);
  mergeRows(wide, state, rowsOf([1, 2, 3], wide), [0], match);
  mergeRows(wide, state, { ...rowsOf([3], wide), isRetraction: true }, [0], match);
  expect(paneResults(wide, state)).toMatchObject({ count: 2, sum: 3 });
  expect(Object.keys(paneResults(wide, state))).not.toContain("min");
  expect(state.sketches).toEqual([null]);
  const narrow = paneLayout(1_000, ["count"]);
  mergeRows(wide, state, { ...rowsOf([1], narrow), isRetraction: true }, [0], matchLayouts(wide, narrow));
  expect(Object.keys(paneResults(wide, state))).not.toContain("sum");
});
