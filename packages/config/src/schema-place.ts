import { z } from "zod";
import type { KeyPath } from "./yaml-source.ts";
import { phraseOf } from "./schema-types.ts";

/** The schema without what only says "may be missing" or "is turned into something else". */
export function unwrap(schema: z.ZodType): z.ZodType {
  // Where a leaf has said what it takes, the wrapping below is its own business.
  if (phraseOf(schema) !== undefined) return schema;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(asType(schema.def.innerType));
  }
  if (schema instanceof z.ZodPipe) return unwrap(asType(schema.def.in));
  return schema;
}

/** The schema of the place, seen through its wrappers; undefined where the schema has no such place. */
export function schemaAt(schema: z.ZodType, path: KeyPath): z.ZodType | undefined {
  const here = unwrap(schema);
  const [step, ...rest] = path;
  if (step === undefined) return here;
  if (here instanceof z.ZodObject) {
    const next: unknown = Object.hasOwn(here.shape, step) ? here.shape[String(step)] : undefined;
    return next instanceof z.ZodType ? schemaAt(next, rest) : undefined;
  }
  if (here instanceof z.ZodRecord) return schemaAt(asType(here.valueType), rest);
  if (here instanceof z.ZodArray) return schemaAt(asType(here.element), rest);
  if (here instanceof z.ZodTuple) {
    const item = here.def.items[Number(step)];
    return item === undefined ? undefined : schemaAt(asType(item), rest);
  }
  if (here instanceof z.ZodPipe) return schemaAt(asType(here.def.in), path);
  // In the first choice that has the place.
  if (here instanceof z.ZodUnion)
    return here.options.map((choice) => schemaAt(asType(choice), path)).find((found) => found !== undefined);
  return undefined;
}

/** The end of "it must be …". */
export function takesAt(schema: z.ZodType): string {
  const here = unwrap(schema);
  const phrase = phraseOf(here);
  if (phrase !== undefined) return phrase;
  if (here instanceof z.ZodObject) {
    const keys = Object.keys(here.shape);
    return `a map with the key${keys.length === 1 ? "" : "s"} ${keys.join(", ")}`;
  }
  if (here instanceof z.ZodRecord) return "a map from names to settings";
  if (here instanceof z.ZodArray) return `a list; each entry must be ${takesAt(asType(here.element))}`;
  throw new Error(`invariant: a configuration leaf of type ${here.def.type} does not say what it takes`);
}

export function asType(schema: unknown): z.ZodType {
  if (schema instanceof z.ZodType) return schema;
  throw new Error("invariant: a configuration schema is built from full zod types only");
}
