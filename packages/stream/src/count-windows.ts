import { addBeside } from "./accumulators/beside.ts";
import { assert } from "./assert.ts";
import { decodePane, encodePane } from "./engine/pane-codec.ts";
import type { EventTimeMs } from "./event-time.ts";
import { isTime } from "./keyed/is-time.ts";
import { StateReader } from "./keyed/state-reader.ts";
import { StateWriter } from "./keyed/state-writer.ts";
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
  readonly number: number;
  count: number;
  firstMs: EventTimeMs;
  lastMs: EventTimeMs;
  readonly state: PaneState;
}

/** Bytes after which a chunk of the state is full. */
const CHUNK_BYTES = 65_536;
const VERSION = 1;

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

  /** Series with an open window, an empty one too. */
  get seriesCount(): number {
    return this.#open.size;
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

  /**
   * The state in chunks of about 64 KB, which belong together only if nothing changes in between. First: u8 version, u32 series, f64
   * each: size, refused. Then the series, each with its open window: u32 series, f64 each: number, first and last time; u32 count
   * of bytes, then the pane as `encodePane` has it.
   */
  *encode(): Generator<Uint8Array, void> {
    const writer = new StateWriter();
    writer.byte(VERSION);
    writer.word(this.#open.size);
    writer.float(this.#size);
    writer.float(this.#refusedCount);
    yield writer.take();
    for (const [series, { number, firstMs, lastMs, state }] of this.#open) {
      writer.word(series);
      for (const field of [number, firstMs, lastMs]) writer.float(field);
      const pane = encodePane(this.#layout, state);
      writer.word(pane.length);
      writer.bytes(pane);
      if (writer.byteCount >= CHUNK_BYTES) yield writer.take();
    }
    if (writer.byteCount > 0) yield writer.take();
  }

  /**
   * Never throws: undefined on chunks that `encode` does not write, and on those of windows of another size, which begin anew. The
   * layout may be another one: what an open window was not told of has no result. Of more series than `seriesMax` the first stay.
   */
  static decode(
    chunks: Iterable<Uint8Array>,
    layout: PaneLayout,
    options: CountWindowsOptions,
  ): CountWindows | undefined {
    const windows = new CountWindows(layout, options);
    const seen = new Set<number>();
    let seriesCount: number | undefined;
    for (const chunk of chunks) {
      const reader = new StateReader(chunk);
      if (seriesCount === undefined) {
        if (reader.byte() !== VERSION) return undefined;
        seriesCount = reader.word();
        if (!windows.#readHead(reader)) return undefined;
        continue;
      }
      while (reader.restCount > 0) {
        const series = reader.word();
        const open = windows.#readWindow(reader);
        if (open === undefined || seen.has(series) || seen.size === seriesCount) return undefined;
        seen.add(series);
        if (windows.#open.size < options.seriesMax) windows.#open.set(series, open);
      }
    }
    return seen.size === seriesCount ? windows : undefined;
  }

  #readHead(reader: StateReader): boolean {
    const size = reader.float();
    this.#refusedCount = reader.float();
    return (
      reader.isAtEnd &&
      size === this.#size &&
      Number.isSafeInteger(this.#refusedCount) &&
      this.#refusedCount >= 0
    );
  }

  #readWindow(reader: StateReader): OpenWindow | undefined {
    const [number, firstMs, lastMs] = [reader.float(), reader.float(), reader.float()];
    const state = decodePane(this.#layout, reader.bytes(reader.word()));
    if (reader.isOver || state === null || !Number.isSafeInteger(number) || number < 1) return undefined;
    // A layout begins with the count.
    const [count] = state.fields;
    if (!Number.isInteger(count) || count < 0 || count >= this.#size) return undefined;
    const areTimes =
      count === 0
        ? firstMs === Infinity && lastMs === -Infinity
        : isTime(firstMs) && isTime(lastMs) && firstMs <= lastMs;
    return areTimes ? { number, count, firstMs, lastMs, state } : undefined;
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
