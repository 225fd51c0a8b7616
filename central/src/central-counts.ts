import type { WindowEngineCounts } from "@millrace/stream";
import type { SeriesHistory } from "./history/series-history.ts";
import type { QuarantineCounts } from "./ledger/quarantine.ts";
import type { Arrivals } from "./sessions/arrivals.ts";
import type { Inbox } from "./sessions/inbox.ts";
import type { CentralState } from "./state/central-state.ts";
import type { WindowHistory } from "./windows/window-history.ts";

export interface CentralCounts {
  readonly inboxBytes: number;
  readonly droppedMessages: number;
  readonly engine: WindowEngineCounts | null;
  readonly trimLagMs: number;
  /** Null before central is open. */
  readonly quarantine: QuarantineCounts | null;
  readonly evidenceBytes: number;
  readonly evidencePieces: number;
  /** Windows, views of panes, and streams of records that the store has and the pipeline does not. */
  readonly leftNames: number;
  /** Of those that central has run without for long enough, since the start. */
  readonly clearedKeys: number;
  /** Stored values that could not be read and were left out, since the start. */
  readonly unreadable: number;
}

/** What central counts of itself, where its parts stand now. */
export function centralCounts(parts: {
  /** Null before central is open. */
  readonly state: CentralState | null;
  readonly inbox: Inbox;
  readonly arrivals: Arrivals;
  readonly windowHistory: WindowHistory;
  readonly seriesHistory: SeriesHistory | null;
}): CentralCounts {
  const { state, inbox, arrivals, windowHistory, seriesHistory } = parts;
  const engine = state?.engine.counts ?? null;
  const ofState = (state?.unreadableCount ?? 0) + (engine?.unreadable ?? 0);
  const ofHistories = windowHistory.unreadableCount + (seriesHistory?.counts(0).unreadable ?? 0);
  return {
    inboxBytes: inbox.bytes,
    droppedMessages: arrivals.droppedCount,
    engine,
    trimLagMs: windowHistory.trimLagMs,
    quarantine: state?.quarantine.counts() ?? null,
    evidenceBytes: state?.evidence.bytes ?? 0,
    evidencePieces: state?.evidence.count ?? 0,
    leftNames: state?.left.records.length ?? 0,
    clearedKeys: state?.left.clearedKeyCount ?? 0,
    unreadable: ofState + ofHistories,
  };
}
