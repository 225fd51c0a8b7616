import type { EventTimeMs, TimeRange } from "./event-time.ts";

/** The lanes that readings and alarms travel in: those that a frontier speaks of. */
export const FRONTIER_LANES = ["alarm", "live", "backfill"] as const;
export type FrontierLane = (typeof FRONTIER_LANES)[number];

/** The priority classes of the outbox, the most urgent first; their numbers are on the wire and on disk. */
export const LANES = [...FRONTIER_LANES, "evidence"] as const;
export type Lane = (typeof LANES)[number];

/** Most pending ranges a frontier carries; more are merged with their nearest neighbour. */
export const PENDING_RANGES_MAX = 16;

/**
 * How far one agent's data is complete: everything older than the watermark has been handed over, but for the pending
 * ranges. Valid once the receiver holds the sequences it names. A greater (epoch, number) replaces a smaller one.
 */
export interface Frontier {
  readonly epoch: number;
  readonly number: number;
  /** Promise: no reading older than this is expected. Monotone. `null` before the first reading. */
  readonly watermarkMs: EventTimeMs | null;
  /** Every series is idle: the watermark follows the agent's clock instead of readings. */
  readonly isIdle: boolean;
  /** False while the agent's clock is not known to be right. */
  readonly isClockSynchronised: boolean;
  /**
   * Event time of what still waits in the backfill lane: of panes, and of word that some were given up. Disjoint,
   * ascending, at most PENDING_RANGES_MAX.
   */
  readonly pending: readonly TimeRange[];
  /** Last sequence, per lane, that must be held before this frontier counts; 0 asks for nothing. */
  readonly holds: Readonly<Record<FrontierLane, number>>;
}

/** Whether an agent has handed over everything of `[startMs, endMs)`. */
export function hasPassed(
  frontier: Pick<Frontier, "watermarkMs" | "pending">,
  startMs: EventTimeMs,
  endMs: EventTimeMs,
): boolean {
  return (
    frontier.watermarkMs !== null && frontier.watermarkMs >= endMs && !isPending(frontier, startMs, endMs)
  );
}

/** Whether some of `[startMs, endMs)` still waits in the agent's backfill lane. */
export function isPending(
  frontier: Pick<Frontier, "pending">,
  startMs: EventTimeMs,
  endMs: EventTimeMs,
): boolean {
  return overlapsAny(frontier.pending, startMs, endMs);
}

/** Whether some of `[startMs, endMs)` lies in one of the ranges. */
export function overlapsAny(ranges: readonly TimeRange[], startMs: EventTimeMs, endMs: EventTimeMs): boolean {
  return ranges.some((range) => range.startMs < endMs && startMs < range.endMs);
}

/** Negative when `a` is the older. */
export function compareFrontiers(
  a: Pick<Frontier, "epoch" | "number">,
  b: Pick<Frontier, "epoch" | "number">,
): number {
  return a.epoch - b.epoch || a.number - b.number;
}
