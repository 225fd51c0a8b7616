import type { Clock, Logger, Timer } from "@millrace/runtime";

/** There for so long, it is said to be back: what comes and goes while a receiver begins is one outage. */
const STEADY_MS = 2_000;

/** Says once that a receiver is away, and once that it is back, however many connections and tries there are. */
export class ReceiverWatch {
  readonly #receiver: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #away = new Set<object>();
  #sinceMs: number | null = null;
  /** Null where it is not about to be said that it is back. */
  #steady: Timer | null = null;

  constructor(options: { readonly receiver: string; readonly clock: Clock; readonly log: Logger }) {
    this.#receiver = options.receiver;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  away(connection: object, reason: string): void {
    this.#away.add(connection);
    this.#steady?.cancel();
    if (this.#sinceMs !== null) return;
    this.#sinceMs = this.#clock.monotonicMs();
    this.#log.warn(`${this.#receiver} is away; what is said waits`, { reason });
  }

  back(connection: object): void {
    if (!this.#away.delete(connection) || this.#away.size > 0 || this.#sinceMs === null) return;
    const awayMs = Math.round(this.#clock.monotonicMs() - this.#sinceMs);
    this.#steady = this.#clock.after(STEADY_MS, () => {
      this.#sinceMs = null;
      this.#log.info(`${this.#receiver} is back`, { awayMs });
    });
    // A run that ends meanwhile does not wait for it.
    this.#steady.unref?.();
  }
}
