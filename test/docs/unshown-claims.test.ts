// Each claim of docs/semantics.md names the case or the test that shows it, and every case shows one.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { caseFiles, loadCases } from "../conformance/load-cases.ts";
import { repositoryRoot as root } from "../house/source-file.ts";
import { unshownClaims } from "./unshown-claims.ts";

const readFile = (file: string) => readFileSync(path.join(root, file), "utf8");
const readTest = (file: string) =>
  file.endsWith(".test.ts") && existsSync(path.join(root, file)) ? readFile(file) : undefined;

test("docs/semantics.md: every title is in its file, every case is linked, and no item of a list is without a link", () => {
  const cases = new Map(
    caseFiles().map((file) => [
      `test/conformance/cases/${file}`,
      loadCases(file).cases.map(({ name }) => name),
    ]),
  );
  const markdown = readFile("docs/semantics.md");
  expect(unshownClaims({ markdown, folder: "docs", cases, readTest })).toEqual([]);
});

const sound = `A claim ([late 1], [2][late 2]), with \`[start, end)\` in it.

- An item
  of two lines ([test late]).
- Another ([late 2]).

[late 1]: ../cases/late.yaml "one"
[late 2]: ../cases/late.yaml "two"
[test late]: ../late.test.ts "three"
`;

function problemsIn(markdown: string): string[] {
  return unshownClaims({
    markdown,
    folder: "docs",
    cases: new Map([["cases/late.yaml", ["one", "two"]]]),
    readTest: (file) => (file === "late.test.ts" ? 'test("three", () => {' : undefined),
  });
}

test("a sound page has no problems", () => {
  expect(problemsIn(sound)).toEqual([]);
});

test.each([
  ['"one"', '"eleven"', 'cases/late.yaml has no "eleven"'],
  ['"one"', '"eleven"', "nothing links cases/late.yaml: one"],
  ['"three"', '"four"', 'late.test.ts has no "four"'],
  ["../late.test.ts", "../early.test.ts", 'early.test.ts has no "three"'],
  [' "three"', "", 'late.test.ts has no ""'],
  ["A claim ([late 1], ", "A claim (", "nothing is shown by [late 1]"],
  ["Another ([late 2])", "Another ([late 3])", "[late 3] is not defined"],
  ["Another ([late 2])", "Another", 'nothing shows "- Another."'],
  ["\n  of two lines ([test late])", "", 'nothing shows "- An item."'],
  ["[late 2]: ", "[late 1]: ", "a label is defined twice"],
  ["[late 2]: ", "[early 2]: ", "does not begin with the name of cases/late.yaml"],
])("with %s as %s it is told", (was, is, problem) => {
  expect(problemsIn(sound.replace(was, is)).join("\n")).toContain(problem);
});
