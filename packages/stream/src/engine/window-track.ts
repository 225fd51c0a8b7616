import type { EventTimeMs, TimeRange } from "../event-time.ts";
import type { Labels } from "../series.ts";
import type { WindowResult, WindowState } from "../window-result.ts";
import type { WindowSpec } from "../window-spec.ts";
import { ByStart } from "./by-start.ts";
import { PageCursor } from "./page-cursor.ts";
import type { PaneSet } from "./pane-set.ts";
import type { PaneView } from "./pane-view.ts";
import { windowKeyName } from "./state-key.ts";

/** One window of one group, while it is in memory. */
export interface WindowRecord {
  readonly track: WindowTrack;
  readonly group: string;
  readonly labels: Labels;
  readonly startMs: EventTimeMs;
  /** Of a session it moves. */
  endMs: EventTimeMs;
  /** Of a session: its readings are in another one now. */
  isMerged: boolean;
  state: WindowState;
  /** The last result; null before the first. */
  result: WindowResult | null;
  /** Of the last result under its name and start, be it of a definition before; 0 where there is none. */
  revision: number;
  /** `result.completeness` as text. */
  completenessKey: string;
  /** Its panes may have gained something since the last result. */
  isDirty: boolean;
  /** All its panes that exist are in memory. */
  hasPanes: boolean;
  openedAtMs: number;
  firstPassedAtMs: number | null;
  /** It was among `WindowRevisions.waitedFor`, by this process. */
  isWaitedFor: boolean;
  /** Nothing to do before this on central's clock, unless the standing of the agents changes. */
  nextCheckMs: number;
}

/**
 * All windows of one definition, and how far they are final. In the order of their starts:
 *
 *   … final | ready … | read in part | due, in the store … | not due …
 *           finalToMs                                      lateToMs
 *
 * What is due becomes final from memory, the oldest first. What has left memory is read page by page, as much as a tick has
 * room for: `read` says how far. What is before that leaves memory only once it is final, so that nothing is read twice. Of
 * the start that a page ends in, and of the one that a tick had no more room in, some groups are final before the others;
 * `finalToMs`, which is durable, goes beyond it once all of them are.
 */
export abstract class WindowTrack {
  abstract readonly spec: WindowSpec;
  readonly view: PaneView;
  /** Those that its windows are merges of: the view's own, or its long ones. */
  abstract readonly panes: PaneSet;
  readonly key: string;
  readonly records = new ByStart<WindowRecord>();
  /** Every window that starts before this is final. */
  finalToMs: EventTimeMs = -Infinity;
  /** The results that have been read from the store to become final. */
  readonly read: PageCursor;
  /** Of what is due and in memory the last tick had no room for some. */
  hasFinalLeft = false;
  /** Windows that start before this may be in the store only. */
  evictedToMs: EventTimeMs = -Infinity;
  /** Of a stream of records: its own time, which may be far behind the trusted one where old records are read. */
  streamTimeMs: EventTimeMs = Infinity;
  /** Open windows are still to be taken up from the store after a start: until then nothing becomes final, not even unseen. */
  isBehind = false;
  /** When it came, or came back, its panes did not have all of before this: see `PaneView.wholeFromMs`. */
  keptBeforeMs: EventTimeMs = -Infinity;
  /** It was away: results of windows that start before this may lack what came meanwhile. */
  staleToMs: EventTimeMs = -Infinity;
  /** It was away: there may be panes of windows from here up to `staleToMs` that have not been made. Null: none. */
  missedFromMs: EventTimeMs | null = null;
  /** The store may lack panes and late readings of before this. */
  panesLostToMs: EventTimeMs = -Infinity;
  #lateAskedMs = NaN;
  #lateToMs: EventTimeMs = -Infinity;

  constructor(name: string, view: PaneView) {
    this.view = view;
    this.key = windowKeyName(name);
    this.read = new PageCursor("w", this.key);
  }

  /** Starts of the windows, known so far, that contain the pane that begins at a time. */
  abstract startsOver(paneMs: EventTimeMs, group: string): readonly EventTimeMs[];

