import { MemoryStore } from "@millrace/queue";
import type { Change, MemorySnapshot } from "@millrace/queue";

/**
 * A store whose commits can be refused, or can hang before or after they took effect: for whoever waits for them, a
 * crash at that moment. The next life begins with what was durable.
 */
export class CrashingStore extends MemoryStore {
  triedCount = 0;
  /** Decides on each commit, by its number from 1. */
  fate: (commit: number) => "done" | "refused" | "crash_before" | "crash_after" = () => "done";

  constructor(snapshot?: MemorySnapshot) {
    super({}, snapshot);
  }

  override async commit(changes: readonly Change[], options: { readonly isSync: boolean }): Promise<void> {
    this.triedCount += 1;
    const fate = this.fate(this.triedCount);
    if (fate === "refused") this.failNextCommits(1);
    if (fate === "crash_before") return new Promise(() => {});
    await super.commit(changes, options);
    if (fate === "crash_after") return new Promise(() => {});
  }
}
