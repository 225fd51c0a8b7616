import { MillraceError } from "@millrace/runtime";
import type { Lane } from "@millrace/stream";
import { openBatch, peekHeader, restampEpoch } from "@millrace/wire";
import { epochOf, type LaneMemory } from "./load-lanes.ts";
import { sealSkipped } from "./seal-skipped.ts";
import type { Store } from "./store.ts";
import { numberedKey, numberOfKey, sequenceRange } from "./store-layout.ts";

export interface QueuedBatch {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

export interface DamagedRow {
  readonly type: "damaged";
  readonly lane: Lane;
  readonly sequence: number;
  readonly reason: string;
}

export interface StoredBatchesOptions {
  readonly store: Store;
  readonly storeId: string;
  readonly lanes: Readonly<Record<Lane, LaneMemory>>;
}

/** The queue's batches as the store has them, each held against its checksum when it is read. Changes nothing. */
export class StoredBatches {
  readonly #options: StoredBatchesOptions;
  /** Damaged batches that `takeDamaged` has not told yet. */
  readonly #damaged: { readonly lane: Lane; readonly sequence: number }[] = [];

  constructor(options: StoredBatchesOptions) {
    this.#options = options;
  }

  /** As `BatchQueue.read`. */
  async read(lane: Lane, fromSequence: number, limit: number): Promise<QueuedBatch[]> {
    const memory = this.#options.lanes[lane];
    const sequences: number[] = [];
    const end = Math.min(fromSequence + limit, memory.next);
    for (let sequence = Math.max(fromSequence, memory.oldest); sequence < end; sequence += 1) {
      if (memory.index.isHeld(sequence)) sequences.push(sequence);
    }
    const stored = await this.#readStored(sequences.map((sequence) => numberedKey("batch", lane, sequence)));
    const batches: QueuedBatch[] = [];
    for (const [at, sequence] of sequences.entries()) {
      // Trimmed meanwhile.
      if (!memory.index.isHeld(sequence)) continue;
      const bytes = stored[at];
      if (bytes === undefined && sequence >= memory.nextAtOpen) break;
      if (this.#isDamaged(lane, sequence, bytes) || bytes === undefined) {
        batches.push({ sequence, bytes: this.#standIn(lane, sequence) });
        continue;
      }
      const epoch = epochOf(memory.epochs, sequence);
      batches.push({
        sequence,
        bytes: peekHeader(bytes)?.epoch === epoch ? bytes : restampEpoch(bytes, epoch),
      });
    }
    return batches;
  }

  /** What `read` has found damaged since the last call. */
  takeDamaged(): { readonly lane: Lane; readonly sequence: number }[] {
    return this.#damaged.splice(0);
  }

  /** Reads and checks every batch of a lane: a row for each damaged one; at the end, how many were looked at. */
  async *verify(lane: Lane): AsyncGenerator<DamagedRow, number> {
    const { store, storeId, lanes } = this.#options;
    const { index, oldest, next } = lanes[lane];
    let batchesChecked = 0;
    let expected = index.nextHeld(oldest, next);
    for await (const { key, value } of store.range(sequenceRange("batch", lane, oldest, next))) {
      const sequence = numberOfKey(key);
      for (; expected < sequence; expected = index.nextHeld(expected + 1, next)) {
        yield { type: "damaged", lane, sequence: expected, reason: "absent" };
      }
      if (expected === sequence) expected = index.nextHeld(expected + 1, next);
      batchesChecked += 1;
      const fault = faultOf(value, lane, sequence, storeId);
      if (fault !== undefined) yield { type: "damaged", lane, sequence, reason: fault };
    }
    for (; expected < next; expected = index.nextHeld(expected + 1, next)) {
      yield { type: "damaged", lane, sequence: expected, reason: "absent" };
    }
    return batchesChecked;
  }

  /** What the store itself finds corrupt reads as no bytes: its neighbours are still to be had. */
  async #readStored(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const { store } = this.#options;
    try {
      return await store.getMany(keys);
    } catch (error) {
      if (!isCorruption(error)) throw error;
    }
    const values: (Uint8Array | undefined)[] = [];
    for (const key of keys) {
      try {
        values.push(await store.get(key));
      } catch (error) {
        if (!isCorruption(error)) throw error;
        values.push(NO_BYTES);
      }
    }
    return values;
  }

  #isDamaged(lane: Lane, sequence: number, bytes: Uint8Array | undefined): boolean {
    const { storeId, lanes } = this.#options;
    if (bytes !== undefined && faultOf(bytes, lane, sequence, storeId) === undefined) return false;
    const isKnown = this.#damaged.some((damaged) => damaged.lane === lane && damaged.sequence === sequence);
    if (!isKnown && lanes[lane].index.get(sequence)?.kind !== "skipped") {
      this.#damaged.push({ lane, sequence });
    }
    return true;
  }

  /** Always the same bytes for the same batch, over restarts too: made of its summary and its neighbours alone. */
  #standIn(lane: Lane, sequence: number): Uint8Array {
    const { storeId, lanes } = this.#options;
    const { index, next, epochs } = lanes[lane];
    const { readings, startMs, endMs } = index.get(sequence) ?? EMPTY_SUMMARY;
    const to = index.nextHeld(sequence + 1, next) - 1;
    return sealSkipped(
      { storeId, lane, epochs },
      { from: sequence, to, readings, reason: "damaged", startMs, endMs, sealedAtMs: endMs },
    );
  }
}

const NO_BYTES = new Uint8Array(0);
const EMPTY_SUMMARY = { readings: 0, startMs: 0, endMs: 0 } as const;

function isCorruption(error: unknown): boolean {
  return error instanceof MillraceError && error.code === "store_corrupt";
}

/** Why the bytes are not the batch that belongs there; undefined when they are. */
function faultOf(bytes: Uint8Array, lane: Lane, sequence: number, storeId: string): string | undefined {
  const opened = openBatch(bytes, Number.POSITIVE_INFINITY);
  if (!opened.ok) return opened.reason;
  const { batch } = opened;
  const isRight = batch.lane === lane && batch.sequence === sequence && batch.storeId === storeId;
  return isRight ? undefined : "misplaced";
}
