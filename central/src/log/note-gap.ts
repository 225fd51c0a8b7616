import type { Logger } from "@millrace/runtime";
import { NOBODY } from "../ledger/central-ledger.ts";
import type { CentralState } from "../state/central-state.ts";
import type { LogGap } from "./uplink-log.ts";

interface NoteGapOptions {
  readonly state: CentralState;
  readonly logName: string | undefined;
  readonly nowMs: number;
  readonly log: Logger;
}

/** Some of the log was gone before it was read, or could not be: windows are marked, an alarm says so, what lies there is kept. */
export function noteGap(gap: LogGap, { state, logName, nowMs, log }: NoteGapOptions): void {
  const { partition, from, next, damage } = gap;
  state.logLost(gap, nowMs);
  if (damage !== undefined) {
    const place = `offsets ${from} to ${next - 1} of partition ${partition} of ${logName}`;
    const entry = { atMs: nowMs, agent: NOBODY, topic: "log", reason: "unreadable" } as const;
    state.quarantine.keep({ ...entry, detail: `${place}: ${damage.reason}`, payload: damage.bytes });
  }
  const message =
    next > from
      ? `${next - from} records of partition ${partition} of the log ${damage === undefined ? "were gone before they were read" : `cannot be read: ${damage.reason}`} (offsets ${from} to ${next - 1})`
      : `partition ${partition} of the log was made anew: what it held from offset ${from} on was not read, and is gone`;
  log.error("some of the log is lost", {
    partition,
    from,
    next,
    ...(damage === undefined ? {} : { damage: damage.reason }),
  });
  const own = { agent: "", site: "", kind: "log_gap" } as const;
  state.alarms.raise({ ...own, message, value: Math.max(1, next - from), nowMs });
}
