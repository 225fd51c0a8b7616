/** A place in a JSON value: names and indexes, outermost first. */
export type JsonPath = readonly (string | number)[];

const STEP = /\.([\p{L}_][\p{L}\p{N}_-]*)|\[(\d{1,6})\]|\["([^"\\]*)"\]/uy;

/** Parses `$.a.b[0]["any name"]`; `$` alone is the value itself. Undefined when it is not a path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith("$")) return undefined;
  const path: (string | number)[] = [];
  let at = 1;
  while (at < text.length) {
    STEP.lastIndex = at;
    const step = STEP.exec(text);
    if (step === null) return undefined;
    path.push(step[2] === undefined ? (step[1] ?? step[3]) : Number(step[2]));
    at = STEP.lastIndex;
  }
  return path;
}

/** What stands there; undefined when nothing does. */
export function valueAt(value: unknown, path: JsonPath): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null) return undefined;
    if (Array.isArray(current) !== (typeof step === "number")) return undefined;
    const entry = Object.getOwnPropertyDescriptor(current, step);
    current = entry?.value;
  }
  return current;
}
