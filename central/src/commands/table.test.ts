// Cells are what agents, sensors and people have sent.
import { expect, test } from "vitest";
import { formatTable } from "./table.ts";

test("a cell moves no cursor, adds no line and does not push the others away", () => {
  const rows = [
    ["a", "\u001B[2J\n\u202E", "end"],
    ["b", "x".repeat(100_000), "end"],
  ];
  const lines = formatTable(["", "said", ""], rows).split("\n");
  expect(lines).toHaveLength(4);
  expect(lines.join("")).not.toMatch(/\p{C}/u);
  expect(lines[1]).toMatch(/^a {2}·\[2J·· +end$/);
  expect(lines[2]).toMatch(/^b {2}x{200}… {2}end$/);
});
