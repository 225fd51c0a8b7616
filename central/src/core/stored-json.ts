import type { Change } from "@millrace/queue";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The change that stores a value as JSON. */
export function putJson(key: Uint8Array, value: object): Change {
  return { type: "put", key, value: encoder.encode(JSON.stringify(value)) };
}

/**
 * Reads what `putJson` wrote. The store belongs to this program, which wrote the value in the shape of its type; a
 * value that is not JSON is corruption and throws.
 */
export function readJson<Value>(bytes: Uint8Array): Value {
  const value: Value = JSON.parse(decoder.decode(bytes));
  return value;
}
