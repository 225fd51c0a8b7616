/** What a sink does, and what has become of the revisions that were published to it since the start. */
export interface SinkView {
  readonly sink: string;
  readonly state: "connecting" | "up" | "rebuilding" | "down" | "stopped";
  /** Why it is down; empty where it is not. */
  readonly reason: string;
  /** Of why it is down: a code of docs/errors.md. */
  readonly code: string;
  /** Windows, or alarms, whose latest revision waits. */
  readonly waiting: number;
  /** How long the longest of them waits; 0 where none does. */
  readonly waitingMs: number;
  /** Revisions that were left out while too much waited, and are still to be read from the history; of a window only the latest is. */
  readonly owed: number;
  /** For how long something is to be read from there, be it those or, after a start or a loss, all of it; 0 where nothing is. */
  readonly owedMs: number;
  readonly outcomes: Readonly<Record<SinkOutcome, number>>;
  /** How often something, or all, of the history was read again. */
  readonly rebuilds: number;
  readonly failures: Readonly<Record<string, number>>;
}

/**
 * `written`; `stale`: the target held a later one; `superseded`: a later revision came while it waited; `expired`: its window is
 * past the sink's retention; `deferred`: too much waited, so it comes from the history; `refused`: the other side does not want it,
 * and is not asked again.
 */
export const SINK_OUTCOMES = ["written", "stale", "superseded", "expired", "deferred", "refused"] as const;
export type SinkOutcome = (typeof SINK_OUTCOMES)[number];
