import type { AppendFields, BatchQueue, Change } from "@millrace/queue";
import type { Clock, Logger } from "@millrace/runtime";
import {
  type Frontier,
  FRONTIER_LANES,
  LANES,
  type Lane,
  mergeRanges,
  type PaneRows,
  PENDING_RANGES_MAX,
  readingCount,
  type TimeRange,
} from "@millrace/stream";
import {
  type AlarmEvent,
  type BatchKind,
  type Compression,
  type EvidencePart,
  encodeAlarmBatch,
  encodeEvidencePart,
  encodePaneBatch,
  packBody,
  type PackedBody,
} from "@millrace/wire";
import { AppendRate } from "./append-rate.ts";
import { BacklogCoarsener } from "./backlog-coarsener.ts";
import type { ClockGuard } from "../clock-guard.ts";
import type { Ledger } from "../ledger.ts";
import { OutboxRoom } from "./outbox-room.ts";
import { BODY_BYTES_MAX, coveredRange, groupSections, groupWithin } from "../panes/pane-groups.ts";

export interface OutboxOptions {
  readonly queue: BatchQueue;
  readonly clock: Clock;
  /** Whose time acknowledgements are kept by: a clock that was in 1970 for a moment must not make them old. */
  readonly guard: Pick<ClockGuard, "nowMs">;
  readonly log: Logger;
  readonly compression: Compression;
  readonly ledger: Ledger;
  readonly bytesMax: number;
  readonly retainAckedMs: number;
  readonly freeBytesMin: number;
  /** Free bytes of the disk, as last measured; null where nothing tells. */
  freeBytes(): number | null;
  /** What panes of this length become at a level, where the outbox is full. */
  coarseMsOf(metric: string, paneMs: number, levelMs: number): number;
  /** Event time of readings that are taken, and not in a pane yet: no frontier passes it. */
  stillHeld(): readonly TimeRange[];
  /** A commit should follow. */
  wake(): void;
  /** Number of the first frontier: above every one that this store has sent. */
  readonly frontierNumber: number;
  /** Watermark of the last frontier before the start. */
  readonly watermarkMs: number | null;
}

/** What a commit holds of the outbox. */
interface Appended {
  readonly next: Readonly<Record<Lane, number>>;
  readonly sent: Readonly<Record<Lane, number>>;
  readonly epoch: number;
  readonly sealed: SealedWatermark;
}

interface Covered {
  readonly readingCount: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** What the agent knows of its own completeness when it seals. */
export interface SealedWatermark {
  readonly watermarkMs: number | null;
  readonly isIdle: boolean;
  readonly isClockSynchronised: boolean;
}

/**
 * Bodies below this gain nothing by compression; of alarms, too little for what each packing leaves in memory until everything
 * is collected: in a storm of them that would be a pause of milliseconds each second.
 */
const COMPRESS_FROM_BYTES: Readonly<Record<Lane, number>> = {
  alarm: 4_096,
  live: 256,
  backfill: 256,
  evidence: 256,
};

/**
 * The agent's side of the durable queue: seals panes and alarms into batches, makes the frontier that says how far they
 * are complete, and stays within its byte cap. Everything it does goes into the changes of the agent's next commit.
 */
export class Outbox {
  readonly room: OutboxRoom;
  readonly #rate = new AppendRate();
  readonly #options: OutboxOptions;
  /** Marks of central that no commit has taken yet. */
  readonly #marks: Partial<Record<Lane, number>> = {};
  #frontierNumber: number;
  /** Since the last commit. */
  #hasNewEvidence = false;
  /** Of what has been handed to a commit. */
  #sealed: SealedWatermark;
  /** What is on disk: all that may be sent, and that a heartbeat may promise. */
  #durable: Appended;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#frontierNumber = options.frontierNumber;
    this.#sealed = { watermarkMs: options.watermarkMs, isIdle: false, isClockSynchronised: true };
    this.#durable = this.appended();
    const coarsener = new BacklogCoarsener({
      ...options,
      coarseMsOf: (metric, paneMs, levelMs) => options.coarseMsOf(metric, paneMs, levelMs),
      seal: (groups) => this.#sealMerged(groups),
      wake: () => options.wake(),
    });
    this.room = new OutboxRoom({ ...options, coarsener, freeBytes: () => options.freeBytes() });
  }

  get frontierNumber(): number {
    return this.#frontierNumber;
  }

