import type { LogEntry, LogStart, LogTurn, LogView, UplinkLog } from "./uplink-log.ts";

/**
 * The log that central's own store is. A commit holds a batch's effect and its sequence, synced, before it is acknowledged:
 * LevelDB's write-ahead log has it, in segments that are deleted once its tables do. A log of batches before that would
 * write each byte twice, and the agents keep the batches until then (docs/decisions/embedded-log.md).
 */
export class EmbeddedLog implements UplinkLog {
  readonly isApart = false;
  readonly hasRoom = true;
  readonly isCaughtUp = true;
  readonly takenToMs: number = Infinity;
  #waiting: LogEntry[] = [];
  #appendedEntries = 0;

  start(_options: LogStart): void {}

  append(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#waiting.push(entry);
    this.#appendedEntries += entries.length;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** All of it: the intake has kept to the bounds of a commit. */
  take(): LogTurn {
    const entries = this.#waiting;
    this.#waiting = [];
    return { entries, positions: [], gaps: [], strange: [] };
  }

  get view(): LogView {
    const appendedEntries = this.#appendedEntries;
    return {
      kind: "embedded",
      state: "up",
      reason: "",
      lag: {},
      leftOut: [],
      waitingBytes: 0,
      appendedEntries,
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
