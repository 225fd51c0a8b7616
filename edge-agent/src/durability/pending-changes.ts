import type { Change } from "@millrace/queue";

/** Changes of the store that the next commit takes along. */
export class PendingChanges {
  #next: Change[] = [];

  /** Those of the next commit; whoever has some to make appends them. */
  get next(): Change[] {
    return this.#next;
  }

  push(change: Change): void {
    this.#next.push(change);
  }

  /** A commit begins: what comes from here on is of the one after it. */
  take(): Change[] {
    const changes = this.#next;
    this.#next = [];
    return changes;
  }
}
