import type { Change, Entry, RangeOptions, Store } from "@millrace/queue";

/**
 * A store in memory whose commits can be made to fail, or to succeed and say nothing more: a crash right before or
 * right after the commit. Several lives of central share one `disk`.
 */
export class CrashingStore implements Store {
  readonly disk: Map<string, Uint8Array>;
  commitCount = 0;
  /** Decides on each commit, by its number from 1. */
  fate: (commit: number) => "done" | "refused" | "crash_before" | "crash_after" = () => "done";

  constructor(disk = new Map<string, Uint8Array>()) {
    this.disk = disk;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.disk.get(hex(key));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.disk.get(hex(key)));
  }

  async commit(changes: readonly Change[]): Promise<void> {
    this.commitCount += 1;
    const fate = this.fate(this.commitCount);
    if (fate === "refused") throw new Error("the disk is full");
    if (fate === "crash_before") return new Promise(() => {});
    for (const change of changes) {
      if (change.type === "put") this.disk.set(hex(change.key), change.value);
      else this.disk.delete(hex(change.key));
    }
    if (fate === "crash_after") return new Promise(() => {});
  }

  async *range(options: RangeOptions): AsyncIterable<Entry> {
    const keys = [...this.disk.keys()].filter((key) => hex(options.from) <= key && key < hex(options.to)).sort();
    if (options.isReverse === true) keys.reverse();
    for (const key of keys.slice(0, options.limit)) {
      const value = this.disk.get(key);
      if (value !== undefined) yield { key: new Uint8Array(Buffer.from(key, "hex")), value };
    }
  }

  async compact(): Promise<void> {}
  async close(): Promise<void> {}
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
