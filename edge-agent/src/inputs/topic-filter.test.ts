// Filters take the topics that MQTT says, and those that another one covers are left out.
import { expect, test } from "vitest";
import { filterTakes, widestFilters } from "./topic-filter.ts";

test.each([
  ["a/b", "a/b", true],
  ["a/b", "a/b/c", false],
  ["a/+", "a/b", true],
  ["a/+", "a/b/c", false],
  ["a/+", "a", false],
  ["a/#", "a", true],
  ["a/#", "a/b/c", true],
  ["#", "a/b", true],
  ["+/b", "/b", true],
  ["#", "$private/x", false],
  ["+/x", "$private/x", false],
  ["$private/#", "$private/x", true],
])("%s and %s: %s", (filter, topic, isTaken) => {
  expect(filterTakes(filter, topic)).toBe(isTaken);
});

test.each([
  [
    ["a/#", "a/+/c", "a/b/#", "b"],
    ["a/#", "b"],
  ],
  [["a/+", "a/b", "a/#"], ["a/#"]],
  [
    ["a/+/c", "a/b/+"],
    ["a/+/c", "a/b/+"],
  ],
  [["a", "a"], ["a"]],
  [
    ["#", "$private/x"],
    ["#", "$private/x"],
  ],
  [
    ["+/b", "a/#"],
    ["+/b", "a/#"],
  ],
])("%j narrows to %j", (filters, widest) => {
  expect(widestFilters(filters)).toEqual(widest);
});
