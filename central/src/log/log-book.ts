import type { LogGap, LogPosition } from "./uplink-log.ts";

export interface StoredLogPosition extends LogPosition {
  readonly log: string;
}

/** What of the log was gone before it was read, since central's store was made. */
export interface LogLoss {
  /** Places that were passed over. */
  readonly records: number;
  /** Windows that begin before this may lack some of it. */
  readonly untilMs: number;
  readonly lastAtMs: number;
}

/** How far the log is in the state, and what of it never will be. */
export class LogBook {
  readonly #log: string;
  readonly #positions = new Map<number, LogPosition>();
  readonly #dirty = new Set<number>();
  #loss: LogLoss | null;
  #lossInCommit: LogLoss | null;
  #durableLoss: LogLoss | null;
  #isLossDirty = false;

  /** @param log its name: positions in another one say nothing of this one. */
  constructor(log: string, positions: readonly StoredLogPosition[], loss: LogLoss | null) {
    this.#log = log;
    this.#loss = this.#lossInCommit = this.#durableLoss = loss;
    for (const { log: of, ...position } of positions)
      if (of === log) this.#positions.set(position.partition, position);
  }

  get positions(): ReadonlyMap<number, LogPosition> {
    return this.#positions;
  }

  get loss(): LogLoss | null {
    return this.#loss;
  }

  /** The same, as far as it is durable. */
  get durableLoss(): LogLoss | null {
    return this.#durableLoss;
  }

  taken(position: LogPosition): void {
    this.#positions.set(position.partition, position);
    this.#dirty.add(position.partition);
  }

  lost({ from, next, untilMs }: LogGap, nowMs: number): void {
    const { records = 0, untilMs: beforeMs = untilMs } = this.#loss ?? {};
    // A topic that was made anew begins before the place that is gone: how much that was nobody can say.
    const count = Math.max(1, next - from);
    this.#loss = { records: records + count, untilMs: Math.max(beforeMs, untilMs), lastAtMs: nowMs };
    this.#isLossDirty = true;
  }

  /** What was taken is committed. */
  durable(): void {
    this.#durableLoss = this.#lossInCommit;
  }

  /** What changed since the last call, to be committed with all that the entries before these positions did. */
  takeDirty(): { positions: StoredLogPosition[]; loss: LogLoss | null } {
    const positions = [...this.#dirty].flatMap((partition) => {
      const position = this.#positions.get(partition);
      return position === undefined ? [] : { log: this.#log, ...position };
    });
    this.#dirty.clear();
    const loss = this.#isLossDirty ? this.#loss : null;
    this.#isLossDirty = false;
    this.#lossInCommit = this.#loss;
    return { positions, loss };
  }
}
