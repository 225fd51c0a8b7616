import type { BatchQueue, Change } from "@millrace/queue";
import type { Clock, Logger } from "@millrace/runtime";
import { LANES, type Lane } from "@millrace/stream";
import type { BacklogCoarsener, CoarsenedBacklog } from "./backlog-coarsener.ts";
import type { ClockGuard } from "../clock-guard.ts";
import type { Ledger } from "../ledger.ts";

export interface OutboxRoomOptions {
  readonly queue: BatchQueue;
  readonly clock: Clock;
  readonly guard: Pick<ClockGuard, "nowMs">;
  readonly log: Logger;
  readonly ledger: Ledger;
  readonly coarsener: BacklogCoarsener;
  readonly bytesMax: number;
  readonly retainAckedMs: number;
  readonly freeBytesMin: number;
  /** Free bytes of the disk, as last measured; null where nothing tells. */
  freeBytes(): number | null;
}

const INTERVAL_MS = 10_000;
/** Of `bytesMax`: what alarms may take before they are given up too, so that a flood of them leaves room for panes. */
const ALARM_SHARE = 1 / 4;
/** Of the room: how far the backlog is made coarser once it is full, so that not every batch asks for it again. */
const COARSE_SHARE = 7 / 8;
/** Of `freeBytesMin`: from where on the disk counts as no longer low. */
const FREE_AGAIN_SHARE = 1.1;

/**
 * Keeps the outbox within its byte cap, and from growing while the disk is low: acknowledged batches go first, then
 * evidence, then the oldest backlog becomes coarser, and only what is still too much is given up.
 */
export class OutboxRoom {
  readonly #options: OutboxRoomOptions;
  #lookedAtMs = 0;
  #isCoarsening = false;
  /** What the outbox held when the disk became low: as long as it is, it takes no more. */
  #lowDiskBytes: number | undefined;

  constructor(options: OutboxRoomOptions) {
    this.#options = options;
  }

  /** What was made coarser for want of room, since the start; null before there was any. */
  get coarsened(): CoarsenedBacklog | null {
    return this.#options.coarsener.coarsened;
  }

  /** Less is free than `freeBytesMin`. */
  get isDiskLow(): boolean {
    return this.#lowDiskBytes !== undefined;
  }

  /** Bytes that the outbox may take now. */
  get bytesMax(): number {
    return Math.min(this.#options.bytesMax, this.#lowDiskBytes ?? Number.POSITIVE_INFINITY);
  }

  /** Bytes that it may still gain: within its cap, and above the floor of the disk. */
  get bytesLeft(): number {
    const { freeBytesMin } = this.#options;
    const free = this.#options.freeBytes();
    const ofCap = this.bytesMax - this.#queuedBytes();
    return Math.max(0, Math.min(ofCap, free === null ? ofCap : free - freeBytesMin + this.#retainedBytes()));
  }

  /** Adds what is due to a commit. */
  make(changes: Change[]): void {
    const { queue, clock, guard, coarsener, retainAckedMs } = this.#options;
    const hasApplied = coarsener.applyInto(changes);
    const isDue = clock.monotonicMs() - this.#lookedAtMs >= INTERVAL_MS;
    if (!isDue && !this.#isCoarsening && !hasApplied) return;
    if (isDue) {
      this.#lookedAtMs = clock.monotonicMs();
      this.#lookAtDisk();
      queue.trim(changes, { nowMs: guard.nowMs(), retainAckedMs, bytesMax: this.bytesMax });
      void queue.compact().catch(() => undefined);
    }
    this.evictEvidence(changes);
    const wanted = this.#isCoarsening ? COARSE_SHARE * this.bytesMax : this.bytesMax;
    this.#isCoarsening = this.#queuedBytes() > wanted && coarsener.request();
    // What is being made coarser is not given up meanwhile.
    if (!this.#isCoarsening) this.#evictBeyondCap(changes);
  }

  /** Beyond the cap evidence goes before any reading becomes coarser. */
  evictEvidence(changes: Change[]): void {
    this.#evict(changes, "evidence", this.#queuedBytes() - this.bytesMax);
  }

  #lookAtDisk(): void {
    const { queue, log, freeBytesMin } = this.#options;
    const free = this.#options.freeBytes();
    if (free === null || free >= FREE_AGAIN_SHARE * freeBytesMin) {
      this.#lowDiskBytes = undefined;
    } else if (free < freeBytesMin) {
      log.repeated("disk_low", "the disk is low: the outbox takes no more of it", { free, freeBytesMin });
      this.#lowDiskBytes ??= this.#queuedBytes();
      void queue.compact(1).catch(() => undefined);
    }
  }

  /** Alarms beyond their share, then the oldest backfill, then live; alarms within their share are never given up. */
  #evictBeyondCap(changes: Change[]): void {
    const { queue, bytesMax } = this.#options;
    const alarmBytes = queue.lane("alarm").queuedBytes;
    this.#evict(changes, "alarm", alarmBytes - ALARM_SHARE * bytesMax);
    for (const lane of ["backfill", "live"] as const)
      this.#evict(changes, lane, this.#queuedBytes() - this.bytesMax);
  }

  /** Gives up the oldest of a lane, if `bytesOver` asks for it; a skipped batch says so to central. */
  #evict(changes: Change[], lane: Lane, bytesOver: number): void {
    const { queue, ledger, log, clock } = this.#options;
    const evicted = queue.evictOldest(changes, lane, bytesOver, clock.nowMs());
    if (evicted.batches === 0) return;
    ledger.totals.evicted += evicted.readings;
    if (lane === "alarm") ledger.totals.alarmBatchesEvicted += evicted.batches;
    if (lane === "evidence") ledger.totals.evidencePartsEvicted += evicted.batches;
    log.repeated(`outbox_full:${lane}`, "outbox is full: the oldest batches were given up", {
      lane,
      ...evicted,
    });
  }

  #queuedBytes(): number {
    return LANES.reduce((sum, lane) => sum + this.#options.queue.lane(lane).queuedBytes, 0);
  }

  #retainedBytes(): number {
    return LANES.reduce((sum, lane) => sum + this.#options.queue.lane(lane).retainedBytes, 0);
  }
}
