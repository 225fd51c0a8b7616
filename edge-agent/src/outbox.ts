import type { AlarmEvent } from "@millrace/detect";
import type { BatchQueue, Change } from "@millrace/queue";
import type { Clock, Logger } from "@millrace/runtime";
import {
  type Frontier,
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

/** Rows in one batch at most: bounds its size and the work of one step at central. */
const ROWS_PER_BATCH_MAX = 3_000;
/** Bodies below this gain nothing by compression. */
const COMPRESS_FROM_BYTES = 256;
const TRIM_INTERVAL_MS = 10_000;

/**
 * The agent's side of the durable queue: seals panes and alarms into batches, makes the frontier that says how far they
 * are complete, and stays within its byte cap. Everything it does goes into the changes of the agent's next commit.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #durableNext: Record<Lane, number>;
  /** Marks of central that no commit has taken yet. */
  readonly #marks: Partial<Record<Lane, number>> = {};
  #frontierNumber: number;
  #sealed: SealedWatermark;
  #trimmedAtMs = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#frontierNumber = options.frontierNumber;
    this.#sealed = { watermarkMs: options.watermarkMs, isIdle: false, isClockSynchronised: true };
    this.#durableNext = { ...this.appended() };
  }

  get frontierNumber(): number {
    return this.#frontierNumber;
  }

  get watermarkMs(): number | null {
    return this.#sealed.watermarkMs;
  }

  durableNext(lane: Lane): number {
    return this.#durableNext[lane];
  }

  /** Batches that central has not acknowledged, with those that wait for their commit. */
  get isEmpty(): boolean {
    return LANES.every((lane) => this.#options.queue.lane(lane).queuedBatches === 0);
  }

  appendAlarms(changes: Change[], events: readonly AlarmEvent[]): void {
    if (events.length === 0) return;
    this.#append(changes, "alarm", "alarms", encodeAlarmBatch(events), {
      readingCount: 0,
      startMs: 0,
      endMs: 0,
    });
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
          ? this.#frontier({ liveSequence: lastSequence })
          : this.#frontier({ alsoPending: ranges });
      const body = encodePaneBatch({ frontier, sections: group });
      this.#append(changes, lane, "panes", body, {
        readingCount: sumOf(group, readingCount),
        ...ranges[index],
      });
    }
  }

  /** Nothing waits to be sealed: the watermark may move without a batch. */
  advance(sealed: SealedWatermark): void {
    this.#sealed = sealed;
  }

  /** The frontier of a heartbeat. */
  frontier(): Frontier {
    return this.#frontier({});
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
    for (const lane of LANES) {
      const mark = this.#marks[lane];
      if (mark === undefined) continue;
      ledger.totals.forwarded += queue.ack(changes, lane, mark, clock.nowMs()).readings;
      delete this.#marks[lane];
    }
    ledger.totals.damaged += queue.takeDamaged(changes).readings;
    if (clock.monotonicMs() - this.#trimmedAtMs < TRIM_INTERVAL_MS) return;
    this.#trimmedAtMs = clock.monotonicMs();
    const { retainAckedMs, bytesMax } = this.#options;
    queue.trim(changes, { nowMs: clock.nowMs(), retainAckedMs, bytesMax });
    this.#evictBeyondCap(changes);
  }

  /** The next sequence of every lane, as of now: to be given to `durable` once the commit is. */
  appended(): Readonly<Record<Lane, number>> {
    const { queue } = this.#options;
    return {
      alarm: queue.lane("alarm").next,
      live: queue.lane("live").next,
      backfill: queue.lane("backfill").next,
    };
  }

  /** The commit that took the batches before `next` is durable. */
  durable(next: Readonly<Record<Lane, number>>): void {
    Object.assign(this.#durableNext, next);
  }

  /** The link is up: alarms and live panes leave as soon as their commit is durable, so their mark goes with it. */
  markNextSent(changes: Change[]): void {
    const { queue } = this.#options;
    for (const lane of ["alarm", "live"] as const) {
      const { sent, next } = queue.lane(lane);
      if (sent < next - 1) queue.markSent(changes, lane, next - 1);
    }
  }

  /** Oldest backfill first, then live; alarms are never given up. What goes is said to central by a skipped batch. */
  #evictBeyondCap(changes: Change[]): void {
    const { queue, bytesMax, ledger, log, clock } = this.#options;
    for (const lane of ["backfill", "live"] as const) {
      const queuedBytes = LANES.reduce((sum, each) => sum + queue.lane(each).queuedBytes, 0);
      if (queuedBytes <= bytesMax) return;
      const evicted = queue.evictOldest(changes, lane, queuedBytes - bytesMax, clock.nowMs());
      if (evicted.batches === 0) continue;
      ledger.totals.evicted += evicted.readings;
      log.repeated("outbox_full", "outbox is full: the oldest batches were given up", { lane, ...evicted });
    }
  }

  #append(changes: Change[], lane: Lane, kind: BatchKind, body: Uint8Array, covers: Covered): void {
    const { queue, clock, compression } = this.#options;
    const packed = packBody(body, body.length >= COMPRESS_FROM_BYTES ? compression : undefined);
    queue.append(changes, { lane, kind, ...packed, sealedAtMs: clock.nowMs(), ...covers });
  }

  #frontier(sealing: {
    readonly liveSequence?: number;
    readonly alsoPending?: readonly TimeRange[];
  }): Frontier {
    const { queue } = this.#options;
    const pending = [...queue.pendingRanges("backfill"), ...(sealing.alsoPending ?? [])];
    this.#frontierNumber += 1;
    return {
      epoch: queue.epoch,
      number: this.#frontierNumber,
      watermarkMs: this.#sealed.watermarkMs,
      isIdle: this.#sealed.isIdle,
      isClockSynchronised: this.#sealed.isClockSynchronised,
      pending: mergeRanges(pending, PENDING_RANGES_MAX),
      holds: {
        alarm: 0,
        live: sealing.liveSequence ?? this.#durableNext.live - 1,
        backfill: queue.lane("backfill").acked,
      },
    };
  }
}

/** Splits into groups of at most ROWS_PER_BATCH_MAX rows; small sections share a batch. */
function groupSections(sections: readonly PaneRows[]): PaneRows[][] {
  const groups: PaneRows[][] = [];
  let group: PaneRows[] = [];
  let rowCount = 0;
  for (const section of sections) {
    for (let from = 0; from < section.rowCount; from += ROWS_PER_BATCH_MAX) {
      const part = slice(section, from, Math.min(from + ROWS_PER_BATCH_MAX, section.rowCount));
      if (rowCount > 0 && rowCount + part.rowCount > ROWS_PER_BATCH_MAX) {
        groups.push(group);
        group = [];
        rowCount = 0;
      }
      group.push(part);
      rowCount += part.rowCount;
    }
  }
  if (rowCount > 0) groups.push(group);
  return groups;
}

function slice(rows: PaneRows, from: number, to: number): PaneRows {
  if (from === 0 && to === rows.rowCount) return rows;
  const { stride } = rows.layout;
  return {
    ...rows,
    rowCount: to - from,
    seriesIndex: rows.seriesIndex.subarray(from, to),
    startMs: rows.startMs.subarray(from, to),
    state: rows.state.subarray(from * stride, to * stride),
  };
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
