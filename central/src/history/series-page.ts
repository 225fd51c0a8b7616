import type { Labels } from "@millrace/stream";

export interface SeriesQuery {
  readonly metric: string;
  /** The labels that it is grouped by; null: the fewest that have all labels of `group`. */
  readonly by: readonly string[] | null;
  /** Labels that a group must have. */
  readonly group: Labels;
  readonly fromMs: number;
  readonly toMs: number;
  /** Null: as `maxPoints` says. */
  readonly stepMs: number | null;
  readonly maxPoints: number;
  /** By the names that windows give them; null: the usual ones. */
  readonly values: readonly string[] | null;
  /** Most groups. */
  readonly limit: number;
  /** Where an earlier page ended. */
  readonly cursor: string | null;
}

export interface SeriesPage {
  readonly metric: string;
  readonly by: readonly string[];
  /** Of each point, from a multiple of it since 1970, UTC. */
  readonly stepMs: number;
  /** The level that answered. */
  readonly level: string;
  /** Before this that level tells nothing: it was dropped, or panes were longer than its buckets; null: it has all. */
  readonly keptFromMs: number | null;
  /** From here on late data waits to be rolled up, within about a minute; null: none does. */
  readonly pendingFromMs: number | null;
  /** By group; those without a point in the range are left out. */
  readonly series: readonly SeriesColumns[];
  /** Null at the end. */
  readonly cursor: string | null;
}

export interface SeriesColumns {
  readonly labels: Labels;
  /** Ascending; only steps in which something is. */
  readonly startMs: readonly number[];
  /** By name, one for each start; null where there is no such value. */
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
}
