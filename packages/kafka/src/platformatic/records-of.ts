import { reasonOf } from "@millrace/runtime";
import type { AbortedTransaction, FetchedPartition } from "./fetch-api.ts";
import { batchesIn, type FetchedBatch, type UnreadableBatch } from "./fetched-batch.ts";
import { FetchedRecords } from "./fetched-records.ts";

/** Of a mark's key: a version, and which end it is. */
const MARK_TYPE_AT = 2;
const ABORT = 0;

/**
 * The records that a partition's answer has from `fromOffset` on: a broker sends whole batches, and they may begin before it.
 * Without marks, and without what belongs to a transaction that was given up. `nextOffset`: behind the last batch that could
 * be read, `fromOffset` where there is none; `unreadable`: the batch that stands there and could not, or null.
 */
export function recordsOf(
  { bytes, aborted }: Pick<FetchedPartition, "bytes" | "aborted">,
  fromOffset: number,
): {
  readonly records: FetchedRecords;
  readonly nextOffset: number;
  readonly unreadable: UnreadableBatch | null;
} {
  const records = new FetchedRecords();
  const givenUp = new GivenUp(aborted);
  let nextOffset = fromOffset;
  const { batches, unreadable } = batchesIn(bytes);
  for (const batch of batches) {
    const { firstOffset, lastOffset } = batch;
    try {
      if (!givenUp.has(batch) && !batch.isControl && lastOffset >= fromOffset)
        records.append(batch, fromOffset);
    } catch (error) {
      const place = { firstOffset, nextOffset: lastOffset + 1, bytes: batch.bytes };
      return { records, nextOffset, unreadable: { ...place, reason: reasonOf(error) } };
    }
    nextOffset = Math.max(nextOffset, lastOffset + 1);
  }
  return { records, nextOffset, unreadable };
}

/** Which producers' records are of a transaction that was given up, batch by batch. */
class GivenUp {
  readonly #next: AbortedTransaction[];
  readonly #producers = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#next = aborted.toSorted((a, b) => b.firstOffset - a.firstOffset);
  }

  has(batch: FetchedBatch): boolean {
    for (let at = this.#next.length - 1; at >= 0 && this.#next[at].firstOffset <= batch.lastOffset; at -= 1) {
      this.#producers.add(this.#next[at].producerId);
      this.#next.pop();
    }
    if (this.#producers.size === 0) return false;
    if (batch.isControl && isAbort(batch)) this.#producers.delete(batch.producerId);
    return batch.isTransactional && this.#producers.has(batch.producerId);
  }
}

function isAbort(batch: FetchedBatch): boolean {
  const marks = new FetchedRecords();
  marks.append(batch, batch.firstOffset);
  const [mark] = marks.records();
  const key = mark?.key ?? null;
  return key !== null && ((key[MARK_TYPE_AT] << 8) | key[MARK_TYPE_AT + 1]) === ABORT;
}
