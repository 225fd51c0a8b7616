import type { Labels } from "@millrace/stream";
import type { RowPosition } from "@millrace/wire";
import { StoredJson } from "../../store/stored-json.ts";

/** What is remembered of a table's row until the windows that it may be in are final. */
export interface KeptRow {
  readonly position: RowPosition | null;
  /** Event time up to which it is kept: no change that has been taken is of a later time. */
  readonly keptMs: number;
  /** What of it is in windows; null: nothing, it was deleted or cannot be read. */
  readonly contribution: RowContribution | null;
}

export interface RowContribution {
  readonly timeMs: number;
  /** Number of the groupings that its windows had then (groupings.ts). */
  readonly groupings: number;
  /** By metric; one without a value is not there. */
  readonly measures: Readonly<Record<string, { readonly value: number; readonly labels: Labels }>>;
}

/** Rows in the store. */
export const KEPT_ROWS = new StoredJson<KeptRow>({
  position: ["null", { order: ["number"], isExact: "boolean", "toldLsn?": "number" }],
  keptMs: "number",
  contribution: [
    "null",
    {
      timeMs: "number",
      groupings: "number",
      measures: { "*": { value: "number", labels: { "*": "string" } } },
    },
  ],
});
