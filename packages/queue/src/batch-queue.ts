import { type Lane, LANES, type TimeRange } from "@millrace/stream";
import {
  type BatchKind,
  encodeSkippedBatch,
  type LaneMarks,
  RUNS_MAX,
  sealBatch,
  type SkippedReason,
  type StoreRun,
  WIRE_VERSION,
} from "@millrace/wire";
import { type BatchSummary, encodeSummary } from "./batch-summary.ts";
import {
  encodeJson,
  encodeMark,
  epochOf,
  type LaneMemory,
  loadIdentity,
  loadLane,
  loadRuns,
  restoreEpochs,
} from "./load-lanes.ts";
import { sealSkipped } from "./seal-skipped.ts";
import type { Change, Store } from "./store.ts";
import { IDENTITY_KEY, RUNS_KEY, laneKey, numberedKey, sequenceRange } from "./store-layout.ts";
import { type DamagedRow, type QueuedBatch, StoredBatches } from "./stored-batches.ts";

/** What an append adds to the body; sequence, epoch and store id are the queue's. */
export interface AppendFields {
  readonly lane: Lane;
  readonly kind: BatchKind;
  readonly body: Uint8Array;
  readonly isCompressed: boolean;
  readonly bodyBytesRaw: number;
  readonly readingCount: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly sealedAtMs: number;
}

/** Sequences oldest … next − 1 are held; the sums are of those that are not acknowledged. */
export interface LaneState {
  readonly oldest: number;
  readonly acked: number;
  /** Greatest sequence that may have been sent. */
  readonly sent: number;
  readonly next: number;
  readonly queuedBatches: number;
  readonly queuedBytes: number;
  /** Readings in queued `panes` batches. */
  readonly queuedReadings: number;
  /** Event time of the oldest that is not acknowledged and has one. */
  readonly oldestMs: number | null;
  /** Bytes of acknowledged batches, kept for a central that was restored from a backup. */
  readonly retainedBytes: number;
}

/** What an acknowledgement, a rewind, a trim or an eviction moved. `readings` are those in `panes` batches. */
export interface Moved {
  readonly batches: number;
  readonly bytes: number;
  readonly readings: number;
}

export interface TrimOptions {
  readonly nowMs: number;
  readonly retainAckedMs: number;
  /** Most bytes of the whole queue: above it, acknowledged batches go before their time. */
  readonly bytesMax: number;
}

/** Batches of a lane that lie together; `sequences` are those that are held, ascending. */
export interface UnsentRun {
  readonly from: number;
  /** With what its last batch covers. */
  readonly to: number;
  readonly sequences: readonly number[];
  readonly bytes: number;
  readonly readings: number;
}

export type VerifyRow =
  | { readonly type: "lane"; readonly lane: Lane; readonly state: LaneState; readonly batchesChecked: number }
  | DamagedRow;

/** Most batches of a lane that one `trim` deletes. */
export const TRIM_BATCHES_MAX = 1000;
/** Deleted batches that make a compaction worth its writes. */
const COMPACT_BATCHES_MIN = 1000;
/** About what the `skipped` batch takes that stands in for evicted ones. */
const SKIPPED_BYTES = 256;
const MINUTE_MS = 60_000;

/**
 * The outbox: a durable ordered queue of sealed batches in the lanes of one Store.
 *
 * Every mutation is written into the caller's `changes`, to be committed together with the caller's own state. Memory
 * is ahead of the disk from the call on: the caller must commit these very changes, in the order of the calls, and when
 * a commit fails retry the same until it succeeds, or drop the queue and open it anew. Before a batch is read to be
 * sent, the commit that holds it and the mark of `markSent` must be durable.
 */
export class BatchQueue {
  readonly storeId: string;
  readonly #store: Store;
  readonly #lanes: Readonly<Record<Lane, LaneMemory>>;
  readonly #stored: StoredBatches;
  #epoch: number;
  #runs: readonly StoreRun[];