  /** What went in during the last hour; null before there is a measure. */
  get bytesPerHour(): number | null {
    return this.#rate.bytesPerHour(this.#options.clock.monotonicMs());
  }

  /** What the last seal promised. */
  get sealed(): SealedWatermark {
    return this.#sealed;
  }

  get watermarkMs(): number | null {
    return this.#sealed.watermarkMs;
  }

  /** The first sequence of the lane that is not on disk. */
  durableNext(lane: Lane): number {
    return this.#durable.next[lane];
  }

  /** The first sequence of the lane that must not leave yet: it, its sent mark, or the store's epoch is not on disk. */
  sendableNext(lane: Lane): number {
    return this.isEpochDurable ? Math.min(this.#durable.next[lane], this.#durable.sent[lane] + 1) : 0;
  }

  get isEpochDurable(): boolean {
    return this.#durable.epoch === this.#options.queue.epoch;
  }

  /** Readings and alarms that central has not acknowledged, with those that wait for their commit; evidence has time. */
  get isEmpty(): boolean {
    return FRONTIER_LANES.every((lane) => this.#options.queue.lane(lane).queuedBatches === 0);
  }

  appendAlarms(changes: Change[], events: readonly AlarmEvent[]): void {
    for (const group of groupWithin(BODY_BYTES_MAX, events, (event) => encodeAlarmBatch([event]).length)) {
      this.#append(changes, "alarm", "alarms", encodeAlarmBatch(group), {
        readingCount: 0,
        startMs: group[0].timeMs,
        endMs: group[0].timeMs,
      });
    }
  }

