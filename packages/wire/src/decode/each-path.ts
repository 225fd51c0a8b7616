import { type JsonPath, parseJsonPath } from "../json-path.ts";

/** A path to arrays, in the parts between its `[*]`: `$.machines[*].readings` is `$.machines` and `$.readings`. */
export type EachPath = readonly JsonPath[];

/** Undefined when it is no path. */
export function parseEachPath(text: string): EachPath | undefined {
  if (!text.startsWith("$")) return undefined;
  const parts: JsonPath[] = [];
  for (const part of text.slice(1).split("[*]")) {
    const path = parseJsonPath(`$${part}`);
    if (path === undefined) return undefined;
    parts.push(path);
  }
  return parts;
}
