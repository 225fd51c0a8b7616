import { NotReady } from "../commit/not-ready.ts";
import { batchBytes, recordBytes } from "./batch-bytes.ts";
import { RECORDS_TOLD_MAX } from "./record-batch.ts";
import type { RecordBatch, RecordOutcome, RecordSpan, ToldRecord } from "./record-batch.ts";
import { spanAt } from "./span-at.ts";

/** One commit takes no more of records than this, so that agents, echoes and pages are not held up. */
const COMMIT_ROOM: CommitRoom = { bytes: 8_388_608, records: 50_000 };
/** Of a commit that windows' results fill: an alarm on records waits for none of them, and a backlog adds few to them. */
const CROWDED_ROOM: CommitRoom = { bytes: 524_288, records: 3_000 };
/** Of one, however many windows they open. */
const CROWDED_RECORDS_MIN = 10;
/** What waits of one stream; whoever brings more has to wait, or to come again. */
export const STREAM_INBOX_BYTES_MAX = 33_554_432;

/** What a commit takes of a batch, and whoever waits for it. */
export interface TakenBatch {
  readonly stream: string;
  readonly batch: RecordBatch;
  readonly resolve: (outcome: RecordOutcome) => void;
  readonly reject: (error: Error) => void;
}

/** A batch of which commits have taken some records, or none. */
interface WaitingBatch extends TakenBatch {
  takenCount: number;
  leftBytes: number;
  /** What became of those, so far as it is durable. */
  outcome: RecordOutcome | null;
}

/** What one commit still takes. */
interface CommitRoom {
  bytes: number;
  records: number;
}

/**
 * Batches of records on their way into commits, of each stream in order of arrival, and so many bytes at most. Streams share a commit:
 * a backlog of one does not hold up what is new in another.
 */
export class RecordInbox {
  /** By stream, in the order of their turns; none is empty. */
  readonly #waiting = new Map<string, WaitingBatch[]>();
  /** By the last commit. */
  #taken: readonly TakenBatch[] = [];
  readonly #bytes = new Map<string, number>();
  readonly #onOffer: () => void;
  readonly #windowsOfRecord: number;

  /** `onOffer`: something waits now. `windowsOfRecord`: that one opens at most. */
  constructor(onOffer: () => void, windowsOfRecord = 1) {
    this.#onOffer = onOffer;
    this.#windowsOfRecord = Math.max(1, windowsOfRecord);
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
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
    const waiting = { stream, batch, takenCount: 0, leftBytes: bytes, outcome: null, resolve, reject };
    const queue = this.#waiting.get(stream);
    if (queue === undefined) this.#waiting.set(stream, [waiting]);
    else queue.push(waiting);
    this.#onOffer();
    return promise;
  }

