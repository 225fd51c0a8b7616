// Whatever the documentation links to or names is there.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot as root } from "../house/source-file.ts";
import { lostReferences } from "./lost-references.ts";

const pages = [...globSync("*.md", { cwd: root }), ...globSync("docs/**/*.md", { cwd: root })].map((page) =>
  page.split(path.sep).join("/"),
);
/** Written by `npm test -- --long`; a checkout may be without it. */
const writtenLater = "there is no docs/proof.md";
const readPage = (pagePath: string) => readFileSync(path.join(root, pagePath), "utf8");

test.each(pages)("%s names only what exists", (pagePath) => {
  const lost = lostReferences({ root, pagePath, markdown: readPage(pagePath), readPage });
  expect(lost.filter((each) => !each.endsWith(writtenLater))).toEqual([]);
});

test("every page of docs is in its index", () => {
  const index = readPage("docs/README.md");
  const absent = pages.filter(
    (page) => /^docs\/(?!README)[^/]+\.md$/.test(page) && !index.includes(`(${path.posix.basename(page)})`),
  );
  expect(absent).toEqual([]);
});

test("every decision is in its index", () => {
  const index = readPage("docs/decisions/README.md");
  const absent = pages.filter(
    (page) => /^docs\/decisions\/(?!README)/.test(page) && !index.includes(`(${path.posix.basename(page)})`),
  );
  expect(absent).toEqual([]);
});

test.each([
  ["[x](nothing.md)", "docs/nothing.md"],
  ["![x](picture/none.png)", "docs/picture/none.png"],
  ['[x 1]\n\n[x 1]: nothing.md "a title"', "docs/nothing.md"],
  ["[x](wire.md#no-such-heading)", "docs/wire.md has no heading"],
  ["see `packages/wire/src/nothing.ts`", "packages/wire/src/nothing.ts"],
  ["see `test/nothing/`", "test/nothing/"],
])("a lost reference is found: %s", (markdown, named) => {
  const lost = lostReferences({ root, pagePath: "docs/planted.md", markdown, readPage });
  expect(lost).toHaveLength(1);
  expect(lost[0]).toContain(named);
});

test("what exists, is on another host or stands in a block passes", () => {
  const markdown =
    "# A title\n[x](wire.md#a-batch) [y](https://example.org/z.md) [z](#a-title) `packages/wire/src/link.ts`\n" +
    "```text\n[x](nothing.md)\n```\n";
  expect(lostReferences({ root, pagePath: "docs/planted.md", markdown, readPage })).toEqual([]);
});
