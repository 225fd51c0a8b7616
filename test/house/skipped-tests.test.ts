// A test that can be skipped says why in test/skips.json; none is skipped in silence.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { type KnownSkip, unexplainedSkips } from "./skipped-tests.ts";
import { repositoryFiles, repositoryRoot } from "./source-file.ts";

test("every skipped test is explained", () => {
  const known: KnownSkip[] = JSON.parse(readFileSync(path.join(repositoryRoot, "test/skips.json"), "utf8"));
  expect(unexplainedSkips(repositoryFiles(), known)).toEqual([]);
});

test("planted skips are found", () => {
  const within = {
    path: "b.test.ts",
    text: "test('x', ({ skip }) => skip()); test('y', (ctx) => ctx.skip());",
  };
  expect(unexplainedSkips([within], [])).toHaveLength(2);
  const file = { path: "a.test.ts", text: "test.skip('x', () => {}); test.runIf(hasKafka)('y', () => {});" };
  expect(unexplainedSkips([file], [])).toHaveLength(2);
  expect(unexplainedSkips([file], [{ test: "a.test.ts > y", reason: "needs a broker" }])).toEqual([]);
  expect(unexplainedSkips([file], [{ test: "a.test.ts > y", reason: " " }])).toHaveLength(1);
  expect(unexplainedSkips([], [{ test: "a.test.ts > y", reason: "needs a broker" }])).toHaveLength(1);
});
