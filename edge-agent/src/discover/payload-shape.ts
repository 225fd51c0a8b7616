import { parseJsonPath, parseSourceTime, TIME_UNITS } from "@millrace/wire";
import type { TimeUnit } from "@millrace/wire";

/** How payloads of a topic can be read, as far as a few of them show it. */
export type PayloadShape =
  | { readonly kind: "number" }
  | {
      readonly kind: "json";
      /** JSON paths of numbers that are no times; not empty. */
      readonly values: readonly string[];
      readonly time: { readonly path: string; readonly unit: TimeUnit } | null;
      readonly quality: string | null;
    }
  | { readonly kind: "unknown"; readonly why: string };

const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const TIME_NAME =
  /^(t|ts|time|date|datetime|timestamp|(event|source|measured|sensor)_?(time|at|timestamp))$/i;
const QUALITY_NAME = /^(q|quality)$/i;
const NO_MEASURE_NAME = /^(id|seq|sequence|seqno|version)$/i;
/** A number is a time where it lies this near to now. */
const TIME_DISTANCE_MS = 5 * 365 * 86_400_000;
const DATE_ALONE = /^\d{4}-\d\d-\d\d$/;
const DEPTH_MAX = 3;
const VALUES_MAX = 16;

/** The shape that all samples have. */
export function payloadShape(samples: readonly Uint8Array[], nowMs: number): PayloadShape {
  const texts: string[] = [];
  for (const sample of samples) {
    try {
      texts.push(new TextDecoder("utf-8", { fatal: true }).decode(sample));
    } catch {
      return { kind: "unknown", why: "binary" };
    }
  }
  if (texts.length === 0) return { kind: "unknown", why: "nothing" };
  if (texts.every((text) => NUMBER.test(text) && Number.isFinite(Number(text)))) return { kind: "number" };
  const leavesOf: ReadonlyMap<string, unknown>[] = [];
  for (const text of texts) {
    try {
      const json: unknown = JSON.parse(text);
      if (typeof json !== "object" || json === null || Array.isArray(json))
        return {
          kind: "unknown",
          why: Array.isArray(json) ? "a JSON list" : "neither a number nor a JSON object",
        };
      leavesOf.push(leaves(json));
    } catch {
      return { kind: "unknown", why: "neither a number nor JSON" };
    }
  }
  return jsonShape(leavesOf, nowMs);
}

function jsonShape(leavesOf: readonly ReadonlyMap<string, unknown>[], nowMs: number): PayloadShape {
  const [first, ...others] = leavesOf;
  const shared = [...first.keys()].filter((path) => others.every((leaf) => leaf.has(path)));
  const everyValue = (path: string) => leavesOf.map((leaf) => leaf.get(path));
  let time: { path: string; unit: TimeUnit } | null = null;
  let quality: string | null = null;
  const values: string[] = [];
  for (const path of shared) {
    const name = nameOf(path);
    const unit: TimeUnit | undefined =
      TIME_NAME.test(name) && time === null ? timeUnit(everyValue(path), nowMs) : undefined;
    if (unit !== undefined) time = { path, unit };
    else if (QUALITY_NAME.test(name)) quality ??= path;
    else if (!NO_MEASURE_NAME.test(name) && everyValue(path).every((value) => typeof value === "number"))
      values.push(path);
  }
  if (values.length === 0) return { kind: "unknown", why: "JSON without a number" };
  return { kind: "json", values: values.slice(0, VALUES_MAX), time, quality };
}

/** The last name of a path. */
export function nameOf(path: string): string {
  return String(parseJsonPath(path)?.at(-1) ?? "value");
}

function timeUnit(values: readonly unknown[], nowMs: number): TimeUnit | undefined {
  return TIME_UNITS.find((unit) =>
    values.every((value) => {
      // A date alone may have its time of day in another field.
      const time = DATE_ALONE.test(String(value)) ? undefined : parseSourceTime(value, unit);
      return time !== undefined && Math.abs(time.timeMs - nowMs) < TIME_DISTANCE_MS;
    }),
  );
}

/** What stands at which path; lists are left alone. Finite numbers only: `1e999` reads as Infinity. */
function leaves(json: object, prefix = "$", depth = 1): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [name, value] of Object.entries(json)) {
    const path = [`${prefix}.${name}`, `${prefix}[${JSON.stringify(name)}]`].find(
      (text) => parseJsonPath(text)?.at(-1) === name,
    );
    // A configuration file would take `${…}` for a variable.
    if (path === undefined || path.includes("${")) continue;
    if (typeof value === "number" && !Number.isFinite(value)) continue;
    if (typeof value !== "object" || value === null) found.set(path, value);
    else if (depth < DEPTH_MAX && !Array.isArray(value))
      for (const [inner, leaf] of leaves(value, path, depth + 1)) found.set(inner, leaf);
  }
  return found;
}