  private constructor(
    store: Store,
    identity: { storeId: string; epoch: number },
    lanes: Readonly<Record<Lane, LaneMemory>>,
    runs: readonly StoreRun[],
  ) {
    this.#store = store;
    this.#runs = runs;
    this.storeId = identity.storeId;
    this.#epoch = identity.epoch;
    this.#lanes = lanes;
    this.#stored = new StoredBatches({ store, storeId: identity.storeId, lanes });
  }

  /**
   * Loads the lanes; in a store that has no queue yet, gives it its random 128-bit name, durably. `lostMs` is the event time
   * that is told as lost for a batch of which not even the summary is left.
   */
  static async open(
    store: Store,
    options: { readonly random: { hex(count: number): string }; readonly lostMs?: TimeRange },
  ): Promise<BatchQueue> {
    const { lostMs = { startMs: 0, endMs: 0 } } = options;
    const lanes = {
      alarm: await loadLane(store, "alarm", { startMs: 0, endMs: 0 }),
      live: await loadLane(store, "live", lostMs),
      backfill: await loadLane(store, "backfill", lostMs),
      evidence: await loadLane(store, "evidence", { startMs: 0, endMs: 0 }),
    };
    const identity = await loadIdentity(store, lanes, options.random);
    for (const lane of LANES)
      await restoreEpochs(store, lane, { memory: lanes[lane], epoch: identity.epoch });
    return new BatchQueue(store, identity, lanes, await loadRuns(store));
  }

