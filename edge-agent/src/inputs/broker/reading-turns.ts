import type { Clock } from "@millrace/runtime";

export interface ReadingTurnsOptions<Connection> {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Calls back in the next turn of the event loop, once every connection's new bytes have been looked at. */
  nextTurn(callback: () => void): void;
  /** Has the connection ask for its bytes again. */
  readOn(connection: Connection): void;
}

/** What a sensor sends now and then: never has to wait. */
const LITTLE_BYTES = 4 * 1024;
/** Read at once, of a connection with more. */
const SHARE_BYTES = 16 * 1024;
/** Of one turn of the event loop, for all connections that have much. */
const TURN_MS = 2;

/**
 * How much of a connection is read at once. After a pause megabytes may wait on a few connections, and one read after the
 * other, to its end, would keep all others waiting for a tenth of a second: a crossing, too. So those that have much are
 * read in turn by shares, for a while in each turn of the event loop, and in between whoever has little.
 */
export class ReadingTurns<Connection> {
  readonly #options: ReadingTurnsOptions<Connection>;
  /** Those that have more, in order of their turn. */
  readonly #waiting = new Set<Connection>();
  /** Undefined: nobody that has much was read in this turn. */
  #endsAtMs: number | undefined;

  constructor(options: ReadingTurnsOptions<Connection>) {
    this.#options = options;
  }

  /** Of so many bytes that wait, those to be read now; with less than all the connection is asked again in its turn. */
  bytesFor(connection: Connection, waitingBytes: number): number {
    if (waitingBytes <= LITTLE_BYTES) return waitingBytes;
    if (this.#options.clock.monotonicMs() >= (this.#endsAtMs ?? this.#begin())) {
      this.#waiting.add(connection);
      return 0;
    }
    if (waitingBytes > SHARE_BYTES) this.#waiting.add(connection);
    return Math.min(waitingBytes, SHARE_BYTES);
  }

  #begin(): number {
    const { clock, nextTurn } = this.#options;
    const endsAtMs = clock.monotonicMs() + TURN_MS;
    this.#endsAtMs = endsAtMs;
    nextTurn(() => this.#next());
    return endsAtMs;
  }

  #next(): void {
    const { clock, readOn } = this.#options;
    this.#endsAtMs = undefined;
    if (this.#waiting.size === 0) return;
    const endsAtMs = this.#begin();
    // Whoever still has more is in it again, behind the others.
    for (const connection of this.#waiting) {
      if (clock.monotonicMs() >= endsAtMs) return;
      this.#waiting.delete(connection);
      readOn(connection);
    }
  }
}
