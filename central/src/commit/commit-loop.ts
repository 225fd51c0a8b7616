import { isStoreFull } from "@millrace/queue";
import type { Change, Store } from "@millrace/queue";
import { createBackoff, MillraceError, reasonOf } from "@millrace/runtime";
import type { Clock, Logger, Random, Timer } from "@millrace/runtime";

/** Windows are emitted, silence is looked for and heartbeats are committed at most this often. */
export const TICK_INTERVAL_MS = 250;
/** The same changes are tried again so often; then central fails and is to be started again. For room it waits for ever. */
export const COMMIT_ATTEMPTS_MAX = 8;
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 5_000;

/** One turn: what is to be committed, and what may be said once it is durable. */
export interface CommitPlan {
  readonly changes: readonly Change[];
  readonly isSync: boolean;
  /** Acknowledges and publishes; after the commit only. */
  readonly publish: () => void;
}

export interface CommitLoopOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Applies what has come to the state in memory. Called one after another, never while a commit is in flight. */
  readonly plan: (isTick: boolean) => Promise<CommitPlan>;
  /** Whether messages wait that want an acknowledgement. */
  readonly isUrgent: () => boolean;
  readonly onCommitted: (durationMs: number) => void;
  /** A try of a commit has failed, and why. */
  readonly onCommitFailed: (why: string) => void;
  /** State in memory and on disk have parted for good: nothing is taken any more. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Turns what has arrived into commits: at most one in flight, at once while acknowledgements wait, otherwise once a
 * tick. While a commit fails, the same changes are tried again and nothing else happens: nothing is acknowledged. A start
 * would find no more room than there is.
 */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  #running: Promise<void> | null = null;
  #wakeTimer: Timer | null = null;
  #tickTimer: Timer | null = null;
  #lastTickMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  #hasFailed = false;
  #endRetryWait: (() => void) | null = null;
  #stalled: string | null = null;

  constructor(options: CommitLoopOptions) {
    this.#options = options;
  }

  /** Why the commit under way has failed, and is tried again; null: it has not. */
  get stalled(): string | null {
    return this.#stalled;
  }

  start(): void {
    this.#tickTimer = this.#options.clock.after(TICK_INTERVAL_MS, () => {
      this.start();
      this.#turn();
    });
  }

  /** To be called when something urgent came: a commit follows in the next turn of the event loop. */
  wake(): void {
    if (this.#isStopped || this.#running !== null || this.#wakeTimer !== null) return;
    this.#wakeTimer = this.#options.clock.after(0, () => this.#turn());
  }

  /** Ends after the commit in flight and one last turn. */
  async stop(): Promise<void> {
    this.#tickTimer?.cancel();
    this.#wakeTimer?.cancel();
    this.#endRetryWait?.();
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.#running;
    if (!this.#hasFailed) await this.#run(true);
  }

  #turn(): void {
    this.#wakeTimer?.cancel();
    this.#wakeTimer = null;
    if (this.#isStopped || this.#running !== null) return;
    const { clock } = this.#options;
    const isTick = clock.monotonicMs() - this.#lastTickMs >= TICK_INTERVAL_MS;
    if (!isTick && !this.#options.isUrgent()) return;
    if (isTick) this.#lastTickMs = clock.monotonicMs();
    this.#running = this.#run(isTick).finally(() => {
      this.#running = null;
      if (this.#options.isUrgent()) this.wake();
    });
  }

  async #run(isTick: boolean): Promise<void> {
    const { clock, onCommitted, onFailed, plan } = this.#options;
    try {
      const { changes, isSync, publish } = await plan(isTick);
      if (changes.length > 0) {
        const startMs = clock.monotonicMs();
        await this.#commit(changes, isSync);
        onCommitted(clock.monotonicMs() - startMs);
      }
      publish();
    } catch (error) {
      this.#isStopped = true;
      this.#hasFailed = true;
      this.#tickTimer?.cancel();
      onFailed(error);
    }
  }

  async #commit(changes: readonly Change[], isSync: boolean): Promise<void> {
    const { store, log, random } = this.#options;
    const backoff = createBackoff({ random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
    let otherFailures = 0;
    for (let attempts = 1; ; attempts += 1) {
      try {
        // After a failed write the store may refuse every further one until it is opened again.
        if (attempts > 1) await store.reopen();
        await store.commit(changes, { isSync });
        if (this.#stalled !== null) log.info("the store takes commits again", { attempts });
        this.#stalled = null;
        return;
      } catch (error) {
        const isFull = isStoreFull(error);
        const reason = reasonOf(error);
        const why = isFull ? `the disk is full: ${reason}` : `commits fail: ${reason}`;
        this.#options.onCommitFailed(why);
        if (!isFull) otherFailures += 1;
        const isHopeless = error instanceof MillraceError && error.retry === "never";
        if (otherFailures >= COMMIT_ATTEMPTS_MAX || this.#isStopped || isHopeless) {
          log.error(isFull ? "stopping while the disk is full" : "commits fail for good", {
            attempts,
            reason,
          });
          throw error;
        }
        this.#stalled = why;
        if (isFull)
          log.repeated(
            "disk_full",
            "the disk is full: nothing is taken or acknowledged until there is room",
            {
              attempts,
              reason,
            },
          );
        else
          log.repeated("commit_failed", "cannot commit; nothing is acknowledged, trying again", {
            attempts,
            reason,
          });
        await this.#wait(backoff.nextMs());
      }
    }
  }

  async #wait(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#endRetryWait = resolve;
      this.#options.clock.after(delayMs, resolve);
    });
    this.#endRetryWait = null;
  }
}
