import type { Lane } from "@millrace/stream";
import type { Hello, StoreRun } from "@millrace/wire";

/** The runs that wrote the copy of a store which an epoch belongs to, oldest first, as its last hello told them. */
export interface EpochRuns {
  readonly epoch: number;
  readonly runs: readonly StoreRun[];
}

export interface Divergence {
  /** The first run that only the known copy has: whether what arrived is its own is for the caller to tell. */
  readonly theirs: StoreRun | undefined;
  /**
   * Per lane the first sequence that the copies do not have in common; undefined when neither shows where they part, or
   * too much happened since to tell.
   */
  readonly shared: Readonly<Record<Lane, number>> | undefined;
}

/**
 * Where a store that says hello parts from the copy of it that central knows. A run appends in one copy only, so that
 * two copies are the same, batch for batch, up to where the first run begins that is not in both.
 */
export function divergence(known: readonly StoreRun[], hello: Hello): Divergence {
  const runs = hello.runs ?? [];
  const last = runs.findLastIndex(({ run }) => known.some((other) => other.run === run));
  if (last === -1) return { theirs: undefined, shared: undefined };
  const own = runs.at(last + 1);
  const theirs = known.at(known.findIndex(({ run }) => run === runs[last].run) + 1);
  if (own === undefined && theirs === undefined) return { theirs, shared: undefined };
  const first = (lane: Lane) =>
    Math.min(own?.from[lane] ?? Infinity, theirs?.from[lane] ?? Infinity, hello.lanes[lane].next);
  const shared = {
    alarm: first("alarm"),
    live: first("live"),
    backfill: first("backfill"),
    evidence: first("evidence"),
  };
  return { theirs, shared };
}
