// The tests bite: each planted bug is still where it says, and its test fails. One bug is really planted in every run, all
// of them with --long.
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { caseFiles, loadCases } from "../conformance/load-cases.ts";
import { loadMutations } from "./load-mutations.ts";
import { MutatedCopy } from "./mutated-copy.ts";

const root = path.resolve(import.meta.dirname, "../..");
const isLong = process.env["MILLRACE_LONG"] === "1";
const mutations = loadMutations();
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const caseNames = new Set(
  caseFiles()
    .map((file) => loadCases(file))
    .flatMap(({ cases }) => cases.map(({ name }) => name)),
);

test.each(mutations)("$bug: its place is there once", ({ file, find, replace }) => {
  expect(read(file).split(find).length - 1).toBe(1);
  expect(replace).not.toBe(find);
});

test.each(mutations)("$bug: its test is there", ({ in: file, test: name }) => {
  expect(caseNames.has(name) || testNames(read(file)).some((each) => each.test(name))).toBe(true);
});

/** Of a file's tests; those of `test.each` stand for whatever is put into them. */
function testNames(text: string): RegExp[] {
  return [...text.matchAll(/(?:\b(?:test|it)|[\])])\(\s*"((?:[^"\\]|\\.)*)"/g)].map(([, name]) => {
    const literals = name.split(/%[a-zA-Z#]|\$[\w.]+/).map((part) => escaped(JSON.parse(`"${part}"`)));
    return new RegExp(`^${literals.join(".+")}$`);
  });
}

function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

describe("planted", () => {
  const copy = new MutatedCopy(root);
  afterAll(() => copy.remove());

  test.each(isLong ? mutations : mutations.slice(0, 1))(
    "$bug: its test fails",
    (mutation) => {
      expect(copy.try(mutation)).toEqual({ isCaught: true });
    },
    900_000,
  );
});
