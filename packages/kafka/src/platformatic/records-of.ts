import type { AbortedTransaction, FetchedPartition } from "./fetch-api.ts";
import { batchesIn, type FetchedBatch } from "./fetched-batch.ts";
import { FetchedRecords } from "./fetched-records.ts";

/** Of a mark's key: a version, and which end it is. */
const MARK_TYPE_AT = 2;
const ABORT = 0;

/**
 * The records that a partition's answer has from `fromOffset` on: a broker sends whole batches, and they may begin before it.
 * Without marks, and without what belongs to a transaction that was given up. `nextOffset`: behind the last whole batch,
 * `fromOffset` where there is none. Throws where the bytes are damaged.
 */
export function recordsOf(
  { bytes, aborted }: Pick<FetchedPartition, "bytes" | "aborted">,
  fromOffset: number,
): { readonly records: FetchedRecords; readonly nextOffset: number } {
  const records = new FetchedRecords();
  const givenUp = new GivenUp(aborted);
  let nextOffset = fromOffset;
  for (const batch of batchesIn(bytes)) {
    nextOffset = Math.max(nextOffset, batch.lastOffset + 1);
    if (givenUp.has(batch) || batch.isControl || batch.lastOffset < fromOffset) continue;
    records.append(batch, fromOffset);
  }
  return { records, nextOffset };
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
