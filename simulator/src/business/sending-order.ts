import type { BusinessRecord } from "./business-record.ts";
import { DueQueue } from "../due-queue.ts";

/** Records of event time's order in the order in which they leave their sources. */
export class SendingOrder {
  /** What waits in its source. */
  readonly #waiting = new DueQueue<BusinessRecord>();

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** In order of event time; none will come of an earlier time. */
  *take(records: Iterable<BusinessRecord>): Generator<BusinessRecord> {
    for (const record of records) {
      if (this.#waiting.nextMs <= record.timeMs) yield* this.until(record.timeMs);
      if (record.sentMs > record.timeMs) this.#waiting.push(record.sentMs, record);
      else yield record;
    }
  }

  /** What leaves up to `timeMs` of all that was taken. */
  *until(timeMs: number): Generator<BusinessRecord> {
    while (this.#waiting.size > 0 && this.#waiting.nextMs <= timeMs) {
      const record = this.#waiting.pop();
      if (record !== undefined) yield record;
    }
  }
}
