import { type JsonPath, parseJsonPath, valueAt } from "../json-path.ts";
import { parseSourceTime } from "../source-time.ts";
import { decodeFailure } from "./decode-failure.ts";
import type { Decoded } from "./decoded.ts";
import { parseEachPath } from "./each-path.ts";
import { FlatJson } from "./flat-json.ts";
import { jsonElements } from "./json-elements.ts";
import { LabelSources } from "./label-sources.ts";
import type { Payload } from "./payload.ts";
import type { PayloadDecoder } from "./payload-decoder.ts";
import type { JsonSpec } from "./payload-spec.ts";
import { PlainJson } from "./plain-json.ts";
import { readNumber } from "./read-number.ts";
import { readQuality } from "./read-quality.ts";

const NOTHING: readonly unknown[] = [];

export function jsonDecoder(spec: JsonSpec): PayloadDecoder {
  const each = spec.each === undefined ? undefined : parseEachPath(spec.each);
  if (spec.each !== undefined && each === undefined) throw new Error(`invariant: ${spec.each} is no path`);
  const valuePath = checkedPath(spec.value);
  const timePath = spec.time && checkedPath(spec.time.path);
  const qualityPath = spec.quality && checkedPath(spec.quality.path);
  const labelPaths = Object.entries(spec.labels ?? {}).map(
    ([name, path]) => [name, checkedPath(path)] as const,
  );
  const labels = new LabelSources(labelPaths);
  const paths = [valuePath, timePath ?? [""], qualityPath ?? [""], ...labelPaths.map(([, path]) => path)];
  const isFlat =
    each === undefined && paths.every((path) => path.length === 1 && typeof path[0] === "string");

  /** `around`: where time, quality and labels are looked for when the element has none, innermost first. */
  function read(element: unknown, around: readonly unknown[]): Decoded {
    const value = readNumber(find(element, valuePath), `at ${spec.value}`);
    if (typeof value !== "number") return value;
    const labelled = labels.read((path) => findAround(element, around, path));
    if (!("values" in labelled)) return labelled;
    const quality =
      spec.quality === undefined || qualityPath === undefined
        ? "good"
        : readQuality(findAround(element, around, qualityPath), spec.quality);
    const common = { ok: true, value, quality, labels: labelled.values } as const;
    if (spec.time === undefined || timePath === undefined)
      return { ...common, timeMs: null, timeSubMsNs: 0, hasOwnTime: false };
    const time = parseSourceTime(findAround(element, around, timePath), spec.time.unit);
    if (time === undefined)
      return decodeFailure("bad_time", `no time in ${spec.time.unit} at ${spec.time.path}`);
    return { ...common, timeMs: time.timeMs, timeSubMsNs: time.subMsNs, hasOwnTime: true };
  }

  function decode(payload: Payload): readonly Decoded[] {
    const flat = isFlat ? payload.flatJson() : undefined;
    if (flat !== undefined) return [read(flat, NOTHING)];
    const json = payload.json();
    if (json === undefined) return [];
    if (each === undefined) return [read(json.value, NOTHING)];
    return jsonElements(json.value, each).map((element, index) => {
      const decoded = "ok" in element ? element : read(element.value, element.around);
      return decoded.ok
        ? decoded
        : { ...decoded, detail: `element ${index + 1} of ${spec.each}: ${decoded.detail}` };
    });
  }

  return { labelNames: labels.names, timeUnit: spec.time?.unit ?? null, decode, plain: plainJson(spec) };
}

/** Where the quick way serves: one object, or an array of objects, whose members are the value and a time in s or ms. */
function plainJson({ each, value, time, quality, labels = {} }: JsonSpec): PlainJson | undefined {
  const isArray = each === "$";
  const valueKey = onlyKey(value);
  const timeKey = time === undefined ? null : onlyKey(time.path);
  const msPerUnit = time === undefined || time.unit === "ms" ? 1 : time.unit === "s" ? 1000 : undefined;
  if ((each !== undefined && !isArray) || quality !== undefined || Object.keys(labels).length > 0)
    return undefined;
  if (valueKey === undefined || timeKey === undefined || msPerUnit === undefined) return undefined;
  return PlainJson.of({ isArray, valueKey, timeKey, msPerUnit });
}

/** Of a path that is one key. */
function onlyKey(text: string): string | undefined {
  const [key, ...rest] = checkedPath(text);
  return typeof key === "string" && rest.length === 0 ? key : undefined;
}

function checkedPath(text: string): JsonPath {
  const path = parseJsonPath(text);
  if (path === undefined) throw new Error(`invariant: ${text} is no path`);
  return path;
}

function find(element: unknown, path: JsonPath): unknown {
  return element instanceof FlatJson ? element.get(String(path[0])) : valueAt(element, path);
}

function findAround(element: unknown, around: readonly unknown[], path: JsonPath): unknown {
  let found = find(element, path);
  for (let level = 0; found === undefined && level < around.length; level += 1)
    found = valueAt(around[level], path);
  return found;
}
