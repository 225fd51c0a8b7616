import type { Logger } from "@millrace/runtime";
import type { WindowEngine } from "@millrace/stream";
import { firstNames } from "../first-names.ts";

/** Says at a start of which windows some are not made any more, and from when on they all are. */
export function tellKept({ keptWindows }: Pick<WindowEngine, "keptWindows">, log: Logger): void {
  if (keptWindows.length === 0) return;
  const windows = keptWindows.map(({ window, toMs }) => `${window} to ${new Date(toMs).toISOString()}`);
  log.warn(
    "the store does not have the readings of before as these windows need them: until then those that were shown stay as they were, and new ones are not made",
    { windows: firstNames(windows) },
  );
}