  /**
   * A process starts on this store. What is here now may be in a copy of the store too (it, or this one, may be a clone,
   * or an image brought back), batch for batch; what is appended from now on is this run's alone.
   */
  begin(changes: Change[], run: string): void {
    const { alarm, live, backfill, evidence } = this.#lanes;
    const from = { alarm: alarm.next, live: live.next, backfill: backfill.next, evidence: evidence.next };
    this.#runs = [...this.#runs, { run, from }].slice(-RUNS_MAX);
    changes.push({ type: "put", key: RUNS_KEY, value: encodeJson(this.#runs) });
    // What was found lost is told in the same words after the next start.
    for (const lane of LANES) {
      const { lost, index } = this.#lanes[lane];
      for (const sequence of lost.splice(0)) {
        const summary = index.get(sequence);
        if (summary === undefined) continue;
        changes.push({
          type: "put",
          key: numberedKey("summary", lane, sequence),
          value: encodeSummary(summary),
        });
      }
    }
  }

  /** The runs that wrote this store, oldest first; for hello. */
  get runs(): readonly StoreRun[] {
    return this.#runs;
  }

  /** Of new batches; 0 before central has given one. */
  get epoch(): number {
    return this.#epoch;
  }

  /** In batches of all lanes that the receiver does not hold yet. */
  get queuedReadings(): number {
    return LANES.reduce((sum, lane) => sum + this.#lanes[lane].queuedReadings, 0);
  }

  lane(lane: Lane): LaneState {
    const { oldest, acked, sent, next, queuedBatches, queuedBytes, queuedReadings, heldBytes, index } =
      this.#lanes[lane];
    const first = index.get(index.nextHeld(acked + 1, next));
    return {
      oldest,
      acked,
      sent,
      next,
      queuedBatches,
      queuedBytes,
      queuedReadings,
      oldestMs: first === undefined || first.endMs === 0 ? null : first.startMs,
      retainedBytes: heldBytes - queuedBytes,
    };
  }

  /** For hello. */
  marks(): Record<Lane, LaneMarks> {
    return {
      alarm: marksOf(this.#lanes.alarm),
      live: marksOf(this.#lanes.live),
      backfill: marksOf(this.#lanes.backfill),
      evidence: marksOf(this.#lanes.evidence),
    };
  }

  /**
   * Event time of unacknowledged batches, of those that tell what was given up too: until central holds them it does not
   * know of the loss. Disjoint, ascending, at most PENDING_RANGES_MAX.
   */
  pendingRanges(lane: Lane): readonly TimeRange[] {
    const memory = this.#lanes[lane];
    return memory.index.pendingRanges(memory.acked + 1, memory.next);
  }

  /** Gives the batch its sequence and seals it under the current epoch. */
  append(changes: Change[], fields: AppendFields): QueuedBatch {
    const memory = this.#lanes[fields.lane];
    const sequence = memory.next;
    if (memory.epochs.at(-1)?.epoch !== this.#epoch)
      memory.epochs.push({ epoch: this.#epoch, from: sequence });
    const { readingCount, ...rest } = fields;
    const bytes = sealBatch({
      ...rest,
      wireVersion: WIRE_VERSION,
      storeId: this.storeId,
      epoch: this.#epoch,
      sequence,
      readingCount,
    });
    const { kind, startMs, endMs } = fields;
    this.#put(
      changes,
      fields.lane,
      { sequence, bytes },
      { kind, bytes: bytes.length, readings: readingCount, startMs, endMs },
    );
    memory.next += 1;
    memory.index.extendPending({ startMs, endMs });
    this.#putLane(changes, fields.lane);
    return { sequence, bytes };
  }

  /** Tells central of readings that were lost before they were in a batch, by a `skipped` batch for itself alone. */
  appendSkipped(
    changes: Change[],
    lane: Lane,
    lost: TimeRange & { readonly readings: number; readonly reason: SkippedReason; readonly nowMs: number },
  ): QueuedBatch {
    const { readings, reason, startMs, endMs, nowMs } = lost;
    const sequence = this.#lanes[lane].next;
    const body = encodeSkippedBatch({ from: sequence, to: sequence, readings, reason });
    const covers = { readingCount: readings, startMs, endMs, sealedAtMs: nowMs };
    const packed = { body, isCompressed: false, bodyBytesRaw: body.length };
    return this.append(changes, { lane, kind: "skipped", ...packed, ...covers });
  }

  /** Everything up to `sequence` may be sent once this is durable, and is never evicted or moved to another epoch again. */
  markSent(changes: Change[], lane: Lane, sequence: number): void {
    const memory = this.#lanes[lane];
    const sent = Math.min(sequence, memory.next - 1);
    if (sent <= memory.sent) return;
    memory.sent = sent;
    this.#putLane(changes, lane);
  }

  /** Central holds everything up to `sequence`, durably. What came free is what the ledger calls forwarded. */
  ack(changes: Change[], lane: Lane, sequence: number, nowMs: number): Moved {
    const memory = this.#lanes[lane];
    // What was given up behind the mark is covered by a `skipped` batch before it.
    const mark = memory.index.nextHeld(Math.min(sequence, memory.next - 1) + 1, memory.next) - 1;
    if (mark <= memory.acked) return NOTHING;
    const moved = this.#sum(memory, memory.acked + 1, mark);
    this.#countQueued(memory, moved, -1);
    memory.acked = mark;
    memory.sent = Math.max(memory.sent, mark);
    memory.index.forgetPending();
    const minute = Math.max(0, Math.floor(nowMs / MINUTE_MS));
    memory.acks = [...memory.acks.filter((ack) => ack.minute !== minute), { minute, mark }];
    changes.push({ type: "put", key: numberedKey("ack", lane, minute), value: encodeMark(mark) });
    this.#putLane(changes, lane);
    return moved;
  }

  /** A restored central holds less than it had acknowledged: what is still kept above `mark` is queued again. */
  rewind(changes: Change[], lane: Lane, mark: number): Moved {
    const memory = this.#lanes[lane];
    let acked = Math.max(mark, memory.oldest - 1);
    if (acked >= memory.acked) return NOTHING;
    // Into the middle of what was given up: back to the `skipped` batch that covers it.
    while (acked >= memory.oldest && !memory.index.isHeld(acked + 1)) acked -= 1;
    const moved = this.#sum(memory, acked + 1, memory.acked);
    this.#countQueued(memory, moved, 1);
    memory.acked = acked;
    memory.index.forgetPending();
    // Their time begins again with the next acknowledgement.
    this.#dropAcks(changes, lane, (ack) => ack.mark > acked);
    this.#putLane(changes, lane);
    return moved;
  }

  /** Deletes acknowledged batches, oldest first: those kept long enough, and as many as `bytesMax` asks for. */
  trim(changes: Change[], options: TrimOptions): Moved & { readonly hasMore: boolean } {
    const { nowMs, retainAckedMs, bytesMax } = options;
    let bytesOver = -bytesMax;
    for (const lane of LANES) bytesOver += this.#lanes[lane].heldBytes;
    const total = { batches: 0, bytes: 0, readings: 0, hasMore: false };
    // Evidence and backfill go first when room is short: they are the largest and the least urgent.
    for (const lane of LANES.toReversed()) {
      const memory = this.#lanes[lane];
      const isOver = (ack: { minute: number }) => (ack.minute + 1) * MINUTE_MS + retainAckedMs <= nowMs;
      const mark = Math.min(memory.acked, memory.acks.findLast(isOver)?.mark ?? 0);
      let oldest = memory.oldest;
      let deleted = 0;
      while (oldest <= memory.acked && (oldest <= mark || bytesOver > 0)) {
        if (deleted === TRIM_BATCHES_MAX) {
          total.hasMore = true;
          break;
        }
        const summary = memory.index.get(oldest);
        if (summary !== undefined) {
          deleted += 1;
          bytesOver -= summary.bytes;
          total.batches += 1;
          total.bytes += summary.bytes;
          if (summary.kind === "panes") total.readings += summary.readings;
          this.#delete(changes, lane, oldest);
        }
        oldest += 1;
      }
      if (oldest === memory.oldest) continue;
      memory.oldest = oldest;
      memory.index.dropBelow(oldest);
      while (memory.epochs.length > 1 && memory.epochs[1].from <= oldest) memory.epochs.shift();
      this.#dropAcks(changes, lane, (ack) => ack.mark < oldest);
      this.#putLane(changes, lane);
    }
    return total;
  }

  /**
   * Gives up the oldest unsent batches of the lane until about `bytesWanted` are free. One `skipped` batch takes their
   * place, under the sequence of the first, so that nothing is left to append and central's mark can move on. The result
   * counts what was really lost now, not what an earlier `skipped` batch among them had already given up.
   */
  evictOldest(
    changes: Change[],
    lane: Lane,
    bytesWanted: number,
    nowMs: number,
  ): Moved & { from: number; to: number } {
    const memory = this.#lanes[lane];
    const from = memory.index.nextHeld(Math.max(memory.acked, memory.sent) + 1, memory.next);
    const gone: number[] = [];
    const lost = { batches: 0, bytes: 0, readings: 0 };
    const covered = { readings: 0, startMs: Infinity, endMs: -Infinity };
    let sequence = from;
    for (; sequence < memory.next && lost.bytes < bytesWanted + SKIPPED_BYTES; sequence += 1) {
      const summary = memory.index.get(sequence);
      if (summary === undefined) continue;
      gone.push(sequence);
      covered.readings += summary.readings;
      if (summary.startMs < summary.endMs) {
        covered.startMs = Math.min(covered.startMs, summary.startMs);
        covered.endMs = Math.max(covered.endMs, summary.endMs);
      }
      if (summary.kind === "skipped") continue;
      lost.batches += 1;
      lost.bytes += summary.bytes;
      if (summary.kind === "panes") lost.readings += summary.readings;
    }
    if (bytesWanted <= 0 || lost.batches === 0) return { ...NOTHING, from, to: from - 1 };
    const to = memory.index.nextHeld(sequence, memory.next) - 1;
    this.#countQueued(memory, this.#sum(memory, from, to), -1);
    for (const each of gone) this.#delete(changes, lane, each);
    const hasTime = covered.startMs < covered.endMs;
    const summary = {
      kind: "skipped",
      readings: covered.readings,
      startMs: hasTime ? covered.startMs : 0,
      endMs: hasTime ? covered.endMs : 0,
    } as const;
    const bytes = sealSkipped(
      { storeId: this.storeId, lane, epochs: memory.epochs },
      { from, to, reason: "evicted", sealedAtMs: nowMs, ...summary },
    );
    this.#put(changes, lane, { sequence: from, bytes }, { ...summary, bytes: bytes.length });
    memory.index.forgetPending();
    this.#putLane(changes, lane);
    return { ...lost, from, to };
  }

  /**
   * The first unsent batches from `fromSequence` on that may be merged, at most of `bytesMax` and `batchesMax`: panes, and
   * what says that such were merged before. Undefined where there are none.
   */
  unsentRun(
    lane: Lane,
    fromSequence: number,
    { bytesMax, batchesMax }: { readonly bytesMax: number; readonly batchesMax: number },
  ): UnsentRun | undefined {
    const { index, acked, sent, next } = this.#lanes[lane];
    let sequence = index.nextHeld(Math.max(acked + 1, sent + 1, fromSequence), next);
    while (sequence < next && !isMergeable(index.get(sequence)))
      sequence = index.nextHeld(sequence + 1, next);
    if (sequence >= next) return undefined;
    const from = sequence;
    const sequences: number[] = [];
    let bytes = 0;
    let readings = 0;
    for (; sequence < next; sequence = index.nextHeld(sequence + 1, next)) {
      const summary = index.get(sequence);
      if (!isMergeable(summary) || sequences.length === batchesMax) break;
      if (sequences.length > 0 && bytes + summary.bytes > bytesMax) break;
      sequences.push(sequence);
      bytes += summary.bytes;
      readings += summary.readings;
    }
    return { from, to: sequence - 1, sequences, bytes, readings };
  }

  /**
   * Puts fewer batches in the place of a run's, that hold the same readings: they take its first sequences, and a `skipped`
   * one that tells of no loss stands for the others, so that central's mark moves on. Does nothing, and returns false,
   * where the run is no longer as it was, or would not become smaller.
   */
  replaceRun(
    changes: Change[],
    lane: Lane,
    run: UnsentRun,
    merged: readonly Omit<AppendFields, "lane" | "kind">[],
  ): boolean {
    const memory = this.#lanes[lane];
    const { from, to, sequences } = run;
    const isAsItWas =
      from > Math.max(memory.acked, memory.sent) && sequences.every((each) => memory.index.isHeld(each));
    const readings = merged.reduce((sum, { readingCount }) => sum + readingCount, 0);
    if (!isAsItWas || merged.length > to - from || readings !== run.readings) return false;
    this.#countQueued(memory, this.#sum(memory, from, to), -1);
    for (const sequence of sequences) this.#delete(changes, lane, sequence);
    let sequence = from;
    for (const { readingCount, startMs, endMs, ...fields } of merged) {
      const epoch = epochOf(memory.epochs, sequence);
      const sealed = {
        ...fields,
        readingCount,
        startMs,
        endMs,
        lane,
        kind: "panes",
        epoch,
        sequence,
      } as const;
      const bytes = sealBatch({ ...sealed, wireVersion: WIRE_VERSION, storeId: this.storeId });
      const summary = { kind: "panes", bytes: bytes.length, readings: readingCount, startMs, endMs } as const;
      this.#put(changes, lane, { sequence, bytes }, summary);
      sequence += 1;
    }
    const time = { startMs: 0, endMs: 0 };
    const bytes = sealSkipped(
      { storeId: this.storeId, lane, epochs: memory.epochs },
      {
        from: sequence,
        to,
        readings: 0,
        reason: "coarsened",
        sealedAtMs: merged.at(-1)?.sealedAtMs ?? 0,
        ...time,
      },
    );
    this.#put(
      changes,
      lane,
      { sequence, bytes },
      { kind: "skipped", bytes: bytes.length, readings: 0, ...time },
    );
    memory.index.forgetPending();
    this.#putLane(changes, lane);
    return true;
  }

  /** Event time of the batches from–to where some of them are merged ones; undefined where none is. */
  coarsenedIn(lane: Lane, from: number, to: number): TimeRange | undefined {
    const { index } = this.#lanes[lane];
    let isCoarsened = false;
    const time = { startMs: Infinity, endMs: -Infinity };
    for (let sequence = from; sequence <= to; sequence += 1) {
      const summary = index.get(sequence);
      if (summary === undefined) continue;
      if (summary.kind === "skipped" && isMergeable(summary)) isCoarsened = true;
      if (summary.startMs >= summary.endMs) continue;
      time.startMs = Math.min(time.startMs, summary.startMs);
      time.endMs = Math.max(time.endMs, summary.endMs);
    }
    return isCoarsened && time.startMs < time.endMs ? time : undefined;
  }

  /**
   * Batches above `sent` and not before `epochFrom`, and all new ones, belong to `epoch`. What lies before it and never
   * had an epoch was sent by a copy of this store under the first one. One small change, whatever their number: the
   * lanes say where an epoch begins, and a batch gets its stamp when it is read.
   */
  assignEpoch(changes: Change[], epoch: number, epochFrom?: Readonly<Record<Lane, number>>): void {
    this.#epoch = epoch;
    changes.push({ type: "put", key: IDENTITY_KEY, value: encodeJson({ storeId: this.storeId, epoch }) });
    for (const lane of LANES) {
      const memory = this.#lanes[lane];
      const from = Math.max(memory.sent + 1, epochFrom?.[lane] ?? 0);
      const kept = memory.epochs.filter((start) => start.from < from);
      const isNamed = epochFrom !== undefined && epoch > 1 && !kept.some((start) => start.epoch === 1);
      // Without an epoch nothing is sent: what says so all the same was put together after damage.
      const nameless = isNamed ? 1 : epochFrom === undefined ? epoch : 0;
      const named = kept.map((start) => (start.epoch === 0 ? { ...start, epoch: nameless } : start));
      memory.epochs = [...named, { epoch, from }];
      this.#putLane(changes, lane);
    }
  }

  /**
   * The batches among sequences `fromSequence` … `fromSequence + limit − 1`, ascending; fewer where some were given up,
   * end, or are not committed yet. In place of a damaged one comes a `skipped` one.
   */
  read(lane: Lane, fromSequence: number, limit: number): Promise<QueuedBatch[]> {
    return this.#stored.read(lane, fromSequence, limit);
  }

  /**
   * What `read` has found damaged since the last call: lost, and to be counted so, in the same commit. Each batch is told
   * once, over restarts too. `parts` are those of evidence.
   */
  takeDamaged(changes: Change[]): Moved & { readonly parts: number } {
    const lost = { batches: 0, bytes: 0, readings: 0, parts: 0 };
    for (const { lane, sequence } of this.#stored.takeDamaged()) {
      const memory = this.#lanes[lane];
      const summary = memory.index.get(sequence);
      if (summary === undefined || summary.kind === "skipped") continue;
      lost.batches += 1;
      lost.bytes += summary.bytes;
      if (summary.kind === "evidence") lost.parts += 1;
      if (summary.kind === "panes") {
        lost.readings += summary.readings;
        if (sequence > memory.acked) memory.queuedReadings -= summary.readings;
      }
      const marked = { ...summary, kind: "skipped" } as const;
      memory.index.set(sequence, marked);
      memory.index.forgetPending();
      changes.push({
        type: "put",
        key: numberedKey("summary", lane, sequence),
        value: encodeSummary(marked),
      });
    }
    return lost;
  }

  /** The batches that are held, ascending, as they were summed up when they were appended. */
  *summaries(lane: Lane): Generator<BatchSummary & { readonly sequence: number }> {
    const { index, oldest, next } = this.#lanes[lane];
    for (let sequence = index.nextHeld(oldest, next); sequence < next;) {
      const summary = index.get(sequence);
      if (summary !== undefined) yield { sequence, ...summary };
      sequence = index.nextHeld(sequence + 1, next);
    }
  }

  /** Reads and checks every batch; the damaged ones, then a row for each lane. Changes nothing. */
  async *verify(): AsyncGenerator<VerifyRow> {
    for (const lane of LANES) {
      const batchesChecked = yield* this.#stored.verify(lane);
      yield { type: "lane", lane, state: this.lane(lane), batchesChecked };
    }
  }

  /** Gives the disk space of deleted batches back, of lanes where there are at least so many; for idle time. */
  async compact(deletedMin = COMPACT_BATCHES_MIN): Promise<void> {
    for (const lane of LANES) {
      const memory = this.#lanes[lane];
      if (memory.deletedSinceCompact < deletedMin) continue;
      memory.deletedSinceCompact = 0;
      for (const prefix of ["batch", "summary"] as const) {
        const { from, to } = sequenceRange(prefix, lane, 0, memory.next);
        await this.#store.compact(from, to);
      }
    }
  }

  #put(changes: Change[], lane: Lane, batch: QueuedBatch, summary: BatchSummary): void {
    const memory = this.#lanes[lane];
    memory.index.set(batch.sequence, summary);
    memory.heldBytes += summary.bytes;
    this.#countQueued(memory, this.#sum(memory, batch.sequence, batch.sequence), 1);
    changes.push(
      { type: "put", key: numberedKey("batch", lane, batch.sequence), value: batch.bytes },
      { type: "put", key: numberedKey("summary", lane, batch.sequence), value: encodeSummary(summary) },
    );
  }

  #delete(changes: Change[], lane: Lane, sequence: number): void {
    const memory = this.#lanes[lane];
    memory.heldBytes -= memory.index.get(sequence)?.bytes ?? 0;
    memory.deletedSinceCompact += 1;
    memory.index.remove(sequence);
    changes.push(
      { type: "del", key: numberedKey("batch", lane, sequence) },
      { type: "del", key: numberedKey("summary", lane, sequence) },
    );
  }

  #putLane(changes: Change[], lane: Lane): void {
    const { oldest, acked, sent, next, epochs } = this.#lanes[lane];
    changes.push({
      type: "put",
      key: laneKey(lane),
      value: encodeJson({ oldest, acked, sent, next, epochs }),
    });
  }

  #dropAcks(changes: Change[], lane: Lane, isGone: (ack: { mark: number }) => boolean): void {
    const memory = this.#lanes[lane];
    for (const ack of memory.acks.filter(isGone)) {
      changes.push({ type: "del", key: numberedKey("ack", lane, ack.minute) });
    }
    memory.acks = memory.acks.filter((ack) => !isGone(ack));
  }

  #sum(memory: LaneMemory, from: number, to: number): Moved {
    const sum = { batches: 0, bytes: 0, readings: 0 };
    for (let sequence = from; sequence <= to; sequence += 1) {
      const summary = memory.index.get(sequence);
      if (summary === undefined) continue;
      sum.batches += 1;
      sum.bytes += summary.bytes;
      if (summary.kind === "panes") sum.readings += summary.readings;
    }
    return sum;
  }

  /** What was summed counts as queued, or no longer does. */
  #countQueued(memory: LaneMemory, sum: Moved, sign: 1 | -1): void {
    memory.queuedBatches += sign * sum.batches;
    memory.queuedBytes += sign * sum.bytes;
    memory.queuedReadings += sign * sum.readings;
  }
}

/** Panes, or the `skipped` one behind merged panes: of no readings, of no time, and really stored. */
function isMergeable(summary: BatchSummary | undefined): summary is BatchSummary {
  if (summary === undefined) return false;
  const { kind, bytes, readings, startMs, endMs } = summary;
  return (
    kind === "panes" || (kind === "skipped" && bytes > 0 && readings === 0 && startMs === 0 && endMs === 0)
  );
}

const NOTHING: Moved = { batches: 0, bytes: 0, readings: 0 };

function marksOf(memory: LaneMemory): LaneMarks {
  const { oldest, sent, next, acked } = memory;
  const epochs: { epoch: number; from: number }[] = [];
  for (const { epoch, from } of memory.epochs) {
    if (from >= next) break;
    if (from <= oldest) epochs.length = 0;
    epochs.push({ epoch, from: Math.max(from, oldest) });
  }
  return { oldest, sent, next, acked, epochs: oldest === next ? [] : epochs };
}
