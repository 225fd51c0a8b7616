// The tree of filters says of every topic what trying the filters one by one says, and holds nothing of what was taken out.
import fc from "fast-check";
import { expect, test } from "vitest";
import { FilterTree } from "./filter-tree.ts";
import { filterTakes } from "../topic-filter.ts";

const level = fc.constantFrom("a", "b", "", "°");
const topics = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filters = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ["#"] : [])].join("/"));

test("it takes what one of its filters takes, whatever was put in and taken out", () => {
  const steps = fc.array(fc.tuple(filters, fc.boolean()), { maxLength: 20 });
  const property = fc.property(steps, fc.array(topics, { maxLength: 10 }), (taken, asked) => {
    const tree = new FilterTree<string>();
    const held = new Set<string>();
    for (const [filter, isPut] of taken) {
      if (isPut) tree.set(filter, filter);
      else tree.delete(filter);
      if (isPut) held.add(filter);
      else held.delete(filter);
      expect(tree.get(filter)).toBe(isPut ? filter : undefined);
    }
    for (const topic of asked) {
      const expected = [...held].filter((filter) => filterTakes(filter, topic));
      expect(tree.valuesFor(topic).toSorted()).toEqual(expected.toSorted());
      expect(tree.takes(topic)).toBe(expected.length > 0);
    }
    for (const filter of held) tree.delete(filter);
    expect(tree.nodeCount).toBe(0);
  });
  fc.assert(property, { numRuns: 2_000 });
});

test("a filter with a wildcard in front takes no topic that begins with $", () => {
  const tree = new FilterTree<string>();
  for (const filter of ["#", "+/a", "$x/#"]) tree.set(filter, filter);
  expect(tree.valuesFor("$x/a")).toEqual(["$x/#"]);
});

test("shared levels are held once", () => {
  const tree = new FilterTree<number>();
  for (const filter of ["a/b/c", "a/b/d", "a/b"]) tree.set(filter, 1);
  expect(tree.nodeCount).toBe(4);
  tree.delete("a/b");
  tree.delete("a/b/x");
  expect(tree.nodeCount).toBe(4);
  tree.delete("a/b/c");
  expect(tree.nodeCount).toBe(3);
});
