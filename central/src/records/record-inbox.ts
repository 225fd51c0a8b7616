import { batchBytes } from "./batch-bytes.ts";
import type { RecordBatch, RecordOutcome } from "./record-batch.ts";

/** One commit takes no more of records than this, so that agents, echoes and pages are not held up. */
const COMMIT_BYTES_MAX = 4_194_304;
const COMMIT_RECORDS_MAX = 50_000;
/** What waits of one stream; whoever brings more has to wait, or to come again. */
export const STREAM_INBOX_BYTES_MAX = 33_554_432;

/** A batch that waits for a commit, and whoever waits for it. */
export interface WaitingBatch {
  readonly stream: string;
  readonly batch: RecordBatch;
  readonly bytes: number;
  readonly resolve: (outcome: RecordOutcome) => void;
  readonly reject: (error: Error) => void;
}

/** Batches of records on their way into a commit, in order of arrival; of each stream so many bytes at most. */
export class RecordInbox {
  #waiting: WaitingBatch[] = [];
  readonly #bytes = new Map<string, number>();
  readonly #onOffer: () => void;

  /** `onOffer`: something waits now. */
  constructor(onOffer: () => void) {
    this.#onOffer = onOffer;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  bytesOf(stream: string): number {
    return this.#bytes.get(stream) ?? 0;
  }

  /** What became of the batch, once it is durable; null where there is no room for it. A single batch always has room. */
  offer(stream: string, batch: RecordBatch): Promise<RecordOutcome> | null {
    const bytes = batchBytes(batch);
    const before = this.bytesOf(stream);
    if (before > 0 && before + bytes > STREAM_INBOX_BYTES_MAX) return null;
    this.#bytes.set(stream, before + bytes);
    const { promise, resolve, reject } = Promise.withResolvers<RecordOutcome>();
    // Who does not wait for it must not bring the process down.
    promise.catch(() => {});
    this.#waiting.push({ stream, batch, bytes, resolve, reject });
    this.#onOffer();
    return promise;
  }

  /** What the next commit takes. */
  take(): WaitingBatch[] {
    let [count, bytes, records] = [0, 0, 0];
    for (const each of this.#waiting) {
      const isFull =
        bytes + each.bytes > COMMIT_BYTES_MAX || records + each.batch.values.length > COMMIT_RECORDS_MAX;
      if (count > 0 && isFull) break;
      count += 1;
      bytes += each.bytes;
      records += each.batch.values.length;
      this.#bytes.set(each.stream, this.bytesOf(each.stream) - each.bytes);
    }
    return this.#waiting.splice(0, count);
  }

  /** Nothing of what waits will be taken. */
  fail(reason: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(reason));
    this.#bytes.clear();
  }
}