  /** The event time that agents must have handed over before the window can be complete. */
  abstract owedOf(window: TimeRange): TimeRange;

  /** The panes that a window `[startMs, endMs)` is the merge of. */
  abstract panesOf(startMs: EventTimeMs, endMs: EventTimeMs): TimeRange;

  protected abstract firstOpenMs(timeMs: EventTimeMs): EventTimeMs;

  /**
   * Whether a boundary of the window lies in a pane that was longer once, or panes of it may be gone: what they have of it now is
   * not its own, or not all. It stays as it was shown, takes nothing, and where it was not shown there is none.
   */
  abstract isKept(window: TimeRange): boolean;

  /** Whether a result lacks what its panes may have taken while the window was away. */
  abstract isStale(result: WindowResult): boolean;

  /** No window that takes nothing any more reaches beyond this. */
  abstract get closedEndMs(): EventTimeMs;

  /** Whether some window takes what goes into the pane that begins then; of sessions, in some group. */
  abstract takesAt(paneMs: EventTimeMs): boolean;

  /** No window that starts at this or later is kept; -Infinity where none is. */
  abstract get keptToMs(): EventTimeMs;

  /** Start of the first window that is not kept; -Infinity where none is. */
  get wholeFromMs(): EventTimeMs {
    return this.keptToMs;
  }

  /** Whether late readings revise a complete window that starts then; if not, it is published once more, when it is final. */
  isRevised(_startMs: EventTimeMs): boolean {
    return true;
  }

  /** Whether a result under its name is its own: one of another metric, or of other labels, is of the definition before. */
  hasMade({ metric, group }: WindowResult): boolean {
    const { by } = this.view;
    return (
      metric === this.spec.metric &&
      Object.keys(group).length === by.length &&
      by.every((name) => name in group)
    );
  }

  /** As what a window goes on after this result. What is made anew of a store that lacks some is not complete any more. */
  stateAfter(result: WindowResult): WindowState {
    const isTakenBack = result.state === "complete" && this.owedOf(result).startMs < this.panesLostToMs;
    return isTakenBack ? "provisional" : result.state;
  }

  /** Windows that start before this may be in the store only, from now on. */
  hasStoredTo(toMs: EventTimeMs): void {
    this.evictedToMs = Math.max(this.evictedToMs, toMs);
  }

  /** Whether a window stays in memory until it is final, for it is not read again. */
  isHeld({ state, startMs }: Pick<WindowRecord, "state" | "startMs">): boolean {
    return state !== "final" && startMs < this.read.begunToMs;
  }

  /** Windows that start before this are due, and all of them that are not final are in memory. */
  readyToMs(trustedMs: number): EventTimeMs {
    return this.#inMemoryTo(this.read.readToMs, trustedMs);
  }

  /** Windows that start before this become final in the next tick, as far as they are in memory. */
  becomingFinalToMs(trustedMs: number): EventTimeMs {
    return this.#inMemoryTo(this.read.begunToMs, trustedMs);
  }

  #inMemoryTo(readToMs: EventTimeMs, trustedMs: number): EventTimeMs {
    const lateToMs = this.lateToMs(trustedMs);
    const isAllRead = this.evictedToMs <= Math.max(this.read.readToMs, this.finalToMs);
    return isAllRead ? lateToMs : Math.min(lateToMs, readToMs);
  }

  /** The start of the first window whose lateness is not over. */
  lateToMs(trustedMs: number): EventTimeMs {
    if (this.isBehind) return this.finalToMs;
    const nowMs = Math.min(trustedMs, this.streamTimeMs);
    if (nowMs !== this.#lateAskedMs) {
      this.#lateAskedMs = nowMs;
      this.#lateToMs = this.firstOpenMs(nowMs - this.spec.latenessMs);
    }
    return this.#lateToMs;
  }

  /** Windows that start before this are shown once more at most: their lateness is over. */
  closedToMs(trustedMs: number): EventTimeMs {
    return Math.max(this.finalToMs, this.lateToMs(trustedMs));
  }
}
