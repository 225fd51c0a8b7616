import { ProblemError } from "./problem.ts";
import { parseLimit } from "./window-query.ts";

/** Where an item stands in its list: fields that are compared one after another, each ascending. No two items have the same. */
export type ListKey = readonly (number | string)[];

export const LIST_LIMIT_MAX = 10_000;

/**
 * A page of a list that is sorted by its items' keys. The cursor names the last item of the page before, so what comes and
 * goes meanwhile neither doubles nor hides another.
 */
export function listPage<Item>(
  items: readonly Item[],
  query: ReadonlyMap<string, string>,
  options: { readonly keyOf: (item: Item) => ListKey; readonly limitDefault: number },
): { readonly items: Item[]; readonly cursor: string | null } {
  const { keyOf, limitDefault } = options;
  const limit = parseLimit(query.get("limit"), limitDefault, LIST_LIMIT_MAX);
  const after = parseCursor(query.get("cursor"));
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  const rest = after === null ? keyed : keyed.filter(({ key }) => compare(key, after) > 0);
  const page = rest.sort((a, b) => compare(a.key, b.key)).slice(0, limit);
  const last = rest.length > page.length ? page.at(-1) : undefined;
  return {
    items: page.map(({ item }) => item),
    cursor: last === undefined ? null : Buffer.from(JSON.stringify(last.key)).toString("base64url"),
  };
}

function compare(a: ListKey, b: ListKey): number {
  for (const [at, left] of a.entries()) {
    const right = b[at];
    if (right === undefined || left === right) continue;
    return left < right ? -1 : 1;
  }
  return 0;
}

function parseCursor(text: string | undefined): ListKey | null {
  if (text === undefined || text === "") return null;
  try {
    const key: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (Array.isArray(key) && key.length > 0 && key.every(isField)) return key;
  } catch {
    // Told below.
  }
  throw new ProblemError(
    "bad_request",
    `cursor=${text.slice(0, 100)} is not the cursor of a page of this list`,
  );
}

function isField(field: unknown): field is number | string {
  return typeof field === "number" || typeof field === "string";
}
