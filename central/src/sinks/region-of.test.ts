// The one text that stands for a group in a sink's keys.
import { expect, test } from "vitest";
import { regionOf } from "./region-of.ts";

test.each([
  [{ region: "北京" }, ["region"], "北京"],
  [{ region: "a:b%" }, ["region"], "a:b%"],
  [{}, [], "all"],
  [{}, ["region"], ""],
  [{ site: "alpha", line: "l1" }, ["line", "site"], "l1:alpha"],
  [{ a: "x:y", b: "z" }, ["a", "b"], "x%3Ay:z"],
  [{ a: "x", b: "y:z" }, ["a", "b"], "x:y%3Az"],
  [{ a: "x%3Ay", b: "z" }, ["a", "b"], "x%253Ay:z"],
])("%j by %j is %s", (group, by, region) => {
  expect(regionOf(group, by)).toBe(region);
});
