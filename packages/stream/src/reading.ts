import type { EventTimeMs } from "./event-time.ts";
import type { Labels } from "./series.ts";

export type Quality = "good" | "uncertain" | "bad";

/** One value of one series at one event time. */
export interface Reading {
  readonly metric: string;
  readonly labels: Labels;
  readonly timeMs: EventTimeMs;
  /** Finite; decoders reject NaN and the infinities. */
  readonly value: number;
  readonly quality: Quality;
  /** False when the source gave no time and the time of arrival stands in: counted at least once, never deduplicated. */
  readonly hasOwnTime: boolean;
}
