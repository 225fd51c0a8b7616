import { StoredJson } from "../store/stored-json.ts";
import { FILLED_FROM_SHAPE } from "./filled-from.ts";
import type { FilledFrom } from "./filled-from.ts";

/** What is stored of a series of the history. */
export interface SeriesRecord {
  readonly metric: string;
  readonly by: readonly string[];
  /** Every block before this has been rolled up at least once; null: none has. */
  readonly rolledToMs: number | null;
  /** Panes that begin before this may have been dropped; null: none has. Absent in the store of an earlier build. */
  readonly droppedToMs?: number | null;
  /** The size of its panes; null: they were longer than a day meanwhile. Absent in the store of an earlier build. */
  readonly paneMs?: number | null;
  /** Absent in the store of an earlier build. */
  readonly filledFromMs?: FilledFrom;
}

export const SERIES = new StoredJson<SeriesRecord>({
  metric: "string",
  by: ["string"],
  rolledToMs: ["null", "number"],
  "droppedToMs?": ["null", "number"],
  "paneMs?": ["null", "number"],
  "filledFromMs?": FILLED_FROM_SHAPE,
});
