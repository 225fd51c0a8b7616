import { reasonOf } from "@millrace/runtime";
import type { AbortedTransaction } from "./fetch-api.ts";
import type { FetchedBatch, UnreadableBatch } from "./fetched-batch.ts";
import { FetchedRecords } from "./fetched-records.ts";

/** Of a mark's key: a version, and which end it is. */
const MARK_TYPE_AT = 2;
const ABORT = 0;

/** Unpacked at once: a fetch of batches that are not packed is one piece. */
const PIECE_BYTES_MAX = 8 * 1024 * 1024;

/** Some records that follow one another. */
export interface FetchedPiece {
  readonly records: FetchedRecords;
  /** Behind the last batch that could be read. */
  readonly nextOffset: number;
  /** The batch that stands there and could not. */
  readonly unreadable: UnreadableBatch | null;
  /** Nothing comes behind it. */
  readonly isLast: boolean;
}

/**
 * The records that a partition's batches have from `fromOffset` on: a broker sends whole batches, and they may begin before it.
 * Without marks, and without what belongs to a transaction that was given up. Piece by piece, each unpacked when it is asked
 * for: packed they may be a hundredth of what they are.
 */
export function* recordsOf(
  {
    batches,
    aborted,
  }: { readonly batches: readonly FetchedBatch[]; readonly aborted: readonly AbortedTransaction[] },
  fromOffset: number,
  pieceBytesMax = PIECE_BYTES_MAX,
): Generator<FetchedPiece, void> {
  const givenUp = new GivenUp(aborted);
  let records = new FetchedRecords();
  let nextOffset = fromOffset;
  for (const [at, batch] of batches.entries()) {
    const { firstOffset, lastOffset, bytes } = batch;
    try {
      if (!givenUp.has(batch) && !batch.isControl && lastOffset >= fromOffset)
        records.append(batch, fromOffset);
    } catch (error) {
      const reason = `the batch at offset ${firstOffset} cannot be read: ${reasonOf(error)}`;
      const unreadable = { firstOffset, nextOffset: lastOffset + 1, reason, bytes };
      yield { records, nextOffset, unreadable, isLast: true };
      return;
    }
    nextOffset = Math.max(nextOffset, lastOffset + 1);
    const isLast = at === batches.length - 1;
    if (!isLast && records.byteLength < pieceBytesMax) continue;
    yield { records, nextOffset, unreadable: null, isLast };
    records = new FetchedRecords();
  }
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
