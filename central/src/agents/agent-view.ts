import type { TimeRange } from "@millrace/stream";
import type { ToldMaintenance } from "@millrace/wire";

/** One agent as central sees it. */
export interface AgentView {
  readonly agent: string;
  readonly site: string;
  readonly state: "connected" | "silent" | "never_seen" | "retired";
  readonly lastSeenMs: number | null;
  readonly watermarkMs: number | null;
  readonly isIdle: boolean;
  /** Agent's clock minus central's at its last message, ms; includes the way here. */
  readonly clockOffsetMs: number | null;
  readonly pending: readonly TimeRange[];
  /** Readings that the agent itself has rejected, as its last heartbeat says; absent before. */
  readonly agentRejected?: number;
  /** What is in maintenance there, as its last heartbeat says; absent: nothing. */
  readonly maintenance?: readonly ToldMaintenance[];
  /** Pieces of evidence of it that have come whole; absent: none. */
  readonly evidence?: number;
  readonly status: Readonly<Record<string, number | string | boolean>>;
}
