import type { Clock, Logger, Timer } from "@millrace/runtime";
import type { SeriesHistory } from "./series-history.ts";

/** Between ticks history is rolled up for no more than half of the time: at least so long nothing of it is done after a piece. */
const ROLL_PAUSE_MS_MIN = 1;

interface RollUpPaceOptions {
  /** Null: there is no history. */
  readonly history: SeriesHistory | null;
  readonly clock: Clock;
  readonly log: Logger;
  /** Has a turn follow. */
  readonly wake: () => void;
}

/**
 * When the history is rolled up: with a tick, or, so that a backlog does not take hours, before it, in turns that nobody waits
 * for, once central has had as long for others as the last one took.
 */
export class RollUpPace {
  readonly #options: RollUpPaceOptions;
  /** Until more may be rolled up between ticks. */
  #timer: Timer | null = null;
  #isDue = false;
  #isStopped = false;

  constructor(options: RollUpPaceOptions) {
    this.#options = options;
  }

  /** A piece has been read, and its pause is over. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Whether the turn that begins rolls up what was read. */
  begin({ isTick, hasWaiting }: { readonly isTick: boolean; readonly hasWaiting: boolean }): boolean {
    const isRolling = isTick || (this.#isDue && !hasWaiting);
    if (isRolling) this.#isDue = false;
    return isRolling;
  }

  /** A turn that rolled up, and began then, is durable: reads what is to be rolled up next, beside the commits. */
  readNext(beganMs: number): void {
    const { history, clock, log, wake } = this.#options;
    if (this.#isStopped || history === null) return;
    history.work(clock.nowMs(), clock.monotonicMs(), (error) =>
      log.repeated("history_read", "cannot read panes to roll them up; trying again", { error }),
    );
    void history.whenRead().then((hasRead) => {
      if (!hasRead || this.#isStopped) return;
      const pauseMs = Math.max(ROLL_PAUSE_MS_MIN, clock.monotonicMs() - beganMs);
      this.#timer?.cancel();
      this.#timer = clock.after(pauseMs, () => {
        this.#isDue = true;
        wake();
      });
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }
}
