import type { HistoryLevel } from "@millrace/stream";

/** How much of each level is kept: whichever is reached first. */
export type HistoryLimits = Readonly<
  Record<HistoryLevel["name"], { readonly retainMs: number; readonly bytesMax: number }>
>;
