import type { Labels } from "@millrace/stream";

/**
 * A group in one text: the values of its labels in the order of `by`, joined by colons; `all` where there are none. Of several
 * labels, `%` and `:` inside a value are written `%25` and `%3A`: no two groups have one text.
 */
export function regionOf(group: Labels, by: readonly string[]): string {
  if (by.length === 0) return "all";
  if (by.length === 1) return group[by[0]] ?? "";
  return by.map((name) => (group[name] ?? "").replaceAll("%", "%25").replaceAll(":", "%3A")).join(":");
}
