import { Payload, type PayloadSpec, payloadDecoder } from "@millrace/wire";
import { csvValues } from "./csv-values.ts";
import { influxValues } from "./influx-values.ts";
import { jsonValues } from "./json-values.ts";
import { senmlValues } from "./senml-values.ts";

/** A number that can be read from payloads. */
export interface ReadableValue {
  /** Null: the payload tells none that means something. */
  readonly name: string | null;
  /** Null: the payload tells none. */
  readonly unit: string | null;
  readonly payload: PayloadSpec;
}

/** How payloads of a topic can be read, as far as a few of them show it. */
export type PayloadShape =
  | { readonly kind: "readable"; readonly values: readonly ReadableValue[] }
  | { readonly kind: "unknown"; readonly why: string };

const NUMBER: PayloadSpec = { kind: "number" };
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
  if (samples.every((sample) => canRead(NUMBER, sample, nowMs)))
    return { kind: "readable", values: [{ name: null, unit: null, payload: NUMBER }] };
  const jsons = texts.map(parsed);
  const isJson = jsons.every((json) => json !== undefined);
  const [strict, loose] = isJson
    ? [senmlValues(samples, nowMs), jsonValues(jsons, nowMs)]
    : [influxValues(samples, nowMs), csvValues(texts, nowMs)];
  const values = strict.length > 0 ? strict : loose;
  // What no decoder can read is not suggested; messages of SenML and line protocol may each bring something else.
  const readable = values
    .filter(({ payload }) => samples.some((sample) => canRead(payload, sample, nowMs)))
    .slice(0, VALUES_MAX);
  if (samples.every((sample) => readable.some(({ payload }) => canRead(payload, sample, nowMs))))
    return { kind: "readable", values: readable };
  return { kind: "unknown", why: isJson ? whyNot(jsons) : "neither a number, JSON, line protocol nor CSV" };
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function canRead(spec: PayloadSpec, sample: Uint8Array, nowMs: number): boolean {
  return payloadDecoder(spec)
    .decode(new Payload(sample, nowMs))
    .some(({ ok }) => ok);
}

function whyNot(jsons: readonly ({ readonly value: unknown } | undefined)[]): string {
  const values = jsons.map((json) => json?.value);
  if (values.some((value) => typeof value !== "object" || value === null))
    return "neither a number nor a JSON object";
  return values.some(Array.isArray)
    ? "a JSON list without a number in every message"
    : "JSON without a number in every message";
}
