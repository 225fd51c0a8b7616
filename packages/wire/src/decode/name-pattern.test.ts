// Patterns of names: one way to match, whatever the name.
import { expect, test } from "vitest";
import { NamePattern } from "./name-pattern.ts";

test.each([
  ["urn:dev:ow:{device}:{sensor}", "urn:dev:ow:10e2:temp", ["10e2", "temp"]],
  ["urn:dev:ow:{device}:temp", "urn:dev:ow:10e2:humidity", undefined],
  ["{machine}/temperature", "m1/temperature", ["m1"]],
  ["{machine}/temperature", "a/m1/temperature", undefined],
  ["{machine}", "a/b", undefined],
  ["{machine}", "", undefined],
  ["{line}-{machine}", "l1-m-2", ["l1", "m-2"]],
  ["{a}.t", "x.y.t", undefined],
  ["t{a}", "t", undefined],
  ["temperature", "temperature", []],
  ["temperature", "temperatures", undefined],
])("%s and %s", (pattern, name, expected) => {
  expect(NamePattern.parse(pattern)?.match(name)).toEqual(expected);
});

test.each(["", "{a}{b}", "{a}:{a}", "{a", "a}", "{}", "{1}", "{a b}"])("%j is no pattern", (text) => {
  expect(NamePattern.parse(text)).toBeUndefined();
});
