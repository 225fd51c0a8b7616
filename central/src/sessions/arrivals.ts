import type { Clock, Logger } from "@millrace/runtime";
import { encodeMessage, parseHeartbeat } from "@millrace/wire";
import type { AgentConnection, UpTopic } from "@millrace/wire";
import type { CentralWatches } from "../alarms/central-watches.ts";
import type { CentralLifecycle } from "../central-lifecycle.ts";
import type { MessageApplier } from "../commit/message-applier.ts";
import type { RejectReason } from "../ledger/central-ledger.ts";
import type { RequestBook } from "../requests/request-book.ts";
import type { CentralState } from "../state/central-state.ts";
import type { Inbox } from "./inbox.ts";
import type { InboxItem, Session } from "./session.ts";
import type { SessionTable } from "./session-table.ts";

interface ArrivalsOptions {
  /** Null before central is open. */
  readonly opened: () => {
    readonly state: Pick<CentralState, "reject">;
    readonly applier: Pick<MessageApplier, "uncount">;
    readonly watches: Pick<CentralWatches, "noteWaking">;
  } | null;
  readonly lifecycle: CentralLifecycle;
  readonly sessions: SessionTable;
  readonly inbox: Inbox;
  readonly requests: RequestBook;
  readonly clock: Clock;
  readonly log: Logger;
  /** Has a commit follow. */
  readonly wake: () => void;
}

/** What agents' connections bring: a heartbeat is echoed at once, all else waits for its commit. */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  /** Sessions whose latest heartbeat waits for the next commit. */
  readonly #beating = new Set<Session>();
  #droppedCount = 0;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** Messages for which there was no room. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  onOpen(connection: AgentConnection): void {
    const { sessions, lifecycle, clock } = this.#options;
    const session = sessions.add(connection, clock.monotonicMs());
    if (lifecycle.ending !== null) session.close("closed", lifecycle.ending);
  }

  /** `settled`: once it is held, or will not be. Never where central stops or fails before. */
  onMessage(connection: AgentConnection, topic: UpTopic, payload: Uint8Array, settled?: () => void): void {
    const { sessions, inbox, lifecycle, clock, log, wake } = this.#options;
    const session = sessions.get(connection);
    const opened = this.#options.opened();
    if (opened === null || lifecycle.refusal !== null) return;
    if (session === undefined || session.state === "closed" || session.state === "replaced") {
      settled?.();
      return;
    }
    opened.watches.noteWaking();
    session.heardAtMs = clock.monotonicMs();
    const item: InboxItem = { session, topic, payload, atMs: clock.nowMs(), settled };
    if (topic === "heartbeat") {
      this.#takeHeartbeat(item, opened.state);
      settled?.();
      return;
    }
    if (!inbox.add(item)) {
      this.#droppedCount += 1;
      log.repeated("inbox_full", "commits are slower than agents send; a batch will come again", {
        agent: session.agent,
      });
      settled?.();
      return;
    }
    wake();
  }

  onClose(connection: AgentConnection): void {
    const session = this.#options.sessions.delete(connection);
    if (session === undefined) return;
    this.#options.opened()?.applier.uncount(session);
    if (session.state !== "replaced") session.state = "closed";
  }

  /** Sessions that have sent a heartbeat since. */
  takeBeating(): readonly Session[] {
    const beating = [...this.#beating];
    this.#beating.clear();
    return beating;
  }

  #takeHeartbeat(item: InboxItem, state: Pick<CentralState, "reject">): void {
    const { session, payload } = item;
    const parsed = parseHeartbeat(payload);
    if (!parsed.ok || session.state !== "open") {
      const reason: RejectReason = parsed.ok
        ? "no_session"
        : parsed.reason === "oversized"
          ? "oversized"
          : "malformed_heartbeat";
      const detail = parsed.ok ? "a heartbeat before the hello was answered" : parsed.detail;
      const { topic, atMs } = item;
      state.reject({ agent: session.agent, topic, payload, atMs, reason, detail });
      return;
    }
    // The one before may not have been taken up yet.
    const { status = session.heartbeat?.status } = parsed.message;
    session.heartbeat = { ...parsed.message, status };
    this.#beating.add(session);
    const { beat, answers = [] } = parsed.message;
    const { requests: book } = this.#options;
    book.answered(session.agent, answers);
    const requests = book.of(session.agent);
    const echo = { beat, clockMs: item.atMs, ...(requests.length === 0 ? {} : { requests }) };
    session.connection.send("echo", encodeMessage(echo));
  }
}
