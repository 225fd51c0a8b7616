import type { ReadAhead } from "./read-ahead.ts";
import type { LogPosition } from "./uplink-log.ts";

export interface CatchUpOptions {
  readonly readAhead: ReadAhead;
  /** Behind what has been taken of a partition. */
  readonly nextOf: (partition: number) => number;
  /** Nothing more is to be fetched of it, or again. */
  readonly hold: (partition: number, isHeld: boolean) => void;
  /** How long one that gives nothing holds the others back. */
  readonly patienceMs: number;
}

/**
 * What was in the log when it was first looked at, and whether all of it has been taken. Where what is read is new to central's
 * state, all partitions are read together until then, by the time of their records: where partitions were added, what an agent
 * wrote lies in several, and read in another order its older batches would count as gone. One that cannot be read for too long
 * is left out: the others go on, and it has still to be caught up with.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  /** By partition: behind what was there when it was first looked at. Null: not yet looked at. */
  #goals: Map<number, number> | null = null;
  #isInOrder = false;
  #isThere = false;
  /** Partitions that are ahead of the others. */
  readonly #held = new Set<number>();
  /** Partitions that nothing has come of while others waited for them: since when. */
  readonly #missingSinceMs = new Map<number, number>();
  readonly #leftOut = new Set<number>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  begin(isInOrder: boolean): void {
    this.#isInOrder = isInOrder;
    this.order();
  }

  /** All has been taken once, but for what was left out. */
  get isOpen(): boolean {
    return this.#isThere;
  }

  get isDone(): boolean {
    return this.#isThere && this.#leftOut.size === 0;
  }

  /** By the time of its records. */
  get isInOrder(): boolean {
    return this.#isInOrder;
  }

  /** Partitions as far as they are known; null: nobody has looked yet. */
  get partitions(): readonly number[] | null {
    return this.#goals === null ? null : [...this.#goals.keys()];
  }

  get leftOut(): readonly number[] {
    return [...this.#leftOut].sort((a, b) => a - b);
  }

  /** What is read of it now was there before. */
  isOld(partition: number): boolean {
    return !this.#isThere || this.#leftOut.has(partition);
  }

  /** A reader begins, that holds nothing back yet. `hasNew`: of some partitions nothing was ever met. */
  looked(hasNew: boolean): void {
    this.#goals ??= new Map();
    this.#isInOrder ||= !this.#isThere && hasNew;
  }

  readAnew(): void {
    this.#held.clear();
  }

  aim(partition: number, endOffset: number, isRemade: boolean): void {
    if (isRemade || this.#goals?.has(partition) === false) this.#goals?.set(partition, endOffset);
  }

  forget(partition: number): void {
    this.#goals?.delete(partition);
    this.#leftOut.delete(partition);
  }

  /** The positions that were taken, with those of all others, so that what comes after a crash goes on in order. */
  ordered(positions: Iterable<LogPosition>): LogPosition[] {
    return Array.from(positions, (position) => ({
      ...position,
      inOrderTo: this.#goals?.get(position.partition),
    }));
  }

  /** To be called when something was read, or taken, and from time to time. Returns what was left out just now. */
  look(monotonicMs: number, hasUntold: boolean): readonly number[] {
    if (this.#goals === null) return [];
    const left = this.#isInOrder ? this.#leaveOut(monotonicMs) : [];
    const behind = this.#behind;
    for (const partition of this.#leftOut) if (!behind.has(partition)) this.#leftOut.delete(partition);
    const isThere = !hasUntold && [...behind].every((partition) => this.#leftOut.has(partition));
    this.#isThere ||= isThere;
    if (this.#isInOrder) {
      if (isThere) this.#isInOrder = false;
      this.order();
    }
    return left;
  }

  order(): void {
    const { readAhead } = this.#options;
    // Before it is known which partitions there are, nothing is read.
    const awaited = [...this.#behind].filter((partition) => !this.#leftOut.has(partition));
    readAhead.order(this.#isInOrder ? new Set(awaited) : null);
    this.holdBack();
  }

  /** Those that are ahead wait for the others; there is room for these. */
  holdBack(): void {
    const { readAhead, hold } = this.#options;
    const partitions = this.partitions ?? [];
    for (const partition of partitions) {
      const isAhead = this.#isInOrder && readAhead.isAhead(partition, partitions.length);
      if (isAhead === this.#held.has(partition)) continue;
      if (isAhead) this.#held.add(partition);
      else this.#held.delete(partition);
      hold(partition, isAhead);
    }
  }

  #leaveOut(monotonicMs: number): number[] {
    const { readAhead, patienceMs } = this.#options;
    const missing = new Set(readAhead.missing);
    for (const partition of this.#missingSinceMs.keys())
      if (!missing.has(partition)) this.#missingSinceMs.delete(partition);
    const left: number[] = [];
    for (const partition of missing) {
      const sinceMs = this.#missingSinceMs.get(partition) ?? monotonicMs;
      this.#missingSinceMs.set(partition, sinceMs);
      if (monotonicMs - sinceMs < patienceMs) continue;
      this.#leftOut.add(partition);
      left.push(partition);
    }
    return left;
  }

  /** Partitions that have not been taken to their goals. */
  get #behind(): ReadonlySet<number> {
    const goals = [...(this.#goals ?? [])].filter(
      ([partition, goal]) => this.#options.nextOf(partition) < goal,
    );
    return new Set(goals.map(([partition]) => partition));
  }
}
