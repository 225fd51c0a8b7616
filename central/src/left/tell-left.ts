import type { Logger } from "@millrace/runtime";
import type { LeftRecord } from "./left-record.ts";

const DAY_MS = 86_400_000;
/** Names of a kind in one line of the log. */
const NAMES_MAX = 20;

/** Says at a start what the store has of a pipeline before, and when the first of it is cleared. */
export function tellLeft(records: readonly LeftRecord[], log: Logger): void {
  if (records.length === 0) return;
  const namesOf = (kind: LeftRecord["kind"]) => {
    const names = records.filter((record) => record.kind === kind).map(({ name }) => name);
    return names.length > NAMES_MAX
      ? [...names.slice(0, NAMES_MAX), `and ${names.length - NAMES_MAX} more`]
      : names;
  };
  const leastMs = Math.min(...records.map(({ keepMs, absentMs }) => Math.max(0, keepMs - absentMs)));
  log.info(
    "the store holds what the pipeline has no more; whoever puts it back finds it, until central has run without it for so many days more: then it is cleared",
    {
      windows: namesOf("window"),
      panes: namesOf("view"),
      streams: namesOf("stream"),
      days: Math.ceil((10 * leastMs) / DAY_MS) / 10,
    },
  );
}
