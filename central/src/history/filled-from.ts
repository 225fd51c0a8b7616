import type { HistoryLevel } from "@millrace/stream";

/**
 * Of a series, the levels that its panes were too long for at some time, and from when on they have had all of it since. A level
 * that is not here has always had all that coarser ones have.
 */
export type FilledFrom = Readonly<Partial<Record<HistoryLevel["name"], number>>>;

export const FILLED_FROM_SHAPE = {
  "1s?": "number",
  "10s?": "number",
  "1m?": "number",
  "1h?": "number",
  "1d?": "number",
} as const;
