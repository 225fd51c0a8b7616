import type { TimeUnit } from "../../source-time.ts";
import type { SourcePosition } from "./source-position.ts";

/** What a change event says. `madeMs`: when the database made the change, by its own clock; null where a snapshot has read it, or nobody says. */
export type RowChange =
  | {
      /** The row is there, as it is now: read by a snapshot, created or updated. */
      readonly kind: "row";
      readonly position: SourcePosition | null;
      readonly madeMs: number | null;
      readonly row: Row;
      /** Columns of it that an update has left as they were, and that are not told: null in the row. */
      readonly unchanged: readonly string[];
      /** How its time is written, where the event's schema says so. */
      readonly timeUnit: TimeUnit | null;
    }
  /** The row is gone. Only its key is to be trusted: of other columns there may be defaults. */
  | {
      readonly kind: "deletion";
      readonly position: SourcePosition | null;
      readonly madeMs: number | null;
      readonly row: Row;
    }
  /** All rows are gone. */
  | { readonly kind: "truncation"; readonly position: SourcePosition | null; readonly madeMs: number | null }
  /** Nothing of any row. */
  | { readonly kind: "other" };

export type Row = Readonly<Record<string, unknown>>;
