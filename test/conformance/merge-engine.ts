import type { ApplyOutcome, Frontier, Membership, PaneRows, TimeRange, WindowResult } from "@millrace/stream";

/**
 * What the cases ask of an engine: deltas, frontiers and the clock in, revisions of windows out. Calls come one after
 * another; an engine in another process answers with promises.
 */
export interface MergeEngine {
  setMembership(membership: Membership): void | Promise<void>;
  setFrontier(agent: string, frontier: Frontier): void | Promise<void>;
  setLost(agent: string, lost: readonly TimeRange[]): void | Promise<void>;
  apply(rows: PaneRows, nowMs: number): ApplyOutcome | Promise<ApplyOutcome>;
  /** What is published now. `trustedMs`: whether a lateness is over. */
  tick(nowMs: number, trustedMs: number): readonly WindowResult[] | Promise<readonly WindowResult[]>;
  /** What a query is told of all windows: the last published results, and values of now where they are outdated. */
  computed(nowMs: number): readonly WindowResult[] | Promise<readonly WindowResult[]>;
  /** Stops, and goes on from what it has stored. */
  restart(): void | Promise<void>;
}
