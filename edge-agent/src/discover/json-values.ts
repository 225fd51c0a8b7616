import { type JsonSpec, parseJsonPath } from "@millrace/wire";
import { fieldNames } from "./field-names.ts";
import type { ReadableValue } from "./payload-shape.ts";

const DEPTH_MAX = 3;
const LABELS_MAX = 4;

type Leaves = ReadonlyMap<string, unknown>;
type Json = { readonly value: unknown } | undefined;

/** Numbers of JSON objects, of lists of them, and of lists in them. */
export function jsonValues(jsons: readonly Json[], nowMs: number): readonly ReadableValue[] {
  const roots = jsons.map((json) => json?.value);
  if (roots.every(isListOfObjects)) return elementValues(roots.flat(), { each: "$", around: [], nowMs });
  if (!roots.every(isObject)) return [];
  const around = roots.map((root) => leaves(root));
  const lists = Object.keys(roots[0]).flatMap((name) => {
    const each = pathTo("$", name);
    const elements = roots.map((root) => Object.getOwnPropertyDescriptor(root, name)?.value as unknown);
    if (each === undefined || !elements.every(isListOfObjects)) return [];
    return elementValues(elements.flat(), { each, around, nowMs });
  });
  return [...valuesOf(around, {}, nowMs), ...lists];
}

/** The last name of a path. */
function nameOf(path: string): string {
  return String(parseJsonPath(path)?.at(-1) ?? "value");
}

/** What a value is called: of several the last name that says more than that it is one; null: by the topic. */
function metricName(path: string, isOnly: boolean): string | null {
  const name = nameOf(path);
  if (isOnly) return fieldNames.isGeneric(name) ? null : name;
  const steps = parseJsonPath(path) ?? [];
  return String(steps.findLast((step) => typeof step === "string" && !fieldNames.isGeneric(step)) ?? name);
}

/** The same text for all that stands in one object. */
function objectOf(path: string): string {
  return JSON.stringify(parseJsonPath(path)?.slice(0, -1));
}

function elementValues(
  elements: readonly object[],
  {
    each,
    around,
    nowMs,
  }: { readonly each: string; readonly around: readonly Leaves[]; readonly nowMs: number },
): readonly ReadableValue[] {
  const own = elements.map((element) => leaves(element));
  const labels = sharedPaths(own).filter((path) => {
    const name = nameOf(path);
    const isOther = fieldNames.isTime(name) || fieldNames.isQuality(name) || fieldNames.isUnit(name);
    const isText = own.every((leaf) => typeof leaf.get(path) === "string" && leaf.get(path) !== "");
    return fieldNames.isLabel(name) && !isOther && (isText || !fieldNames.isMeasure(name));
  });
  const named = Object.fromEntries(labels.slice(0, LABELS_MAX).map((path) => [nameOf(path), path]));
  const time = timeOf(own, nowMs) ?? timeOf(around, nowMs);
  return valuesOf(own, { each, ...(time === undefined ? {} : { time }), labels: named }, nowMs);
}

function valuesOf(
  leavesOf: readonly Leaves[],
  given: Pick<JsonSpec, "each" | "time" | "labels">,
  nowMs: number,
): readonly ReadableValue[] {
  const shared = sharedPaths(leavesOf);
  const everyValue = (path: string) => leavesOf.map((leaf) => leaf.get(path));
  const time = given.time ?? timeOf(leavesOf, nowMs);
  const quality = shared.find((path) => fieldNames.isQuality(nameOf(path)));
  const unitPaths = shared.filter((path) => fieldNames.isUnit(nameOf(path)));
  const values = shared.filter(
    (path) =>
      path !== time?.path &&
      path !== quality &&
      fieldNames.isMeasure(nameOf(path)) &&
      everyValue(path).every((value) => typeof value === "number"),
  );
  // One unit beside several values may be that of any.
  const unitOf = (path: string): string | null => {
    const isBeside = (other: string) => objectOf(other) === objectOf(path);
    const isAlone = values.filter(isBeside).length === 1;
    const unitPath =
      (isAlone ? unitPaths.find(isBeside) : undefined) ?? (values.length === 1 ? unitPaths[0] : undefined);
    return unitPath === undefined ? null : fieldNames.unitOf(everyValue(unitPath));
  };
  return values.map((path) => ({
    name: metricName(path, values.length === 1),
    unit: unitOf(path),
    payload: {
      kind: "json",
      ...(given.each === undefined ? {} : { each: given.each }),
      value: path,
      ...(time === undefined ? {} : { time }),
      ...(quality === undefined ? {} : { quality: { path: quality } }),
      ...(Object.keys(given.labels ?? {}).length === 0 ? {} : { labels: given.labels }),
    },
  }));
}

function timeOf(leavesOf: readonly Leaves[], nowMs: number): JsonSpec["time"] {
  for (const path of sharedPaths(leavesOf)) {
    if (!fieldNames.isTime(nameOf(path))) continue;
    const unit = fieldNames.timeUnit(
      leavesOf.map((leaf) => leaf.get(path)),
      nowMs,
    );
    if (unit !== undefined) return { path, unit };
  }
  return undefined;
}

function sharedPaths([first, ...others]: readonly Leaves[]): readonly string[] {
  return [...(first?.keys() ?? [])].filter((path) => others.every((leaf) => leaf.has(path)));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfObjects(value: unknown): value is readonly object[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}

function pathTo(prefix: string, name: string): string | undefined {
  const path = [`${prefix}.${name}`, `${prefix}[${JSON.stringify(name)}]`].find(
    (text) => parseJsonPath(text)?.at(-1) === name,
  );
  return path === undefined || fieldNames.hasVariable(path) ? undefined : path;
}

/** What stands at which path; lists are left alone. Finite numbers only: `1e999` reads as Infinity. */
function leaves(json: object, prefix = "$", depth = 1): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [name, value] of Object.entries(json)) {
    const path = pathTo(prefix, name);
    if (path === undefined || (typeof value === "number" && !Number.isFinite(value))) continue;
    if (typeof value !== "object" || value === null) found.set(path, value);
    else if (depth < DEPTH_MAX && !Array.isArray(value))
      for (const [inner, leaf] of leaves(value, path, depth + 1)) found.set(inner, leaf);
  }
  return found;
}
