import type { Clock } from "@millrace/runtime";
import type { RecordInbox } from "../records/record-inbox.ts";
import type { RequestBook } from "../requests/request-book.ts";
import type { Inbox } from "../sessions/inbox.ts";
import type { SessionTable } from "../sessions/session-table.ts";
import type { CommitActions } from "./commit-actions.ts";
import type { DurableMoment } from "./durable-moment.ts";

interface CommitWaitersOptions {
  readonly durable: DurableMoment;
  readonly actions: CommitActions;
  readonly recordInbox: RecordInbox;
  readonly requests: RequestBook;
  readonly sessions: SessionTable;
  readonly inbox: Inbox;
  readonly clock: Clock;
}

/** Whoever has asked for something that a commit makes true is told what became of it where commits fail. */
export class CommitWaiters {
  readonly #options: CommitWaitersOptions;

  constructor(options: CommitWaitersOptions) {
    this.#options = options;
  }

  /** The commit under way has failed, and is tried again: nobody waits for room on a disk. */
  stalled(why: string): void {
    const { durable, actions, recordInbox, requests, clock } = this.#options;
    durable.putOff(why);
    actions.stall(why);
    recordInbox.refusePosted(why);
    // Ticks come no more.
    requests.expire(clock.monotonicMs());
  }

  /** There will be no commit any more. */
  failed(why: string): void {
    const { durable, actions, recordInbox, requests, sessions, inbox } = this.#options;
    for (const session of sessions.all()) session.close("closed", why);
    recordInbox.fail(why);
    inbox.clear();
    requests.close();
    durable.putOff(why);
    actions.fail(why);
  }
}
