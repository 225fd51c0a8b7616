import type { Clock, Random } from "@millrace/runtime";

export interface SessionMarkOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly random: Pick<Random, "next">;
  /** The broker has kept the session. */
  readonly isResumed: boolean;
}

/** MQTT 5, 3.8.2.1.2. */
const IDENTIFIER_MAX = 268_435_455;
/** What a session holds comes first; a broker that marks nothing for so long does not know how. */
const WAITED_MS_MAX = 60_000;

/**
 * Tells what has waited in a session from what comes now: each connection asks for its subscriptions under another identifier
 * (MQTT 5, 3.8.2.1.2), which the broker puts to a message when that comes to it, not when it hands it over. The first that has it ends
 * what had waited.
 */
export class SessionMark {
  readonly #identifier: number;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #sinceMs: number;
  #mayBeOld: boolean;

  private constructor(identifier: number, { clock, isResumed }: SessionMarkOptions) {
    this.#identifier = identifier;
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
    this.#mayBeOld = isResumed;
  }

  /** Never that of the connection before. By chance: a clock may begin anew with each start. */
  static after(last: SessionMark | null, options: SessionMarkOptions): SessionMark {
    const identifier = 1 + Math.floor(options.random.next() * (IDENTIFIER_MAX - 1));
    const isTaken = last !== null && last.#identifier === identifier;
    return new SessionMark(isTaken ? identifier + 1 : identifier, options);
  }

  /** For what is subscribed to. */
  get properties() {
    return { properties: { subscriptionIdentifier: this.#identifier } };
  }

  /** Whether a message with these identifiers may have waited; to be asked for each, in order. */
  isOlder(identifiers: number | readonly number[] | undefined): boolean {
    if (!this.#mayBeOld) return false;
    const isOwn = [identifiers].flat().includes(this.#identifier);
    if (isOwn || this.#clock.monotonicMs() - this.#sinceMs >= WAITED_MS_MAX) this.#mayBeOld = false;
    return this.#mayBeOld;
  }
}
