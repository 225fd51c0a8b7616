import type { HistoryLevel } from "@millrace/stream";
import { StoredJson } from "../store/stored-json.ts";

/** What is kept of a level, and what was dropped of it since the store began. */
export interface LevelTotals {
  readonly bytes: number;
  /** Every chunk that begins before this is dropped; null: none is. */
  readonly keptFromMs: number | null;
  /** Buckets dropped because they were too old, and because there was no room. */
  readonly droppedByAge: number;
  readonly droppedBySize: number;
}

export type HistoryTotals = Readonly<Record<HistoryLevel["name"], LevelTotals>>;

const LEVEL = {
  bytes: "number",
  keptFromMs: ["null", "number"],
  droppedByAge: "number",
  droppedBySize: "number",
} as const;

export const HISTORY_TOTALS = new StoredJson<HistoryTotals>({
  "1s": LEVEL,
  "10s": LEVEL,
  "1m": LEVEL,
  "1h": LEVEL,
  "1d": LEVEL,
});

export const NO_TOTALS: LevelTotals = { bytes: 0, keptFromMs: null, droppedByAge: 0, droppedBySize: 0 };

export function emptyTotals(): Record<HistoryLevel["name"], LevelTotals> {
  return { "1s": NO_TOTALS, "10s": NO_TOTALS, "1m": NO_TOTALS, "1h": NO_TOTALS, "1d": NO_TOTALS };
}
