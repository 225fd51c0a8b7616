import type { Entry, Store } from "@millrace/queue";
import type { KeyRange } from "../history/history-keys.ts";
import { behind } from "../store/central-keys.ts";

/** What is given back at a time: little, so that commits hardly wait for the store's merging. */
const ROW_KEYS_MAX = 50_000;
const ROW_BYTES_MAX = 16_777_216;
/** Fewer go with what the store merges anyway. */
const ROW_KEYS_MIN = 1_000;

/**
 * Gives the disk space of cleared keys back, beside the commits. By itself LevelDB comes round to it when it likes, and until then
 * whoever looks for the first key there passes over all that is gone: a start, for a second and more.
 */
export class ClearedSpace {
  readonly #store: Store;
  #row: { readonly from: Uint8Array; to: Uint8Array; keyCount: number; bytes: number } | null = null;
  readonly #rows: KeyRange[] = [];
  #merging: Promise<void> | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Deleted by the commit at hand: the key that follows those before. */
  add({ key, value }: Entry): void {
    this.#row ??= { from: key, to: key, keyCount: 0, bytes: 0 };
    this.#row.to = behind(key);
    this.#row.keyCount += 1;
    this.#row.bytes += key.length + value.length;
    if (this.#row.keyCount >= ROW_KEYS_MAX || this.#row.bytes >= ROW_BYTES_MAX) this.endRow();
  }

  /** The next key does not follow. */
  endRow(): void {
    const { keyCount = 0, bytes = 0 } = this.#row ?? {};
    if (this.#row !== null && (keyCount >= ROW_KEYS_MIN || bytes >= ROW_BYTES_MAX))
      this.#rows.push(this.#row);
    this.#row = null;
  }

  /** To be called once that is committed. True: it is under way, and nothing more should be cleared meanwhile. */
  giveBack(): boolean {
    const row = this.#merging === null ? this.#rows.shift() : undefined;
    if (row !== undefined)
      // What cannot be merged now, as at a stop, LevelDB merges some day.
      this.#merging = this.#store
        .compact(row.from, row.to)
        .catch(() => undefined)
        .finally(() => (this.#merging = null));
    return this.#merging !== null;
  }
}
