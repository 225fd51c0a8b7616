/**
 * An ordered key-value store: LevelDB in a process, memory (with a durable and a volatile part) in simulation.
 * The one seam between Millrace and the disk. Keys order by unsigned bytes. One process holds a store at a time.
 */
export interface Store {
  /**
   * A value that is not what was written reads as no bytes; nothing of no bytes is ever written. Reads reject with
   * `store_read`, or with `store_corrupt` where the store cannot even tell what is there.
   */
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** All changes or none. With `isSync`, resolves once they survive a power cut. Rejects with `store_write` on failure. */
  commit(changes: readonly Change[], options: { readonly isSync: boolean }): Promise<void>;
  /** Entries with `from <= key < to`, ascending, as of the call; ends early after `limit`. */
  range(options: RangeOptions): AsyncIterable<Entry>;
  /** Gives disk space of deleted ranges back; for idle time. */
  compact(from: Uint8Array, to: Uint8Array): Promise<void>;
  /**
   * After a failed commit a store may refuse every further one until it is opened again. What was committed stays; where
   * it does not, it rejects with an error that is never to be retried.
   */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export type Change =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface RangeOptions {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly limit?: number;
  readonly isReverse?: boolean;
}
