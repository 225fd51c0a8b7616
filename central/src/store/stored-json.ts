import type { Change } from "@millrace/queue";
import { hasShape } from "./shape.ts";
import type { Shape } from "./shape.ts";

const decoder = new TextDecoder();

/** Values of one kind in central's store, as JSON. */
export class StoredJson<Value extends object> {
  readonly #shape: Shape;

  /** @param shape what of a value must be right for the program to work with it. */
  constructor(shape: Shape) {
    this.#shape = shape;
  }

  put(key: Uint8Array, value: Value): Extract<Change, { readonly type: "put" }> {
    return { type: "put", key, value: Buffer.from(JSON.stringify(value)) };
  }

  /** Null where the bytes are not such a value: they were damaged. */
  read(bytes: Uint8Array): Value | null {
    try {
      const value: Value = JSON.parse(decoder.decode(bytes));
      return hasShape(value, this.#shape) ? value : null;
    } catch {
      return null;
    }
  }
}
