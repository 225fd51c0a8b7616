import { addBeside } from "./accumulators/beside.ts";
import { assert } from "./assert.ts";
import type { EventTimeMs } from "./event-time.ts";
import type { PaneLayout } from "./pane-layout.ts";
import { emptyPane } from "./pane-state.ts";
import type { PaneState } from "./pane-state.ts";
import type { Quality } from "./reading.ts";

export interface CountWindowsOptions {
  /** Readings of one window, at least 1. */
  readonly size: number;
  /** Most series with an open window; a reading of one more is refused and counted. */
  readonly seriesMax: number;
}

/** A full window of one series. It is never revised. */
export interface CountWindow {
  readonly series: number;
  /** From 1, of its series. */
  readonly number: number;
  /** Least and greatest event time of its readings. */
  readonly firstMs: EventTimeMs;
  readonly lastMs: EventTimeMs;
  readonly state: PaneState;
}

interface OpenWindow {
  number: number;
  count: number;
  firstMs: EventTimeMs;
  lastMs: EventTimeMs;
  state: PaneState;
}

/**
 * Every so many good readings of a series, in the order in which they arrive: only where the readings are, since panes do
 * not keep that order. Readings that are not good are counted beside the window that is open.
 */
export class CountWindows {
  readonly #layout: PaneLayout;
  readonly #size: number;
  readonly #seriesMax: number;
  readonly #open = new Map<number, OpenWindow>();
  #refusedCount = 0;

  constructor(layout: PaneLayout, { size, seriesMax }: CountWindowsOptions) {
    assert(Number.isInteger(size) && size >= 1, `count windows of ${size} readings`);
    assert(seriesMax >= 1, `count windows of at most ${seriesMax} series`);
    this.#layout = layout;
    this.#size = size;
    this.#seriesMax = seriesMax;
  }

  /** Readings of series beyond `seriesMax`. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** The window that a reading makes full; null otherwise. */
  add(
    series: number,
    { timeMs, value, quality }: { timeMs: EventTimeMs; value: number; quality: Quality },
  ): CountWindow | null {
    const open = this.#windowOf(series);
    if (open === null) return null;
    const { accumulators, offsets } = this.#layout;
    if (quality !== "good") {
      addBeside(open.state.fields, offsets[offsets.length - 1], quality);
      return null;
    }
    for (const [index, accumulator] of accumulators.entries())
      accumulator.add(open.state.fields, offsets[index], value, timeMs);
    for (const sketch of open.state.sketches) sketch?.add(value, timeMs);
    open.firstMs = Math.min(open.firstMs, timeMs);
    open.lastMs = Math.max(open.lastMs, timeMs);
    if (++open.count < this.#size) return null;
    const { number, firstMs, lastMs, state } = open;
    this.#open.set(series, this.#emptyWindow(number + 1));
    return { series, number, firstMs, lastMs, state };
  }

  /** Forgets a series and its open window. */
  forget(series: number): void {
    this.#open.delete(series);
  }

  #windowOf(series: number): OpenWindow | null {
    let open = this.#open.get(series);
    if (open !== undefined) return open;
    if (this.#open.size >= this.#seriesMax) {
      this.#refusedCount++;
      return null;
    }
    open = this.#emptyWindow(1);
    this.#open.set(series, open);
    return open;
  }

  #emptyWindow(number: number): OpenWindow {
    return { number, count: 0, firstMs: Infinity, lastMs: -Infinity, state: emptyPane(this.#layout) };
  }
}
