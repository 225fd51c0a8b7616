import { RandomStream } from "../../signal/random-stream.ts";
import type { Change } from "./change-envelope.ts";

const FIRST_LSN = 24_023_128;
const FIRST_TRANSACTION = 555;

/** Where in the database's write-ahead log a change stands, and when the connector sees it: one after the other. One transaction a change. */
export class ChangeLog {
  readonly #random: RandomStream;
  #lsn = FIRST_LSN;
  #txId = FIRST_TRANSACTION;
  #seenMs = -Infinity;

  constructor(name: string) {
    this.#random = new RandomStream(name);
  }

  next(timeMs: number): Pick<Change, "timeMs" | "seenMs" | "txId" | "lsn" | "lastCommitLsn"> {
    const lastCommitLsn = this.#lsn;
    const [length, lag] = [this.#random.uniform(), this.#random.uniform()];
    this.#lsn += 8 * (12 + Math.floor(length * 40));
    this.#txId += 1;
    this.#seenMs = Math.max(this.#seenMs, timeMs + 5 + Math.floor(lag * lag * 250));
    return { timeMs, seenMs: this.#seenMs, txId: this.#txId, lsn: this.#lsn, lastCommitLsn };
  }
}
