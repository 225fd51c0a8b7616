import { HISTORY_LEVELS } from "@millrace/stream";
import type { HistoryLevel } from "@millrace/stream";
import { StoredJson } from "../store/stored-json.ts";
import type { KeptFrom } from "./kept-from.ts";

/** What is kept of a level, and what was dropped of it since the store began. */
export interface LevelTotals {
  readonly bytes: number;
  /** Buckets dropped because they were too old, and because there was no room. */
  readonly droppedByAge: number;
  readonly droppedBySize: number;
  /** In the store of an earlier build: every chunk of all series that begins before this is dropped; null: none is. */
  readonly keptFromMs?: number | null;
}

export type HistoryTotals = Readonly<Record<HistoryLevel["name"], LevelTotals>>;

const LEVEL = {
  bytes: "number",
  droppedByAge: "number",
  droppedBySize: "number",
  "keptFromMs?": ["null", "number"],
} as const;

export const HISTORY_TOTALS = new StoredJson<HistoryTotals>({
  "1s": LEVEL,
  "10s": LEVEL,
  "1m": LEVEL,
  "1h": LEVEL,
  "1d": LEVEL,
});

export const NO_TOTALS: LevelTotals = { bytes: 0, droppedByAge: 0, droppedBySize: 0 };

export function emptyTotals(): Record<HistoryLevel["name"], LevelTotals> {
  return { "1s": NO_TOTALS, "10s": NO_TOTALS, "1m": NO_TOTALS, "1h": NO_TOTALS, "1d": NO_TOTALS };
}

/** Takes out of the totals what those of an earlier build have of all series; null: they are of now. */
export function takeKeptFrom(totals: Record<HistoryLevel["name"], LevelTotals>): KeptFrom | null {
  const { "1s": second, "10s": seconds, "1m": minute, "1h": hour, "1d": day } = totals;
  if (second.keptFromMs === undefined) return null;
  for (const { name } of HISTORY_LEVELS) {
    const { keptFromMs: _, ...rest } = totals[name];
    totals[name] = rest;
  }
  return {
    "1s": second.keptFromMs,
    "10s": seconds.keptFromMs ?? null,
    "1m": minute.keptFromMs ?? null,
    "1h": hour.keptFromMs ?? null,
    "1d": day.keptFromMs ?? null,
  };
}
