// Nothing that anybody sends moves a terminal's cursor, forges a line, turns the direction of writing, or has no end.
import { expect, test } from "vitest";
import { plainText } from "./plain-text.ts";

test.each([
  ["clears the screen", "\u001B[2Jgone", "·[2Jgone"],
  ["is a control sequence of one character", "\u009B2J", "·2J"],
  ["begins another line", "a\r\nreceived 0", "a··received 0"],
  ["turns the direction of writing", "a\u202Eb\u2066c", "a·b·c"],
  ["is a separator of lines", "a\u2028b\u2029c", "a·b·c"],
  ["is half a character", "a\uD83D", "a·"],
  ["is like any other", "温度 °C é", "温度 °C é"],
])("what %s", (_what, text, shown) => {
  expect(plainText(text)).toBe(shown);
});

test("what is longer than wanted is cut, and says so", () => {
  expect(plainText("x".repeat(200))).toHaveLength(200);
  expect(plainText("x".repeat(201))).toBe(`${"x".repeat(200)}…`);
  expect(plainText("abc", 2)).toBe("ab…");
});
