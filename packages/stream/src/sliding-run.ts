import { assert } from "./assert.ts";
import type { PaneLayout } from "./pane-layout.ts";
import type { PaneRows } from "./pane-rows.ts";
import { emptyPane, mergeSketch } from "./pane-state.ts";
import type { PaneState } from "./pane-state.ts";
import type { Sketch } from "./sketch.ts";

type Sketches = readonly (Sketch | null)[];

/**
 * The merge of the last so many panes of one series, as they come in order of time: three merges a pane however long the
 * run is, of any accumulators and sketches (two stacks: Tangwongsan, Hirzel, Schneider, "Low-Latency Sliding-Window
 * Aggregation in Worst-Case Constant Time", DEBS 2017, section 2). When the older half has gone, the newer one is turned
 * over: each of its panes is then merged with all that follow it. Fields lie in one array, so that a pane costs no object.
 */
export class SlidingRun {
  readonly #layout: PaneLayout;
  readonly #paneCount: number;
  readonly #identity: Float64Array;
  /** A row a pane, by place: that of a pane is its number modulo `paneCount`. Older panes are merged with those after them. */
  readonly #fields: Float64Array;
  readonly #sketches: (Sketch | null)[][];
  /** The number of the oldest pane, of the first that is not turned over, and of the next. */
  #oldest = 0;
  #newer = 0;
  #next = 0;
  /** The merge of the newer panes. */
  readonly #newerMerged: PaneState;

  /** A run of `paneCount` panes, at least 1. */
  constructor(layout: PaneLayout, paneCount: number) {
    assert(Number.isInteger(paneCount) && paneCount >= 1, `a run of ${paneCount} panes`);
    this.#layout = layout;
    this.#paneCount = paneCount;
    this.#identity = emptyPane(layout).fields;
    this.#fields = new Float64Array(paneCount * layout.stride);
    this.#sketches = Array.from({ length: layout.sketches.length === 0 ? 0 : paneCount }, () => []);
    this.#newerMerged = emptyPane(layout);
  }

  /** Appends the next pane, which stays as it is; the oldest leaves a full run. A time without readings is an empty pane. */
  push({ fields, sketches }: PaneState): void {
    this.#append(fields, 0, sketches);
  }

  /** The same of a row of this run's layout. */
  pushRow({ state, sketches }: Pick<PaneRows, "state" | "sketches">, row: number): void {
    const own = sketches.length === 0 ? NO_SKETCHES : sketches.map((column) => column[row]);
    this.#append(state, row * this.#layout.stride, own);
  }

  /** Puts the merge of all panes of the run into a pane of this layout, in place of what it held. */
  mergeInto(pane: PaneState): void {
    const { stride, sketches } = this.#layout;
    const isTurned = this.#oldest < this.#newer;
    const at = this.#placeOf(this.#oldest);
    copy(pane.fields, 0, isTurned ? this.#fields : this.#identity, isTurned ? at * stride : 0, stride);
    this.#mergeFields(pane.fields, 0, this.#newerMerged.fields, 0);
    for (const [index, kind] of sketches.entries()) {
      const older = isTurned ? this.#sketches[at][index] : kind.create();
      pane.sketches[index] = isTurned ? (older?.copy() ?? null) : older;
      mergeSketch(pane.sketches, index, this.#newerMerged.sketches[index]);
    }
  }

  #append(fields: Float64Array, at: number, sketches: Sketches): void {
    if (this.#next - this.#oldest === this.#paneCount) {
      if (this.#oldest === this.#newer) this.#turnOver();
      this.#oldest++;
    }
    const place = this.#placeOf(this.#next++);
    const { stride } = this.#layout;
    copy(this.#fields, place * stride, fields, at, stride);
    this.#mergeFields(this.#newerMerged.fields, 0, fields, at);
    if (sketches.length === 0) return;
    this.#sketches[place] = sketches.map((sketch) => sketch?.copy() ?? null);
    for (const [index, sketch] of sketches.entries()) mergeSketch(this.#newerMerged.sketches, index, sketch);
  }

  #turnOver(): void {
    const { stride, sketches } = this.#layout;
    for (let pane = this.#next - 2; pane >= this.#oldest; pane--) {
      const [place, later] = [this.#placeOf(pane), this.#placeOf(pane + 1)];
      this.#mergeFields(this.#fields, place * stride, this.#fields, later * stride);
      for (let index = 0; index < sketches.length; index++)
        mergeSketch(this.#sketches[place], index, this.#sketches[later][index]);
    }
    this.#newer = this.#next;
    copy(this.#newerMerged.fields, 0, this.#identity, 0, stride);
    for (const [index, kind] of sketches.entries()) this.#newerMerged.sketches[index] = kind.create();
  }

  #mergeFields(into: Float64Array, at: number, from: Float64Array, fromAt: number): void {
    const { accumulators, offsets } = this.#layout;
    for (let index = 0; index < accumulators.length; index++)
      accumulators[index].merge(into, at + offsets[index], from, fromAt + offsets[index]);
  }

  #placeOf(pane: number): number {
    return pane % this.#paneCount;
  }
}

const NO_SKETCHES: Sketches = [];

/** A few fields: a loop is quicker than `set` of a `subarray`. */
function copy(into: Float64Array, at: number, from: Float64Array, fromAt: number, count: number): void {
  for (let field = 0; field < count; field++) into[at + field] = from[fromAt + field];
}
