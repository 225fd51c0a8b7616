// A list that grows by another one does so in a loop: as arguments of one call, a great one ends the process.
import { expect, test } from "vitest";
import { repositoryFiles } from "./source-file.ts";
import { spreadAllowed, spreadArguments } from "./spread-arguments.ts";

test("no list is given to a call as its arguments to grow another", () => {
  expect(spreadArguments(repositoryFiles())).toEqual([]);
});

test("every exception still exists", () => {
  const paths = new Set(repositoryFiles().map((file) => file.path));
  expect(Object.keys(spreadAllowed).filter((path) => !paths.has(path))).toEqual([]);
});

test.each([
  "changes.push(...rows);",
  "changes.push(first, ...(await rows()), last);",
  "changes.push(\n  ...rows,\n);",
  "parts.splice(at, 0, ...rows);",
  "rows.unshift(...more);",
])("a program may not say %s", (text) => {
  expect(spreadArguments([{ path: "central/src/central.ts", text }])).toHaveLength(1);
});

test.each([
  "for (const row of rows) changes.push(row);",
  "changes.push({ ...row, isLate: true });",
  "changes.push([...rows]);",
  "all = changes.concat(rows);",
])("a program may say %s", (text) => {
  expect(spreadArguments([{ path: "central/src/central.ts", text }])).toEqual([]);
});
