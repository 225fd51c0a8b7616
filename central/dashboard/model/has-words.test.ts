// What is sought among many agents is found by any of its words.
import { expect, test } from "vitest";
import { hasWords } from "./has-words.ts";

test("all words must be there, in any order, in capitals or not", () => {
  expect(hasWords("press-3 Leipzig silent for 3 s", "leip PRESS")).toBe(true);
  expect(hasWords("press-3 Leipzig silent for 3 s", "leip mill")).toBe(false);
});

test("nothing sought is everywhere", () => {
  expect(hasWords("press-3", "")).toBe(true);
  expect(hasWords("press-3", "  ")).toBe(true);
});
