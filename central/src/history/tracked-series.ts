import { historyBlockMs, historyLevels, historyPartMs } from "@millrace/stream";
import type { HistoryLevel, PaneView } from "@millrace/stream";

/** When the panes of a block began to differ from what is rolled up of them, and last did; monotonic. */
export interface DirtyBlock {
  readonly sinceMs: number;
  changedMs: number;
}

/** What is known of a series of the history: a metric, grouped by certain labels. */
export class TrackedSeries {
  readonly key: string;
  readonly metric: string;
  readonly by: readonly string[];
  /** Its panes; null where the pipeline has no window of them any more: what is kept can still be asked for. */
  readonly view: PaneView | null;
  readonly levels: readonly HistoryLevel[];
  readonly blockMs: number;
  readonly partMs: number;
  /** Every block before this has been rolled up at least once: later ones are read from their panes. Durable. */
  rolledToMs = -Infinity;
  /** By start. Durable, but for the times. */
  readonly dirty = new Map<number, DirtyBlock>();
  /** By group, the start of the last chunk of the coarsest level that it is in. */
  readonly groups = new Map<string, number>();

  constructor(options: {
    readonly key: string;
    readonly metric: string;
    readonly by: readonly string[];
    readonly view: PaneView | null;
    readonly levels: readonly HistoryLevel[];
  }) {
    this.key = options.key;
    this.metric = options.metric;
    this.by = options.by;
    this.view = options.view;
    this.levels = options.levels;
    const paneMs = this.view?.layout.paneMs ?? options.levels[0].bucketMs;
    this.blockMs = historyBlockMs(paneMs);
    this.partMs = historyPartMs(paneMs);
  }

  static of(key: string, view: PaneView): TrackedSeries | null {
    const levels = historyLevels(view.layout.paneMs);
    const { metric, by } = view;
    return levels.length === 0 ? null : new TrackedSeries({ key, metric, by, view, levels });
  }

  /** Panes from here on must stay: they are not rolled up. */
  get heldFromMs(): number {
    let heldFromMs = Infinity;
    for (const blockMs of this.dirty.keys()) heldFromMs = Math.min(heldFromMs, blockMs);
    return heldFromMs;
  }

  /** The block that is due to be rolled up; null: none. New ones come first, and in order of time. */
  dueBlock(nowMs: number, monotonicMs: number): number | null {
    let first: number | null = null;
    let again: number | null = null;
    let sinceMs = Infinity;
    for (const [blockMs, dirty] of this.dirty) {
      if (blockMs >= this.rolledToMs) {
        const isOver = blockMs + this.blockMs + SETTLE_MS <= nowMs;
        if (isOver && (first === null || blockMs < first)) first = blockMs;
        // One that is not over may have been rolled up all the same: by a clock that was ahead.
      } else if (isDue(dirty, monotonicMs) && dirty.sinceMs < sinceMs) {
        sinceMs = dirty.sinceMs;
        again = blockMs;
      }
    }
    const isFirstDue = first !== null && isDue(this.dirty.get(first), monotonicMs);
    return isFirstDue ? first : again;
  }
}

/** How long after its end a block is rolled up for the first time: agents are a few seconds behind. */
const SETTLE_MS = 30_000;
/** What still changes waits until it is quiet for so long, */
const QUIET_MS = 5_000;
/** and no longer than this. */
const WAIT_MS_MAX = 60_000;

function isDue(dirty: DirtyBlock | undefined, monotonicMs: number): boolean {
  if (dirty === undefined) return false;
  return monotonicMs - dirty.changedMs >= QUIET_MS || monotonicMs - dirty.sinceMs >= WAIT_MS_MAX;
}
