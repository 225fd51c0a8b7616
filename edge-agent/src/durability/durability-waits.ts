import type { Clock } from "@millrace/runtime";
import type { CommitLoop } from "./commit-loop.ts";
import { CommitPace } from "./commit-pace.ts";
import type { RedoBuffer } from "./redo-entry.ts";

/** Non-urgent commits: what no acknowledgement waits for. Flash wears. */
export const LAZY_COMMIT_MS = 1_000;
/** With so many readings a commit waits no longer: it would become a pause. */
const COMMIT_ROWS = 50_000;

export interface DurabilityWaitsOptions {
  readonly clock: Clock;
  readonly commits: Pick<CommitLoop, "request" | "requestNow">;
  /** What waits for the next commit. */
  readonly redo: Pick<RedoBuffer, "rowCount" | "byteCount">;
  readonly ackIntervalMs: number;
}

/** Who waits until what was taken in is durable, and how soon a commit follows for it. */
export class DurabilityWaits {
  readonly #options: DurabilityWaitsOptions;
  readonly #pace: CommitPace;
  #waiting: PromiseWithResolvers<void> | undefined;
  /** A commit is on its way for what waits. */
  #isAckRequested = false;

  constructor(options: DurabilityWaitsOptions) {
    this.#options = options;
    this.#pace = new CommitPace(options.ackIntervalMs);
  }

  /** For what has just come with this quality of service; undefined where nobody waits. */
  untilDurable(qos: number): Promise<void> | undefined {
    if (qos > 0) return this.until({ isUrgent: true });
    const { commits, redo } = this.#options;
    if (redo.rowCount < COMMIT_ROWS) commits.request(LAZY_COMMIT_MS);
    else commits.requestNow();
    return undefined;
  }

  /** Resolves once all that has been taken in is durable. Not urgent: with the next lazy commit. */
  until({ isUrgent }: { readonly isUrgent: boolean }): Promise<void> {
    const { commits, redo } = this.#options;
    this.#waiting ??= Promise.withResolvers<void>();
    if (!isUrgent) commits.request(LAZY_COMMIT_MS);
    else if (this.#pace.isPageFull(redo.byteCount)) commits.requestNow();
    else if (!this.#isAckRequested) this.#requestAck();
    return this.#waiting.promise;
  }

  /** A commit begins; to be called with it once it is durable. */
  take(): () => void {
    const { clock, redo } = this.#options;
    this.#pace.spend(clock.monotonicMs(), redo.byteCount);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#isAckRequested = false;
    return () => waiting?.resolve();
  }

  /** Soon, where commits are seldom; with company, where they are not. */
  #requestAck(): void {
    const { clock, commits, redo } = this.#options;
    this.#isAckRequested = true;
    const waitMs = this.#pace.waitMs(clock.monotonicMs(), redo.byteCount);
    if (waitMs === 0) commits.requestNow();
    else commits.request(waitMs);
  }
}
