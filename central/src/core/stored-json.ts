import type { Change } from "@millrace/queue";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Values of one kind in central's store, as JSON. The store is this program's own and holds what it wrote in this shape;
 * bytes that are not JSON are corruption, and reading them throws.
 */
export class StoredJson<Value extends object> {
  put(key: Uint8Array, value: Value): Change {
    return { type: "put", key, value: encoder.encode(JSON.stringify(value)) };
  }

  read(bytes: Uint8Array): Value {
    const value: Value = JSON.parse(decoder.decode(bytes));
    return value;
  }
}
