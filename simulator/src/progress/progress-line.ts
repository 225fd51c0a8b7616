import { formatDuration } from "./format-duration.ts";
import type { RunProgress } from "./run-progress.ts";

export interface ProgressLineOptions {
  readonly now: RunProgress;
  readonly before: RunProgress;
  /** Between the two. */
  readonly elapsedMs: number;
  /** As of `TimeLeft`. */
  readonly leftMs: number | null;
}

/** Where a run stands, in one line, what matters most first: it may be cut to a terminal. */
export function progressLine({ now, before, elapsedMs, leftMs }: ProgressLineOptions): string {
  const rate = Math.round(((now.generated - before.generated) * 1_000) / Math.max(1, elapsedMs));
  const parts = [
    `${rate.toLocaleString("en-US")} ${now.makes}/s`,
    ...(leftMs === null ? [] : [`${formatDuration(leftMs)} left`]),
    `${now.generated.toLocaleString("en-US")} made`,
  ];
  if (now.acked !== null)
    parts.push(
      `${now.acked.toLocaleString("en-US")} acknowledged`,
      `${now.waiting.toLocaleString("en-US")} waiting`,
    );
  if (now.onTheWay > 0) parts.push(`${now.onTheWay.toLocaleString("en-US")} on their way`);
  if (now.lost > 0) parts.push(`${now.lost.toLocaleString("en-US")} lost`);
  if (now.acked !== null) parts.push(`${formatDuration(now.lagMs)} behind`);
  if (now.connected !== null) parts.push(`${now.connected.count} of ${now.connected.of} connected`);
  return parts.join(", ");
}
