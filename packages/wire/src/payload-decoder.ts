import type { Quality } from "@millrace/stream";
import { type JsonPath, parseJsonPath, valueAt } from "./json-path.ts";
import { parseSourceTime, type TimeUnit } from "./source-time.ts";

/** How a sensor's payload is read; the paths are JSON paths such as `$.a.b[0]`. */
export type PayloadSpec =
  | { readonly kind: "number" }
  | {
      readonly kind: "json";
      readonly value: string;
      readonly time?: { readonly path: string; readonly unit: TimeUnit };
      readonly quality?: QualitySpec;
    };

/** Which values mean what; every other one is bad, a missing one is uncertain. */
export interface QualitySpec {
  readonly path: string;
  /** Default: DEFAULT_GOOD. */
  readonly good?: readonly (string | number | boolean)[];
  /** Default: DEFAULT_UNCERTAIN. */
  readonly uncertain?: readonly (string | number | boolean)[];
}

/** 192 and 64 are OPC's numbers. */
export const DEFAULT_GOOD: readonly (string | number | boolean)[] = ["good", "Good", "GOOD", 192, true];
export const DEFAULT_UNCERTAIN: readonly (string | number | boolean)[] = [
  "uncertain",
  "Uncertain",
  "UNCERTAIN",
  64,
];

export type Decoded =
  | {
      readonly ok: true;
      /** Finite. */
      readonly value: number;
      /** Null when the payload is not asked for a time: the time of arrival stands in. */
      readonly timeMs: number | null;
      /** The source's time below the millisecond, ns: part of a reading's identity. */
      readonly timeSubMsNs: number;
      readonly quality: Quality;
    }
  | { readonly ok: false; readonly reason: DecodeFailure; readonly detail: string };

export type DecodeFailure = "malformed" | "not_finite" | "bad_time";

/** Decimal notation only: no hex, no "NaN", no "Infinity", nothing behind the number. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const SHOWN_LENGTH_MAX = 64;

/** Reads one payload. Never throws; the caller bounds the size of `bytes`. */
export function decodePayload(spec: PayloadSpec, bytes: Uint8Array): Decoded {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    return failure("malformed", "not UTF-8");
  }
  if (spec.kind === "number") return decoded(text.trim(), null, 0, "good");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return failure("malformed", `not JSON: ${shown(text)}`);
  }
  const paths = pathsOf(spec);
  if (paths === undefined) return failure("malformed", "the configured path is not a JSON path");
  const value = valueAt(json, paths.value);
  if (typeof value !== "number" && typeof value !== "string") {
    return failure("malformed", `no number at ${spec.value}: ${shown(text)}`);
  }
  const quality =
    paths.quality === undefined ? "good" : readQuality(valueAt(json, paths.quality), spec.quality);
  if (spec.time === undefined || paths.time === undefined) return decoded(value, null, 0, quality);
  const time = parseSourceTime(valueAt(json, paths.time), spec.time.unit);
  if (time === undefined)
    return failure("bad_time", `no time in ${spec.time.unit} at ${spec.time.path}: ${shown(text)}`);
  return decoded(value, time.timeMs, time.subMsNs, quality);
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

interface SpecPaths {
  readonly value: JsonPath;
  readonly time: JsonPath | undefined;
  readonly quality: JsonPath | undefined;
}

/** Parsed once per spec, for as long as the spec lives. */
const parsedPaths = new WeakMap<PayloadSpec, SpecPaths | "unusable">();

function pathsOf(spec: Extract<PayloadSpec, { kind: "json" }>): SpecPaths | undefined {
  let paths = parsedPaths.get(spec);
  if (paths === undefined) {
    const value = parseJsonPath(spec.value);
    const time = spec.time && parseJsonPath(spec.time.path);
    const quality = spec.quality && parseJsonPath(spec.quality.path);
    const isUsable = value && (time || !spec.time) && (quality || !spec.quality);
    paths = isUsable ? { value, time, quality } : "unusable";
    parsedPaths.set(spec, paths);
  }
  return paths === "unusable" ? undefined : paths;
}

function decoded(
  source: string | number,
  timeMs: number | null,
  timeSubMsNs: number,
  quality: Quality,
): Decoded {
  if (typeof source === "string" && !NUMBER.test(source))
    return failure("malformed", `not a number: ${shown(source)}`);
  const value = Number(source);
  if (!Number.isFinite(value))
    return failure("not_finite", `beyond the greatest number: ${shown(String(source))}`);
  return { ok: true, value, timeMs, timeSubMsNs, quality };
}

function readQuality(value: unknown, spec: QualitySpec | undefined): Quality {
  if (value === undefined || value === null) return "uncertain";
  if ((spec?.good ?? DEFAULT_GOOD).some((known) => known === value)) return "good";
  if ((spec?.uncertain ?? DEFAULT_UNCERTAIN).some((known) => known === value)) return "uncertain";
  return "bad";
}

function failure(reason: DecodeFailure, detail: string): Decoded {
  return { ok: false, reason, detail };
}

function shown(text: string): string {
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}
