import type { Change, Store } from "@millrace/queue";
import {
  type Backoff,
  createBackoff,
  type Clock,
  type Logger,
  MillraceError,
  type Random,
  type Timer,
} from "@millrace/runtime";

/** One group commit: its changes, and what follows once they are durable. */
export interface CommitWork {
  readonly changes: readonly Change[];
  durable(): void;
}

export interface CommitLoopOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Gathers everything that waits; called when a commit begins, never while one is under way. */
  collect(): CommitWork;
  /** After each write that became durable. */
  committed(durationMs: number): void;
  /** Once, when the store will never take a write again: no further commits. */
  failedForGood(): void;
}

/** How long a failing store is tried on once the agent stops. */
const LAST_TRIES_MS = 2_000;
/** A write that is under way for longer has failed in all but name. */
const HANGING_MS = 5_000;
/** Wait of an urgent commit, so that what arrives together is committed together. */
const GATHER_MS = 3;

/**
 * Group commit: one synced write at a time, carrying all that gathered since the last. At once while acknowledgements
 * or alarms wait. A write that fails is tried again with the very same changes until it succeeds: what they hold has
 * left memory already. Meanwhile nothing is acknowledged and `isFailing` tells the inputs to pause. One that can never
 * succeed ends the loop. A disk that does not answer at all counts as failing, too.
 */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  readonly #backoff: Backoff;
  #timer: Timer | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  /** What the request asked for that `#dueAtMs` is of: a later one that is in no greater hurry is no earlier. */
  #dueWithinMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #failure: string | undefined;
  #writingSinceMs: number | undefined;
  #giveUpAtMs = Number.POSITIVE_INFINITY;
  #endPause: (() => void) | undefined;

  constructor(options: CommitLoopOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ random: options.random, firstMs: 100, maxMs: 5_000 });
  }

  get isFailing(): boolean {
    return this.failure !== undefined;
  }

  get failure(): string | undefined {
    if (this.#failure !== undefined || this.#writingSinceMs === undefined) return this.#failure;
    const writingMs = this.#options.clock.monotonicMs() - this.#writingSinceMs;
    if (writingMs <= HANGING_MS) return undefined;
    return `the disk does not answer: a write is under way for ${Math.floor(writingMs / 1000)} s`;
  }

  /** A commit within `withinMs`; the earliest request counts. */
  request(withinMs: number): void {
    if (this.#isStopped || withinMs >= this.#dueWithinMs) return;
    const dueAtMs = this.#options.clock.monotonicMs() + withinMs;
    if (dueAtMs >= this.#dueAtMs) return;
    this.#dueAtMs = dueAtMs;
    this.#dueWithinMs = withinMs;
    if (this.#running === undefined) this.#arm();
  }

  requestNow(): void {
    this.request(GATHER_MS);
  }

  /** Commits what waits now and resolves when it is durable, or given up: then `isFailing`. */
  async flush(): Promise<void> {
    await this.#settle();
    await this.#run();
  }

  /** The end is near: a store that fails is tried at once, and for LAST_TRIES_MS at most. */
  hurry(): void {
    this.#giveUpAtMs = this.#options.clock.monotonicMs() + LAST_TRIES_MS;
    this.#endPause?.();
  }

  /** No further commits, not even the one that is being retried. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#disarm();
    this.#endPause?.();
    await this.#settle();
  }

  async #settle(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
  }

  #arm(): void {
    this.#timer?.cancel();
    const delayMs = Math.max(0, this.#dueAtMs - this.#options.clock.monotonicMs());
    this.#timer = this.#options.clock.after(delayMs, () => void this.#run());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #run(): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    // Given up: memory is ahead of the disk by what was lost, and nothing may follow it.
    if (this.#failure !== undefined) return Promise.resolve();
    this.#disarm();
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    this.#dueWithinMs = Number.POSITIVE_INFINITY;
    this.#running = this.#commit().finally(() => {
      this.#running = undefined;
      if (this.#dueAtMs !== Number.POSITIVE_INFINITY && !this.#isStopped) this.#arm();
    });
    return this.#running;
  }

  async #commit(): Promise<void> {
    const work = this.#options.collect();
    if (work.changes.length > 0) await this.#writeUntilDurable(work.changes);
    if (this.#failure === undefined) work.durable();
  }

  async #writeUntilDurable(changes: readonly Change[]): Promise<void> {
    for (;;) {
      try {
        const startedMs = this.#options.clock.monotonicMs();
        this.#writingSinceMs = startedMs;
        await this.#options.store
          .commit(changes, { isSync: true })
          .finally(() => (this.#writingSinceMs = undefined));
        this.#options.committed(this.#options.clock.monotonicMs() - startedMs);
        if (this.#failure !== undefined) this.#options.log.info("the store takes writes again");
        this.#failure = undefined;
        this.#backoff.reset();
        return;
      } catch (error) {
        this.#failure = error instanceof Error ? error.message : String(error);
        if (error instanceof MillraceError && error.retry === "never") return this.#options.failedForGood();
        this.#options.log.repeated("store_write", "cannot commit: inputs pause, rules go on", { error });
        const leftMs = this.#giveUpAtMs - this.#options.clock.monotonicMs();
        if (this.#isStopped || leftMs <= 0) return;
        await this.#pause(Math.min(this.#backoff.nextMs(), leftMs));
        if (!(await this.#reopen())) return this.#options.failedForGood();
      }
    }
  }

  /** After a failed write LevelDB refuses all others until it is opened again. False where it never takes one again. */
  async #reopen(): Promise<boolean> {
    try {
      await this.#options.store.reopen();
      return true;
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
      return !(error instanceof MillraceError && error.retry === "never");
    }
  }

  #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(delayMs, resolve);
    this.#endPause = () => {
      timer.cancel();
      resolve();
    };
    return promise;
  }
}
