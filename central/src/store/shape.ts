/**
 * What a stored value must look like to be read: the name of a type, `[shape]` for a list, an object for the fields that
 * it must have, `{ "*": shape }` for any names. A name that ends in "?" may be absent; `["null", shape]` may be null.
 */
export type Shape =
  | "string"
  | "number"
  | "boolean"
  | "object"
  | readonly [Shape]
  | readonly ["null", Shape]
  | { readonly [field: string]: Shape };

/** Whether a value that was read from the store has this shape; more fields than that are fine. */
export function hasShape(value: unknown, shape: Shape): boolean {
  if (typeof shape === "string") return typeof value === shape && value !== null;
  if (isList(shape)) {
    if (shape.length === 2) return value === null || hasShape(value, shape[1]);
    return Array.isArray(value) && value.every((each) => hasShape(each, shape[0]));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return Object.entries(shape).every(([name, field]) => {
    if (name === "*") return [...fields.values()].every((each) => hasShape(each, field));
    const key = name.endsWith("?") ? name.slice(0, -1) : name;
    return fields.has(key) ? hasShape(fields.get(key), field) : key !== name;
  });
}

function isList(shape: Shape): shape is readonly [Shape] | readonly ["null", Shape] {
  return Array.isArray(shape);
}
