import type { Clock, Logger } from "@millrace/runtime";

/** Says once that a receiver is away, and once that it is back, however many connections and tries there are. */
export class ReceiverWatch {
  readonly #receiver: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #away = new Set<object>();
  #sinceMs = 0;

  constructor(options: { readonly receiver: string; readonly clock: Clock; readonly log: Logger }) {
    this.#receiver = options.receiver;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  away(connection: object, reason: string): void {
    if (this.#away.size === 0) {
      this.#sinceMs = this.#clock.monotonicMs();
      this.#log.warn(`${this.#receiver} is away; what is said waits`, { reason });
    }
    this.#away.add(connection);
  }

  back(connection: object): void {
    if (!this.#away.delete(connection) || this.#away.size > 0) return;
    const awayMs = Math.round(this.#clock.monotonicMs() - this.#sinceMs);
    this.#log.info(`${this.#receiver} is back`, { awayMs });
  }
}
