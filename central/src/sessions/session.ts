import type { Lane } from "@millrace/stream";
import type { AgentConnection, Heartbeat, UpTopic } from "@millrace/wire";

/** Bytes that one connection may have waiting for a commit; what comes beyond is dropped and comes again. */
export const SESSION_INBOX_BYTES_MAX = 16_777_216;

/** One connection of one agent: nothing is taken before its hello. */
export class Session {
  readonly connection: AgentConnection;
  /**
   * `greeting`: its hello is on its way through the log. `replaced`: its instance came with a newer connection, what it
   * still sent is not taken.
   */
  state: "awaiting_hello" | "greeting" | "open" | "closed" | "replaced" = "awaiting_hello";
  /** Set when its hello is let in; empty before. */
  site = "";
  storeId = "";
  instance = "";
  /** By its hello, the sequence that the next append to each lane takes. */
  readonly nexts: Record<Lane, number> = { alarm: 1, live: 1, backfill: 1, evidence: 1 };
  /** When its last message came; monotonic, ms. */
  heardAtMs: number;
  inboxBytes = 0;
  /** Counted among its agent's connections. */
  isCounted = false;
  /** The latest one, until the next commit takes it up. */
  heartbeat: Heartbeat | null = null;

  constructor(connection: AgentConnection, monotonicMs: number) {
    this.connection = connection;
    this.heardAtMs = monotonicMs;
  }

  get agent(): string {
    return this.connection.agent;
  }

  get isGreeted(): boolean {
    return this.storeId !== "";
  }

  close(state: "closed" | "replaced", reason: string): void {
    if (this.state === "closed" || this.state === "replaced") return;
    this.state = state;
    this.connection.close(reason);
  }
}

/** One message that waits for the commit loop. */
export interface InboxItem {
  readonly session: Session;
  readonly topic: UpTopic;
  readonly payload: Uint8Array;
  /** Central's clock at its arrival. */
  readonly atMs: number;
  /** To be called once it is held, or will not be: whoever brought it may forget it. */
  readonly settled?: (() => void) | undefined;
}
