import type { Logger } from "@millrace/runtime";
import type { WindowEngine } from "@millrace/stream";
import { firstNames } from "../first-names.ts";

/**
 * Says at a start of which windows some are not made any more, and from when on they all are; and of metrics all of whose windows are
 * so, that what comes is lost until then. What is over by now is not told.
 */
export function tellKept(
  engine: Pick<WindowEngine, "keptWindows" | "keptToMsOf">,
  nowMs: number,
  log: Logger,
): void {
  const keptWindows = engine.keptWindows.filter(({ toMs }) => toMs > nowMs);
  if (keptWindows.length === 0) return;
  const windows = keptWindows.map(({ window, toMs }) => `${window} to ${new Date(toMs).toISOString()}`);
  log.warn(
    "the store does not have the readings of before as these windows need them: until then those that were shown stay as they were, and new ones are not made",
    { windows: firstNames(windows) },
  );
  const metrics = [...new Set(keptWindows.map(({ metric }) => metric))].flatMap((metric) => {
    const toMs = engine.keptToMsOf({ metric }, Infinity);
    return toMs === null || toMs <= nowMs ? [] : [`${metric} to ${new Date(toMs).toISOString()}`];
  });
  if (metrics.length === 0) return;
  log.warn(
    "what comes of before this time is lost to all windows of these metrics, since the pipeline was changed: it is counted tooLate, is in no window that begins before then, and not in the history. To lose nothing keep the windows of before beside the new ones until then, and until their late.allowed is over; put back once something has been refused, they take nothing of before then either, where a backup of before the change does",
    { metrics: firstNames(metrics) },
  );
}
