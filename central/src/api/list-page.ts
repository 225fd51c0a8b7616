import { cursorText, parseCursor } from "./page-cursor.ts";
import { parseLimit } from "./window-query.ts";

/**
 * Where an item stands in its list: fields that are compared one after another, each ascending. No two items have the same, and
 * that of an item never changes: one that moved between two pages would be on both or on none.
 */
export type ListKey = readonly (number | string)[];

export const LIST_LIMIT_MAX = 10_000;

/**
 * A page of a list that is sorted by its items' keys. The cursor names the last item of the page before, so what comes, goes
 * or changes meanwhile neither doubles nor hides an item.
 */
export function listPage<Item>(
  items: readonly Item[],
  query: ReadonlyMap<string, string>,
  options: { readonly keyOf: (item: Item) => ListKey; readonly limitDefault: number },
): { readonly items: Item[]; readonly cursor: string | null } {
  const { keyOf, limitDefault } = options;
  const limit = parseLimit(query.get("limit"), limitDefault, LIST_LIMIT_MAX);
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  const after = parseKey(query.get("cursor"), keyed[0]?.key);
  const rest = after === null ? keyed : keyed.filter(({ key }) => compare(key, after) > 0);
  const page = rest.sort((a, b) => compare(a.key, b.key)).slice(0, limit);
  const last = rest.length > page.length ? page.at(-1) : undefined;
  return {
    items: page.map(({ item }) => item),
    cursor: cursorText(last === undefined ? null : JSON.stringify(last.key)),
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

/** `like`: another one of the list; undefined: it is empty. */
function parseKey(text: string | undefined, like: ListKey | undefined): ListKey | null {
  const place = parseCursor(text, (each) => {
    const key = keyIn(each);
    return key !== null && (like === undefined || isAlike(key, like));
  });
  return place === null ? null : keyIn(place);
}

function keyIn(place: string): ListKey | null {
  try {
    const key: unknown = JSON.parse(place);
    return Array.isArray(key) && key.length > 0 && key.every(isField) ? key : null;
  } catch {
    return null;
  }
}

function isAlike(key: ListKey, like: ListKey): boolean {
  return key.length === like.length && like.every((field, at) => typeof field === typeof key[at]);
}

function isField(field: unknown): field is number | string {
  return typeof field === "number" || typeof field === "string";
}
