import type { EventTimeMs } from "../event-time.ts";
import { paneLayout } from "../pane-layout.ts";
import type { PaneLayout } from "../pane-layout.ts";
import { emptyPane } from "../pane-state.ts";
import type { PaneState } from "../pane-state.ts";
import { ByStart } from "./by-start.ts";
import { PageCursor } from "./page-cursor.ts";
import { PaneTree } from "./pane-tree.ts";
import type { PaneKind } from "./state-key.ts";
import type { WindowRecord } from "./window-track.ts";

export interface Pane {
  readonly startMs: EventTimeMs;
  readonly group: string;
  readonly state: PaneState;
  /** Not yet among the taken changes. */
  isChanged: boolean;
  /** The windows it belongs to, sessions aside, as of `recordsVersion` of the view. Of a long pane: none. */
  records: readonly WindowRecord[];
  /** The long one that it is part of, as of then; null where none are kept. */
  long: Pane | null;
  recordsVersion: number;
}

/**
 * Panes whose numbers lie in one array buffer: one of its own for each costs more than all else of a new pane. Those that come
 * together mostly go together.
 */
const PANES_PER_BUFFER = 32;

/** Panes of one length, of every group: those in memory, and how far the store has others. */
export class PaneSet {
  /** Under which they are stored. */
  readonly kind: PaneKind;
  readonly key: string;
  readonly layout: PaneLayout;
  readonly panes = new ByStart<Pane>();
  /** Every pane from here on is in memory, if there is one; earlier ones may be in the store only. */
  residentFromMs: EventTimeMs = -Infinity;
  /** The panes that have been deleted from the store without coming into memory. */
  readonly dropped: PageCursor;
  protected readonly tree: PaneTree;
  #fields = new Float64Array(0);
  #fieldsUsed = 0;

  constructor(kind: PaneKind, key: string, paneMs: number, accumulate: readonly string[]) {
    this.kind = kind;
    this.key = key;
    this.layout = paneLayout(paneMs, accumulate);
    this.dropped = new PageCursor(kind, key);
    this.tree = new PaneTree(this.layout, (startMs, group) => this.panes.get(startMs, group)?.state);
  }

  /** Panes in memory, and merges of them. */
  get size(): number {
    return this.panes.size + this.tree.size;
  }

  /** The start of the pane that a time, or a finer or coarser pane that begins then, falls into. */
  paneStartOf(timeMs: EventTimeMs): EventTimeMs {
    return Math.floor(timeMs / this.layout.paneMs) * this.layout.paneMs;
  }

  /** Adds a pane that is not in memory: with this state, or empty. */
  open(startMs: EventTimeMs, group: string, state = emptyPane(this.layout, this.#newFields())): Pane {
    const pane: Pane = {
      startMs,
      group,
      state,
      isChanged: false,
      records: [],
      long: null,
      recordsVersion: -1,
    };
    this.panes.set(startMs, group, pane);
    this.tree.come(startMs, group);
    return pane;
  }

  #newFields(): Float64Array {
    const { stride } = this.layout;
    if (this.#fieldsUsed === this.#fields.length) {
      this.#fields = new Float64Array(PANES_PER_BUFFER * stride);
      this.#fieldsUsed = 0;
    }
    this.#fieldsUsed += stride;
    return this.#fields.subarray(this.#fieldsUsed - stride, this.#fieldsUsed);
  }

  /** To be called after a pane's state has changed. */
  change({ startMs, group }: Pane): void {
    this.tree.change(startMs, group);
  }

  /** Takes a pane out of memory. */
  drop({ startMs, group }: Pane): void {
    this.panes.delete(startMs, group);
    this.tree.go(startMs, group);
  }

  /** Forgets merges of panes that are all gone. */
  tidy(): void {
    this.tree.forgetBefore(this.panes.firstMs);
  }

  /** The merge of a group's panes in `[startMs, endMs)`: always the same bits for the same panes. */
  merged(group: string, startMs: EventTimeMs, endMs: EventTimeMs): PaneState {
    return this.tree.merged(group, startMs, endMs);
  }
}
