import type { Logger } from "@millrace/runtime";
import { firstNames } from "../first-names.ts";
import type { LeftRecord } from "./left-record.ts";

const DAY_MS = 86_400_000;

/** Says at a start what the store has of a pipeline before, and when the first of it is cleared. */
export function tellLeft(records: readonly LeftRecord[], log: Logger): void {
  if (records.length === 0) return;
  const namesOf = (kind: LeftRecord["kind"]) =>
    firstNames(records.filter((record) => record.kind === kind).map(({ name }) => name));
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
