// The merge of many panes from cached nodes: the same bits as from a new tree, and few merges after a change.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ACCUMULATORS } from "../accumulators/table.ts";
import { paneLayoutOf } from "../pane-layout.ts";
import { emptyPane } from "../pane-state.ts";
import type { PaneState } from "../pane-state.ts";
import { PaneTree } from "./pane-tree.ts";

const PANE_MS = 100;
let mergeCount = 0;
const counting = {
  ...ACCUMULATORS.sum,
  merge: (state: Float64Array, at: number, from: Float64Array, fromAt: number) => {
    mergeCount++;
    ACCUMULATORS.sum.merge(state, at, from, fromAt);
  },
};
const layout = paneLayoutOf(PANE_MS, [counting, ACCUMULATORS.mean]);

/** Where the panes of a tenth of a second are numbered by now: beyond 32 bits. */
const NOW_INDEX = 18_000_000_000;

function plant() {
  const panes = new Map<string, PaneState>();
  const paneAt = (startMs: number, group: string) => panes.get(`${startMs} ${group}`);
  const tree = new PaneTree(layout, paneAt);
  return {
    tree,
    again() {
      const again = new PaneTree(layout, paneAt);
      for (const key of panes.keys()) again.come(Number(key.split(" ")[0]), key.split(" ")[1]);
      return again;
    },
    add(index: number, group: string, value: number) {
      const startMs = index * PANE_MS;
      const known = paneAt(startMs, group);
      const pane = known ?? emptyPane(layout);
      panes.set(`${startMs} ${group}`, pane);
      for (const [place, accumulator] of layout.accumulators.entries())
        accumulator.add(pane.fields, layout.offsets[place], value, startMs);
      if (known === undefined) tree.come(startMs, group);
      else tree.change(startMs, group);
    },
    drop(index: number, group: string) {
      if (panes.delete(`${index * PANE_MS} ${group}`)) tree.go(index * PANE_MS, group);
    },
  };
}

const index = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -40, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: -4_000, max: 4_000 }) },
);
const group = fc.constantFrom("a", "b");
const step = fc.oneof(
  fc.record({
    type: fc.constant("add" as const),
    index,
    group,
    value: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  }),
  fc.record({ type: fc.constant("drop" as const), index, group }),
  fc.record({ type: fc.constant("forget" as const), index }),
  fc.record({
    type: fc.constant("merged" as const),
    index,
    length: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 9_000 })),
    group,
  }),
);

test("whatever has come, changed and gone, a merge has the bits that a new tree gives it", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200, size: "max" }),
      fc.constantFrom(0, NOW_INDEX),
      (steps, originIndex) => {
        const { tree, again, add, drop } = plant();
        for (const { index: steppedIndex, ...rest } of steps) {
          const next = { ...rest, index: originIndex + steppedIndex };
          if (next.type === "add") add(next.index, next.group, next.value);
          else if (next.type === "drop") drop(next.index, next.group);
          else if (next.type === "forget") tree.forgetBefore(next.index * PANE_MS);
          else {
            const [fromMs, toMs] = [next.index * PANE_MS, (next.index + next.length) * PANE_MS];
            const merged = tree.merged(next.group, fromMs, toMs);
            expect(merged).toEqual(again().merged(next.group, fromMs, toMs));
          }
        }
      },
    ),
  );
});

test("for what is empty no node is kept", () => {
  const { tree, add } = plant();
  add(0, "a", 1);
  add(60_000, "a", 2);
  expect(tree.merged("a", 0, 86_400 * PANE_MS).fields[0]).toBe(2);
  expect(tree.size).toBeLessThan(200);
});

test("a merge of 1,000 panes after a change of one takes some tens of merges, and few nodes", () => {
  const { tree, add } = plant();
  for (let at = 0; at < 1_100; at++) add(at, "a", at);
  const first = tree.merged("a", 13 * PANE_MS, 1_013 * PANE_MS);
  expect(first.fields[0]).toBe(1_000);
  expect(tree.size).toBeLessThanOrEqual(550);
  add(500, "a", 1);
  mergeCount = 0;
  expect(tree.merged("a", 13 * PANE_MS, 1_013 * PANE_MS).fields[0]).toBe(1_001);
  expect(mergeCount).toBeLessThan(45);
  mergeCount = 0;
  tree.merged("a", 14 * PANE_MS, 21 * PANE_MS);
  expect(mergeCount).toBe(7);
  tree.forgetBefore(Infinity);
  expect(tree.size).toBe(0);
});