  /** Seals deltas of panes, in as many batches as their size asks for. The watermark holds once they are all held. */
  appendPanes(
    changes: Change[],
    lane: "live" | "backfill",
    sections: readonly PaneRows[],
    sealed: SealedWatermark,
  ): void {
    this.#sealed = sealed;
    const groups = groupSections(sections);
    const lastSequence = this.#options.queue.lane(lane).next + groups.length - 1;
    const ranges = groups.map(coveredRange);
    for (const [index, group] of groups.entries()) {
      const frontier =
        lane === "live"
          ? this.#frontier({ sealed, liveSequence: lastSequence })
          : this.#frontier({ sealed, alsoPending: ranges });
      const body = encodePaneBatch({ frontier, sections: group });
      this.#append(changes, lane, "panes", body, {
        readingCount: sumOf(group, readingCount),
        ...ranges[index],
      });
    }
  }

  /** One part of evidence, in a batch of its own. What it covers is no event time that a window could wait for. */
  appendEvidence(changes: Change[], part: EvidencePart): void {
    const { queue, clock, ledger } = this.#options;
    const { startMs } = part.manifest;
    const packed = this.#pack("evidence", encodeEvidencePart(part));
    const covers = { readingCount: 0, startMs, endMs: startMs, sealedAtMs: clock.nowMs() };
    queue.append(changes, { lane: "evidence", kind: "evidence", ...packed, ...covers });
    ledger.totals.evidencePartsSealed += 1;
    this.#hasNewEvidence = true;
  }

  /** Readings were lost before they were in a batch: central hears of it, before any frontier that comes after. */
  appendLost(changes: Change[], readings: number, range: TimeRange): void {
    const { queue, clock } = this.#options;
    queue.appendSkipped(changes, "live", { readings, reason: "damaged", nowMs: clock.nowMs(), ...range });
  }

  /** Nothing waits to be sealed: the watermark may move without a batch. */
  advance(sealed: SealedWatermark): void {
    this.#sealed = sealed;
  }

  /** What was promised beyond this came of a wrong clock. Taking back needs no commit. */
  takeBack(watermarkMs: number | null): void {
    this.#sealed = takenBack(this.#sealed, watermarkMs);
    this.#durable = { ...this.#durable, sealed: takenBack(this.#durable.sealed, watermarkMs) };
  }

  /** The frontier of a heartbeat: what is under way to the disk is not promised yet. */
  frontier(): Frontier {
    return this.#frontier({ sealed: this.#durable.sealed });
  }

  acknowledged(lane: Lane, mark: number): void {
    this.#marks[lane] = Math.max(mark, this.#marks[lane] ?? 0);
  }

  /** Takes over the marks that central told at connect; they may lie behind: a restored central asks again. */
  adopt(changes: Change[], lane: Lane, mark: number): void {
    const { queue, ledger } = this.#options;
    if (mark >= queue.lane(lane).acked) return this.acknowledged(lane, mark);
    ledger.totals.forwarded -= queue.rewind(changes, lane, mark).readings;
    delete this.#marks[lane];
  }

  /** Adds acknowledgements, trims and evictions to a commit. */
  drainInto(changes: Change[]): void {
    const { queue, guard, ledger } = this.#options;
    // Before the acknowledgements: a damaged batch is acknowledged too, and its readings are counted once.
    const damaged = queue.takeDamaged(changes);
    ledger.totals.damaged += damaged.readings;
    ledger.totals.evidencePartsDamaged += damaged.parts;
    for (const lane of LANES) {
      const mark = this.#marks[lane];
      if (mark === undefined) continue;
      ledger.totals.forwarded += queue.ack(changes, lane, mark, guard.nowMs()).readings;
      delete this.#marks[lane];
    }
    this.room.make(changes);
    if (this.#hasNewEvidence) this.room.evictEvidence(changes);
    this.#hasNewEvidence = false;
  }

  /** How far the outbox has been handed to the commit: to be given to `durable` once that is. */
  appended(): Appended {
    const { queue } = this.#options;
    const alarm = queue.lane("alarm");
    const live = queue.lane("live");
    const backfill = queue.lane("backfill");
    const evidence = queue.lane("evidence");
    return {
      next: { alarm: alarm.next, live: live.next, backfill: backfill.next, evidence: evidence.next },
      sent: { alarm: alarm.sent, live: live.sent, backfill: backfill.sent, evidence: evidence.sent },
      epoch: queue.epoch,
      sealed: this.#sealed,
    };
  }

  /** The commit that took what was appended so far is durable. */
  durable(appended: Appended): void {
    this.#durable = appended;
  }

  /**
   * The link is up: alarms and live panes leave as soon as their commit is durable, so their mark goes with it. Only as far
   * as the link reaches: what lies beyond waits, and may have to be given up meanwhile.
   */
  markNextSent(changes: Change[], lastInReach: (lane: Lane) => number): void {
    for (const lane of ["alarm", "live"] as const)
      this.#options.queue.markSent(changes, lane, lastInReach(lane));
  }

  /** Panes that are in the outbox already, in coarser ones: with the frontier of now, under which they wait on. */
  #sealMerged(groups: readonly (readonly PaneRows[])[]): Omit<AppendFields, "lane" | "kind">[] {
    const ranges = groups.map(coveredRange);
    const sealedAtMs = this.#options.clock.nowMs();
    return groups.map((sections, index) => {
      const frontier = this.#frontier({ sealed: this.#durable.sealed, alsoPending: ranges });
      const body = this.#pack("backfill", encodePaneBatch({ frontier, sections }));
      return { ...body, readingCount: sumOf(sections, readingCount), sealedAtMs, ...ranges[index] };
    });
  }

  #append(changes: Change[], lane: Lane, kind: BatchKind, body: Uint8Array, covers: Covered): void {
    const { queue, clock } = this.#options;
    const fields = { lane, kind, ...this.#pack(lane, body), sealedAtMs: clock.nowMs(), ...covers };
    const { bytes } = queue.append(changes, fields);
    this.#rate.add(bytes.length, clock.monotonicMs());
  }

  #pack(lane: Lane, body: Uint8Array): PackedBody {
    const { compression } = this.#options;
    return packBody(body, body.length >= COMPRESS_FROM_BYTES[lane] ? compression : undefined);
  }

  #frontier(sealing: {
    readonly sealed: SealedWatermark;
    readonly liveSequence?: number;
    readonly alsoPending?: readonly TimeRange[];
  }): Frontier {
    const { queue } = this.#options;
    const pending = [
      ...queue.pendingRanges("backfill"),
      ...(sealing.alsoPending ?? []),
      ...this.#options.stillHeld(),
    ];
    this.#frontierNumber += 1;
    return {
      epoch: queue.epoch,
      number: this.#frontierNumber,
      ...sealing.sealed,
      pending: mergeRanges(pending, PENDING_RANGES_MAX),
      holds: {
        alarm: 0,
        live: sealing.liveSequence ?? this.#durable.next.live - 1,
        backfill: queue.lane("backfill").acked,
      },
    };
  }
}

function takenBack(sealed: SealedWatermark, watermarkMs: number | null): SealedWatermark {
  if (watermarkMs === null || sealed.watermarkMs === null || sealed.watermarkMs <= watermarkMs) return sealed;
  return { ...sealed, watermarkMs };
}

function sumOf<Item>(items: readonly Item[], count: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0);
}
