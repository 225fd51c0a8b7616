import type { Logger } from "@millrace/runtime";
import type { WindowEngine } from "@millrace/stream";

/** Windows told of in one line of the log. */
const WINDOWS_MAX = 20;

/** Says at a start of which windows some are not made any more, and from when on they all are. */
export function tellKept({ keptWindows }: Pick<WindowEngine, "keptWindows">, log: Logger): void {
  if (keptWindows.length === 0) return;
  const windows = keptWindows.map(({ window, toMs }) => `${window} to ${new Date(toMs).toISOString()}`);
  const more = windows.length - WINDOWS_MAX;
  log.warn(
    "the store does not have the readings of before as these windows need them: until then those that were shown stay as they were, and new ones are not made",
    { windows: more > 0 ? [...windows.slice(0, WINDOWS_MAX), `and ${more} more`] : windows },
  );
}