  /**
   * What the next commit takes: of each stream in turn as much as its share has room for, cut where not even one batch fits; then whole
   * batches while there is room. `shown`: the results of windows that the last tick had room for, which was not for all; no more windows
   * are opened meanwhile, or they would become more and more. Null: there was room for all.
   */
  take({ shown = null }: { readonly shown?: number | null } = {}): TakenBatch[] {
    const taken: TakenBatch[] = [];
    const whole = shown === null ? COMMIT_ROOM : this.#crowdedRoom(shown);
    const left = { ...whole };
    const count = this.#waiting.size;
    const streams = [...this.#waiting.keys()];
    for (const stream of streams) {
      if (left.bytes <= 0 || left.records <= 0) break;
      const share = { bytes: whole.bytes / count, records: Math.ceil(whole.records / count) };
      const room = {
        bytes: Math.min(share.bytes, left.bytes),
        records: Math.min(share.records, left.records),
      };
      const before = { ...room };
      let own = this.#takeWhole(stream, room);
      const [first] = own.length === 0 ? (this.#waiting.get(stream) ?? []) : [];
      if (first !== undefined) own = [this.#cut(first, room)];
      for (const each of own) taken.push(each);
      left.bytes -= before.bytes - room.bytes;
      left.records -= before.records - room.records;
      this.#endTurn(stream);
    }
    for (const stream of streams) for (const each of this.#takeWhole(stream, left)) taken.push(each);
    this.#taken = taken;
    return taken;
  }

  /** Nothing of what waits will be taken, and nobody will tell whether what the last commit took is durable. */
  fail(reason: string): void {
    for (const { reject } of this.#taken) reject(mayBeTaken(reason));
    for (const queue of this.#waiting.values()) for (const each of queue) refuse(each, reason);
    this.#waiting.clear();
    this.#taken = [];
    this.#bytes.clear();
  }

  /** The last commit has failed, and is tried again. Whoever has posted records is told; what is read again by its offsets waits. */
  refusePosted(reason: string): void {
    for (const { batch, reject } of this.#taken) if (isPosted(batch)) reject(mayBeTaken(reason));
    for (const [stream, queue] of this.#waiting) {
      const posted = queue.filter(({ batch }) => isPosted(batch));
      const others = queue.filter(({ batch }) => !isPosted(batch));
      if (others.length > 0) this.#waiting.set(stream, others);
      else this.#waiting.delete(stream);
      for (const each of posted) {
        this.#bytes.set(stream, this.bytesOf(stream) - each.leftBytes);
        refuse(each, reason);
      }
    }
  }

  #crowdedRoom(shown: number): CommitRoom {
    const records = Math.max(CROWDED_RECORDS_MIN, Math.floor(shown / this.#windowsOfRecord));
    return { ...CROWDED_ROOM, records: Math.min(CROWDED_ROOM.records, records) };
  }

  /** Whole batches, or what is left of them, while there is room; takes it. */
  #takeWhole(stream: string, room: CommitRoom): TakenBatch[] {
    const taken: TakenBatch[] = [];
    for (;;) {
      const [first] = this.#waiting.get(stream) ?? [];
      if (first === undefined) return taken;
      const count = first.batch.values.length - first.takenCount;
      if (first.leftBytes > room.bytes || count > room.records) return taken;
      room.bytes -= first.leftBytes;
      room.records -= count;
      taken.push(this.#rest(first));
    }
  }

  /** The others come first the next time. */
  #endTurn(stream: string): void {
    const queue = this.#waiting.get(stream);
    if (queue === undefined) return;
    this.#waiting.delete(stream);
    this.#waiting.set(stream, queue);
  }

  /** All that is left of the first one. */
  #rest(first: WaitingBatch): TakenBatch {
    const { stream, batch, takenCount, reject } = first;
    const queue = this.#waiting.get(stream);
    queue?.shift();
    if (queue?.length === 0) this.#waiting.delete(stream);
    this.#bytes.set(stream, this.bytesOf(stream) - first.leftBytes);
    if (takenCount === 0) return first;
    const own = partOf(batch, takenCount, batch.values.length);
    return {
      stream,
      batch: own,
      resolve: (outcome) => first.resolve(sumOf(first.outcome, outcome, takenCount)),
      reject,
    };
  }

  /** One record at least; takes what room it needs. */
  #cut(first: WaitingBatch, room: CommitRoom): TakenBatch {
    const { stream, batch, takenCount, reject } = first;
    let [to, bytes] = [takenCount, 0];
    while (to < batch.values.length && to - takenCount < room.records) {
      const next = recordBytes(batch.values, to);
      if (to > takenCount && bytes + next > room.bytes) break;
      bytes += next;
      to += 1;
    }
    room.bytes -= bytes;
    room.records -= to - takenCount;
    if (to === batch.values.length) return this.#rest(first);
    first.takenCount = to;
    first.leftBytes -= bytes;
    this.#bytes.set(stream, this.bytesOf(stream) - bytes);
    return {
      stream,
      batch: partOf(batch, takenCount, to),
      resolve: (outcome) => (first.outcome = sumOf(first.outcome, outcome, takenCount)),
      reject,
    };
  }
}

/** Whoever brings records without offsets waits for the answer, and cannot tell what was taken before it. */
function isPosted({ offsets }: RecordBatch): boolean {
  return offsets === null;
}

function refuse({ takenCount, reject }: WaitingBatch, reason: string): void {
  reject(takenCount > 0 ? mayBeTaken(reason) : new NotReady(`${reason}; nothing was taken: send it again`));
}

function mayBeTaken(reason: string): NotReady {
  return new NotReady(`${reason}; what was sent may have been taken: send it again, ids count once`);
}

/** Records of a batch as a batch of their own: the position behind it is that of the record that follows. */
function partOf(batch: RecordBatch, from: number, to: number): RecordBatch {
  const { partition, values, offsets, nextOffset, isAtEnd, resumedAt, topicId, damage } = batch;
  const isLast = to === values.length;
  const part = {
    partition,
    values: {
      length: to - from,
      at: (index: number) => values.at(from + index),
      spanAt: (index: number, span: RecordSpan) => spanAt(values, from + index, span),
    },
    offsets: offsets === null ? null : offsetsOf(offsets, from, to),
    nextOffset: isLast || offsets === null ? nextOffset : offsets[to],
    isAtEnd: isLast && isAtEnd,
    topicId,
  };
  if (from > 0 || resumedAt === undefined) return part;
  return damage === undefined ? { ...part, resumedAt } : { ...part, resumedAt, damage };
}

function offsetsOf(offsets: ArrayLike<number>, from: number, to: number): ArrayLike<number> {
  if (offsets instanceof Float64Array) return offsets.subarray(from, to);
  return Array.from({ length: to - from }, (_, at) => offsets[from + at]);
}

/** Of the records before, and of those from this place on. */
function sumOf(before: RecordOutcome | null, outcome: RecordOutcome, from: number): RecordOutcome {
  if (before === null) return outcome;
  const first = (of: "rejected" | "aside"): ToldRecord[] =>
    [...before[of], ...outcome[of].map((each) => ({ ...each, index: from + each.index }))].slice(
      0,
      RECORDS_TOLD_MAX,
    );
  return {
    received: before.received + outcome.received,
    taken: before.taken + outcome.taken,
    duplicates: before.duplicates + outcome.duplicates,
    setAside: before.setAside + outcome.setAside,
    tooLate: before.tooLate + outcome.tooLate,
    noEffect: before.noEffect + outcome.noEffect,
    rejectedCount: before.rejectedCount + outcome.rejectedCount,
    lost: before.lost + outcome.lost,
    rejected: first("rejected"),
    aside: first("aside"),
  };
}
