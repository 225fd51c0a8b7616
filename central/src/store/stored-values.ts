import type { Store } from "@millrace/queue";
import { keysUnder } from "./central-keys.ts";
import type { StoredJson } from "./stored-json.ts";

/** Reads the store's values; one that cannot be read is left out and counted. */
export class StoredValues {
  readonly #store: Store;
  unreadableCount = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async get<Value extends object>(key: Uint8Array, kind: StoredJson<Value>): Promise<Value | null> {
    const bytes = await this.#store.get(key);
    return bytes === undefined ? null : this.#read(bytes, kind);
  }

  /** All with this first byte of their key. */
  async under<Value extends object>(prefix: string, kind: StoredJson<Value>): Promise<Value[]> {
    const found: Value[] = [];
    for await (const { value: bytes } of this.#store.range(keysUnder(prefix))) {
      const value = this.#read(bytes, kind);
      if (value !== null) found.push(value);
    }
    return found;
  }

  #read<Value extends object>(bytes: Uint8Array, kind: StoredJson<Value>): Value | null {
    const value = kind.read(bytes);
    if (value === null) this.unreadableCount += 1;
    return value;
  }
}
