import type { Change } from "@millrace/queue";

export interface KeptRecordsOptions {
  /** A commit is to follow: at once, or with the next lazy one. */
  wake(isUrgent: boolean): void;
  /** Resolves after the next commit, which comes at once. */
  committed(): Promise<void>;
}

interface Waiting {
  /** Null: it is to be deleted. */
  readonly value: (() => Uint8Array) | null;
  readonly isPromised: boolean;
}

/**
 * Records that change more often than there are commits: each commit takes what they are then, and one that came and went
 * between two of them is never written.
 */
export class KeptRecords {
  readonly #options: KeptRecordsOptions;
  /** By key. */
  #waiting = new Map<string, Waiting>();
  /** In the commit that is under way. */
  #written: ReadonlyMap<string, Waiting> = new Map();
  /** What the store holds, or will once the commit that is under way is durable. */
  readonly #stored = new Set<string>();

  constructor(options: KeptRecordsOptions) {
    this.#options = options;
  }

  /** `value` is asked for when the commit begins. `isPromised`: somebody is told only once it is durable. */
  put(
    key: Uint8Array,
    value: () => Uint8Array,
    {
      isUrgent = true,
      isPromised = true,
    }: { readonly isUrgent?: boolean; readonly isPromised?: boolean } = {},
  ): void {
    const name = nameOf(key);
    const before = this.#waiting.get(name);
    this.#waiting.set(name, { value, isPromised: isPromised || before?.isPromised === true });
    this.#options.wake(isUrgent);
  }

  /** Never urgent: what comes back after a crash was there before it. */
  delete(key: Uint8Array): void {
    const name = nameOf(key);
    if (this.#stored.has(name)) {
      this.#waiting.set(name, { value: null, isPromised: true });
      this.#options.wake(false);
    } else this.#waiting.delete(name);
  }

  /** It was found in the store. */
  found(key: Uint8Array): void {
    this.#stored.add(nameOf(key));
  }

  /** What was promised of it. */
  isDurable(key: Uint8Array): boolean {
    const name = nameOf(key);
    return ![this.#waiting, this.#written].some((records) => records.get(name)?.isPromised);
  }

  /** Resolves once all of them are on disk as they are now. */
  async committed(): Promise<void> {
    if (this.#waiting.size > 0 || this.#written.size > 0) await this.#options.committed();
  }

  /** Returns what to call once that is durable. */
  drainInto(changes: Change[]): () => void {
    if (this.#waiting.size === 0) return () => undefined;
    for (const [name, { value }] of this.#waiting) {
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
