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
  /** Of the last time that panes were brought into another size, as long as nothing has been dropped since. */
  readonly moved?: MovedSeries;
  /** Other sizes that panes have been brought into since: a start that did so has broken off. */
  readonly passedMs?: readonly number[];
}

/** What is rolled up of panes that were brought into another size may be, in part, of what they were before. */
export interface MovedSeries {
  /** It is made anew from here on. */
  readonly fromMs: number;
  /** At its multiples panes begin of all the sizes, and buckets of what was rolled up before. */
  readonly stepMs: number;
}

export const SERIES = new StoredJson<SeriesRecord>({
  metric: "string",
  by: ["string"],
  rolledToMs: ["null", "number"],
  "droppedToMs?": ["null", "number"],
  "paneMs?": ["null", "number"],
  "filledFromMs?": FILLED_FROM_SHAPE,
  "moved?": { fromMs: "number", stepMs: "number" },
  "passedMs?": ["number"],
});
