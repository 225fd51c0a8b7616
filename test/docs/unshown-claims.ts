import path from "node:path";
import { parsePage } from "./page.ts";

export interface UnshownClaimsOptions {
  readonly markdown: string;
  /** The folder of the page, from the root. */
  readonly folder: string;
  /** The names of the cases, by file from the root. */
  readonly cases: ReadonlyMap<string, readonly string[]>;
  /** A test's text; undefined where there is no such file. */
  readonly readTest: (file: string) => string | undefined;
}

/** An item of a list, to the next one or the end of its paragraph. */
const ITEM = /^- (?:.+\n?)+?(?=^- |^\n|(?![^]))/gm;

/**
 * What is wrong between the claims of a page and the cases and tests that it links as `[label]: file "title"`, each in words: titles that
 * are not in the file, labels without a definition or the other way round, cases that nothing links, items of a list without a link.
 */
export function unshownClaims({ markdown, folder, cases, readTest }: UnshownClaimsOptions): string[] {
  const { definitions, labels } = parsePage(markdown);
  const problems: string[] = [];
  const defined = new Map(definitions.map((definition) => [definition.label, definition]));
  if (defined.size < definitions.length) problems.push("a label is defined twice");
  for (const label of new Set(labels)) if (!defined.has(label)) problems.push(`[${label}] is not defined`);
  const linked = new Set<string>();
  for (const { label, target, title } of definitions) {
    const file = path.posix.join(folder, target);
    const names = cases.get(file);
    const isThere = names === undefined ? readTest(file)?.includes(title) === true : names.includes(title);
    if (!labels.includes(label)) problems.push(`nothing is shown by [${label}]`);
    if (title === "" || !isThere) problems.push(`[${label}]: ${file} has no "${title}"`);
    if (names !== undefined && !label.startsWith(`${path.posix.basename(file, ".yaml")} `))
      problems.push(`[${label}]: the label does not begin with the name of ${file}`);
    linked.add(`${file}: ${title}`);
  }
  for (const [file, names] of cases) {
    for (const name of names)
      if (!linked.has(`${file}: ${name}`)) problems.push(`nothing links ${file}: ${name}`);
  }
  for (const [item] of markdown.matchAll(ITEM)) {
    if (!parsePage(item).labels.some((label) => defined.has(label)))
      problems.push(`nothing shows "${item.trimEnd()}"`);
  }
  return problems;
}
