import type { TimeRange, WindowResult } from "@millrace/stream";
import type { AlarmEvent, ToldMaintenance } from "@millrace/wire";

/**
 * What `GET /api/v1/stream` sends (server-sent events, JSON data):
 *
 *   event: snapshot   Snapshot   first, and whenever the stream begins again
 *   event: delta      Delta      changed items only; `seq` is the previous frame's plus one
 *
 * Central sends a delta at least every second, an empty one when nothing changed: it is the stream's heartbeat. Where much
 * has changed it comes in several deltas.
 */
export interface Snapshot {
  readonly seq: number;
  readonly serverTimeMs: number;
  /** Whether this page may have alarms reset. */
  readonly isControlAllowed: boolean;
  readonly pipeline: PipelineView;
  readonly agents: readonly AgentView[];
  readonly alarms: readonly AlarmView[];
  readonly windows: readonly WindowResult[];
  readonly ledger: LedgerView;
}

export interface Delta {
  readonly seq: number;
  readonly serverTimeMs: number;
  readonly agents?: readonly AgentView[];
  readonly alarms?: readonly AlarmView[];
  readonly windows?: readonly WindowResult[];
  /** Changes of windows that were left out, since more waited than may. */
  readonly truncated?: number;
  readonly ledger?: LedgerView;
}

export interface PipelineView {
  readonly metrics: readonly MetricView[];
  readonly windows: readonly WindowView[];
}

export interface MetricView {
  readonly name: string;
  readonly unit: string;
  readonly isLive: boolean;
  /** Where it is read from a stream of records. */
  readonly records?: { readonly stream: string };
}

export interface WindowView {
  readonly name: string;
  readonly metric: string;
  /** A session has no fixed place. */
  readonly kind?: "aligned" | "day" | "session";
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly by: readonly string[];
}

export type AgentState = "connected" | "silent" | "never_seen" | "retired";

export interface AgentView {
  readonly agent: string;
  readonly site: string;
  readonly state: AgentState;
  readonly lastSeenMs: number | null;
  readonly watermarkMs: number | null;
  readonly isIdle: boolean;
  readonly clockOffsetMs: number | null;
  /** Event time that still waits in the agent's backfill. */
  readonly pending: readonly TimeRange[];
  /** What is in maintenance there; absent: nothing. */
  readonly maintenance?: readonly ToldMaintenance[];
  /** Pieces of evidence that have come of it whole; absent: none. */
  readonly evidence?: number;
  readonly status: Readonly<Record<string, number | string | boolean>>;
}

export interface AlarmView extends AlarmEvent {
  readonly agent: string;
  readonly site: string;
  readonly receivedAtMs: number;
}

/** In readings. */
export interface LedgerView {
  readonly received: number;
  readonly merged: number;
  readonly tooLate: number;
}
