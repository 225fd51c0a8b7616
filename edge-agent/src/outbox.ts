import type { AlarmEvent } from "@millrace/detect";
import type { BatchQueue, Change } from "@millrace/queue";
import type { Clock, Logger } from "@millrace/runtime";
import {
  type Frontier,
  type Labels,
  LANES,
  type Lane,
  mergeRanges,
  type PaneRows,
  PENDING_RANGES_MAX,
  readingCount,
  type TimeRange,
} from "@millrace/stream";
import {
  type BatchKind,
  type Compression,
  encodeAlarmBatch,
  encodePaneBatch,
  packBody,
} from "@millrace/wire";
import type { Ledger } from "./ledger.ts";

export interface OutboxOptions {
  readonly queue: BatchQueue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly compression: Compression;
  readonly ledger: Ledger;
  readonly bytesMax: number;
  readonly retainAckedMs: number;
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
 * Of a body before compression: far within the wire's bound, and small enough that one batch holds up a slow link for
 * little more than a second even where it does not compress.
 */
const BODY_BYTES_MAX = 64 * 1024;
/** A row's series and start, and a float64 field, at their greatest. */
const ROW_BYTES = 20;
const FIELD_BYTES = 10;
/** Bytes of one UTF-16 unit in UTF-8, at most. */
const UTF8_BYTES_MAX = 3;
/** Bodies below this gain nothing by compression. */
const COMPRESS_FROM_BYTES = 256;
const TRIM_INTERVAL_MS = 10_000;
/** Of `bytesMax`: what alarms may take before they are given up too, so that a flood of them leaves room for panes. */
const ALARM_SHARE = 1 / 4;

/**
 * The agent's side of the durable queue: seals panes and alarms into batches, makes the frontier that says how far they
 * are complete, and stays within its byte cap. Everything it does goes into the changes of the agent's next commit.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  /** Marks of central that no commit has taken yet. */
  readonly #marks: Partial<Record<Lane, number>> = {};
  #frontierNumber: number;
  /** Of what has been handed to a commit. */
  #sealed: SealedWatermark;
  /** What is on disk: all that may be sent, and that a heartbeat may promise. */
  #durable: Appended;
  #trimmedAtMs = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#frontierNumber = options.frontierNumber;
    this.#sealed = { watermarkMs: options.watermarkMs, isIdle: false, isClockSynchronised: true };
    this.#durable = this.appended();
  }

  get frontierNumber(): number {
    return this.#frontierNumber;
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

  /** Batches that central has not acknowledged, with those that wait for their commit. */
  get isEmpty(): boolean {
    return LANES.every((lane) => this.#options.queue.lane(lane).queuedBatches === 0);
  }

  appendAlarms(changes: Change[], events: readonly AlarmEvent[]): void {
    for (const group of groupWithin(BODY_BYTES_MAX, events, (event) => encodeAlarmBatch([event]).length)) {
      this.#append(changes, "alarm", "alarms", encodeAlarmBatch(group), {
        readingCount: 0,
        startMs: 0,
        endMs: 0,
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
    const { queue, clock, ledger } = this.#options;
    // Before the acknowledgements: a damaged batch is acknowledged too, and its readings are counted once.
    ledger.totals.damaged += queue.takeDamaged(changes).readings;
    for (const lane of LANES) {
      const mark = this.#marks[lane];
      if (mark === undefined) continue;
      ledger.totals.forwarded += queue.ack(changes, lane, mark, clock.nowMs()).readings;
      delete this.#marks[lane];
    }
    if (clock.monotonicMs() - this.#trimmedAtMs < TRIM_INTERVAL_MS) return;
    this.#trimmedAtMs = clock.monotonicMs();
    const { retainAckedMs, bytesMax } = this.#options;
    queue.trim(changes, { nowMs: clock.nowMs(), retainAckedMs, bytesMax });
    this.#evictBeyondCap(changes);
  }

  /** How far the outbox has been handed to the commit: to be given to `durable` once that is. */
  appended(): Appended {
    const { queue } = this.#options;
    const [alarm, live, backfill] = [queue.lane("alarm"), queue.lane("live"), queue.lane("backfill")];
    return {
      next: { alarm: alarm.next, live: live.next, backfill: backfill.next },
      sent: { alarm: alarm.sent, live: live.sent, backfill: backfill.sent },
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

  /** Alarms beyond their share, then the oldest backfill, then live; alarms within their share are never given up. */
  #evictBeyondCap(changes: Change[]): void {
    const { queue, bytesMax } = this.#options;
    const alarmBytes = queue.lane("alarm").queuedBytes;
    this.#evict(changes, "alarm", alarmBytes - ALARM_SHARE * bytesMax);
    for (const lane of ["backfill", "live"] as const) {
      const queuedBytes = LANES.reduce((sum, each) => sum + queue.lane(each).queuedBytes, 0);
      this.#evict(changes, lane, queuedBytes - bytesMax);
    }
  }

  /** Gives up the oldest of a lane, if `bytesOver` asks for it; a skipped batch says so to central. */
  #evict(changes: Change[], lane: Lane, bytesOver: number): void {
    const { queue, ledger, log, clock } = this.#options;
    const evicted = queue.evictOldest(changes, lane, bytesOver, clock.nowMs());
    if (evicted.batches === 0) return;
    ledger.totals.evicted += evicted.readings;
    if (lane === "alarm") ledger.totals.alarmBatchesEvicted += evicted.batches;
    log.repeated(`outbox_full:${lane}`, "outbox is full: the oldest batches were given up", {
      lane,
      ...evicted,
    });
  }

  #append(changes: Change[], lane: Lane, kind: BatchKind, body: Uint8Array, covers: Covered): void {
    const { queue, clock, compression } = this.#options;
    const packed = packBody(body, body.length >= COMPRESS_FROM_BYTES ? compression : undefined);
    queue.append(changes, { lane, kind, ...packed, sealedAtMs: clock.nowMs(), ...covers });
  }

  #frontier(sealing: {
    readonly sealed: SealedWatermark;
    readonly liveSequence?: number;
    readonly alsoPending?: readonly TimeRange[];
  }): Frontier {
    const { queue } = this.#options;
    const pending = [...queue.pendingRanges("backfill"), ...(sealing.alsoPending ?? [])];
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

/** Splits into groups of at most ROWS_PER_BATCH_MAX rows; small sections share a batch. */
function groupSections(sections: readonly PaneRows[]): PaneRows[][] {
  return groupWithin(BODY_BYTES_MAX, sections.flatMap(slices), bodyBytesOf);
}

/** Consecutive items in groups of at most `bytesMax`; one that is greater stands alone. */
function groupWithin<Item>(
  bytesMax: number,
  items: readonly Item[],
  bytesOf: (item: Item) => number,
): Item[][] {
  const groups: Item[][] = [];
  let group: Item[] = [];
  let groupBytes = 0;
  for (const item of items) {
    const bytes = bytesOf(item);
    if (group.length > 0 && groupBytes + bytes > bytesMax) {
      groups.push(group);
      group = [];
      groupBytes = 0;
    }
    group.push(item);
    groupBytes += bytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

/** A section in parts that fit a body each; rows of one series stand together, so each part names few series. */
function slices(rows: PaneRows): PaneRows[] {
  const parts: PaneRows[] = [];
  let from = 0;
  let bytes = 0;
  for (let row = 0; row < rows.rowCount; row += 1) {
    const isNewSeries = row === from || rows.seriesIndex[row] !== rows.seriesIndex[row - 1];
    const rowBytes = rowBytesOf(rows) + (isNewSeries ? seriesBytesOf(rows, row) : 0);
    if (row > from && bytes + rowBytes > BODY_BYTES_MAX) {
      parts.push(slice(rows, from, row));
      from = row;
      bytes = 0;
    }
    bytes += rowBytes;
  }
  if (from < rows.rowCount) parts.push(slice(rows, from, rows.rowCount));
  return parts;
}

function slice(rows: PaneRows, from: number, to: number): PaneRows {
  if (from === 0 && to === rows.rowCount) return rows;
  const { stride } = rows.layout;
  const series: Labels[] = [];
  const seriesIndex = new Uint32Array(to - from);
  for (let row = from; row < to; row += 1) {
    const labels = rows.series[rows.seriesIndex[row]];
    if (series.at(-1) !== labels) series.push(labels);
    seriesIndex[row - from] = series.length - 1;
  }
  return {
    ...rows,
    rowCount: to - from,
    series,
    seriesIndex,
    startMs: rows.startMs.subarray(from, to),
    state: rows.state.subarray(from * stride, to * stride),
    sketches: rows.sketches.map((column) => column.slice(from, to)),
  };
}

/** At most what the section takes in a body, before compression. */
function bodyBytesOf(rows: PaneRows): number {
  let bytes = rows.rowCount * rowBytesOf(rows);
  for (let row = 0; row < rows.rowCount; row += 1) {
    if (row === 0 || rows.seriesIndex[row] !== rows.seriesIndex[row - 1]) bytes += seriesBytesOf(rows, row);
  }
  return bytes;
}

function rowBytesOf({ layout }: PaneRows): number {
  return ROW_BYTES + layout.stride * FIELD_BYTES;
}

function seriesBytesOf(rows: PaneRows, row: number): number {
  return UTF8_BYTES_MAX * JSON.stringify(rows.series[rows.seriesIndex[row]]).length;
}

function coveredRange(sections: readonly PaneRows[]): TimeRange {
  let startMs = Number.POSITIVE_INFINITY;
  let endMs = Number.NEGATIVE_INFINITY;
  for (const { rowCount, startMs: starts, layout } of sections) {
    for (let row = 0; row < rowCount; row += 1) {
      startMs = Math.min(startMs, starts[row]);
      endMs = Math.max(endMs, starts[row] + layout.paneMs);
    }
  }
  return { startMs, endMs };
}

function sumOf<Item>(items: readonly Item[], count: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0);
}
