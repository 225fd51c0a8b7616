import type { Change } from "@millrace/queue";

export interface KeptRecordsOptions {
  /** A commit is to follow: at once, or with the next lazy one. */
  wake(isUrgent: boolean): void;
  /** Resolves after the next commit, which comes at once. */
  committed(): Promise<void>;
}

/**
 * Records that change more often than there are commits: each commit takes what they are then, and one that came and went
 * between two of them is never written.
 */
export class KeptRecords {
  readonly #options: KeptRecordsOptions;
  /** By key: what is to be written; null: to be deleted. */
  #waiting = new Map<string, (() => Uint8Array) | null>();
  /** In the commit that is under way. */
  #written: ReadonlyMap<string, unknown> = new Map();
  /** What the store holds, or will once the commit that is under way is durable. */
  readonly #stored = new Set<string>();

  constructor(options: KeptRecordsOptions) {
    this.#options = options;
  }

  /** `value` is asked for when the commit begins. */
  put(
    key: Uint8Array,
    value: () => Uint8Array,
    { isUrgent = true }: { readonly isUrgent?: boolean } = {},
  ): void {
    this.#waiting.set(nameOf(key), value);
    this.#options.wake(isUrgent);
  }

  /** Never urgent: what comes back after a crash was there before it. */
  delete(key: Uint8Array): void {
    const name = nameOf(key);
    if (this.#stored.has(name)) {
      this.#waiting.set(name, null);
      this.#options.wake(false);
    } else this.#waiting.delete(name);
  }

  /** It was found in the store. */
  found(key: Uint8Array): void {
    this.#stored.add(nameOf(key));
  }

  isDurable(key: Uint8Array): boolean {
    const name = nameOf(key);
    return !this.#waiting.has(name) && !this.#written.has(name);
  }

  /** Resolves once all of them are on disk as they are now. */
  async committed(): Promise<void> {
    if (this.#waiting.size > 0 || this.#written.size > 0) await this.#options.committed();
  }

  /** Returns what to call once that is durable. */
  drainInto(changes: Change[]): () => void {
    if (this.#waiting.size === 0) return () => undefined;
    for (const [name, value] of this.#waiting) {
      const key = Buffer.from(name, "latin1");
      if (value === null) {
        changes.push({ type: "del", key });
        this.#stored.delete(name);
      } else {
        changes.push({ type: "put", key, value: value() });
        this.#stored.add(name);
      }
    }
    this.#written = this.#waiting;
    this.#waiting = new Map();
    return () => {
      this.#written = new Map();
    };
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
