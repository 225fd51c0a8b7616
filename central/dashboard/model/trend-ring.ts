import { labelsKey } from "@millrace/stream";
import type { Labels, WindowResult, WindowState } from "@millrace/stream";
import type { WindowView } from "../feed/live-frames.ts";

const SPAN_MS_MIN = 5 * 60_000;
const SLOTS_MIN = 60;
/** A chart that has just begun shows no less than this. */
const SHOWN_MS_MIN = 60_000;
const SHOWN_SLOTS_MIN = 12;
const SLOTS_MAX = 600;
/** Lines in one chart; groups beyond it are counted, not drawn. */
export const TREND_LINES_MAX = 12;

/** The value that is drawn, the first that the metric accumulates. */
const MEASURES = ["mean", "ratio", "last", "sum", "max", "min", "count"] as const;
export type Measure = (typeof MEASURES)[number];

/** One line: the last windows of one group, in arrays of fixed size. `NaN` is "no such window", never a number. */
export interface TrendLine {
  readonly group: Labels;
  readonly name: string;
  /** Which slot each place holds; a place with another slot is empty. */
  readonly slots: Float64Array;
  readonly values: Float64Array;
  readonly lows: Float64Array;
  readonly highs: Float64Array;
  readonly revisions: Float64Array;
  readonly isProvisional: Uint8Array;
  /** Greatest slot with a value, and when it was last revised; -Infinity before the first. */
  newestSlot: number;
  updatedAtMs: number;
}

/** The last minutes of one metric, a line per group, on the grid of its window's slide. Memory does not grow with time. */
export class TrendRing {
  readonly window: WindowView;
  readonly slotCount: number;
  readonly lines: TrendLine[] = [];
  measure: Measure | null = null;
  hasBand = false;
  /** Groups beyond TREND_LINES_MAX. */
  linesLeftOut = 0;
  /** Counts up with every value taken: tells a chart to draw again. */
  version = 0;
  #oldestSlot = Infinity;
  readonly #byGroup = new Map<string, TrendLine | null>();

  constructor(window: WindowView) {
    this.window = window;
    const spanMs = Math.max(SPAN_MS_MIN, SLOTS_MIN * window.slideMs);
    this.slotCount = Math.min(SLOTS_MAX, Math.ceil(spanMs / window.slideMs));
  }

  get spanMs(): number {
    return this.slotCount * this.window.slideMs;
  }

  /** How much of the span a chart that ends at `endMs` shows: as much as there is data for, so that a new chart is not empty. */
  shownSpanMs(endMs: number): number {
    const knownMs = this.#oldestSlot === Infinity ? 0 : endMs - this.timeOfSlotMs(this.#oldestSlot);
    const leastMs = Math.max(SHOWN_MS_MIN, SHOWN_SLOTS_MIN * this.window.slideMs);
    return Math.min(this.spanMs, Math.max(leastMs, knownMs));
  }

  /** Takes a result of this ring's window; an older revision and a window before the ring's span change nothing. */
  put(result: WindowResult): void {
    const line = this.#lineOf(result);
    if (line === null) return;
    this.measure ??= MEASURES.find((measure) => isFiniteNumber(result.values[measure])) ?? null;
    if (this.measure === null) return;
    const slot = Math.floor(result.startMs / this.window.slideMs);
    const place = modulo(slot, this.slotCount);
    const heldSlot = line.slots[place] ?? -Infinity;
    if (heldSlot > slot) return;
    if (heldSlot === slot && result.revision < (line.revisions[place] ?? 0)) return;
    const value = result.values[this.measure];
    line.slots[place] = slot;
    line.revisions[place] = result.revision;
    line.values[place] = isFiniteNumber(value) ? value : Number.NaN;
    const { min, max } = result.values;
    const hasBand = this.measure === "mean" && isFiniteNumber(min) && isFiniteNumber(max);
    line.lows[place] = hasBand ? min : Number.NaN;
    line.highs[place] = hasBand ? max : Number.NaN;
    line.isProvisional[place] = isProvisional(result.state) ? 1 : 0;
    this.hasBand ||= hasBand;
    this.#oldestSlot = Math.min(this.#oldestSlot, slot);
    if (isFiniteNumber(value) && slot >= line.newestSlot) {
      line.newestSlot = slot;
      line.updatedAtMs = result.updatedAtMs;
    }
    this.version += 1;
  }

  /** After a new snapshot the server's numbers rule: revisions may have begun again with a restored state. */
  forgetRevisions(): void {
    for (const line of this.lines) line.revisions.fill(0);
  }

  /** The place of a slot in the line's arrays, or -1 when the line holds no window there. */
  placeOf(line: TrendLine, slot: number): number {
    const place = modulo(slot, this.slotCount);
    return line.slots[place] === slot ? place : -1;
  }

  /** Where a slot's value is drawn: the window's end, when it could first be known. */
  timeOfSlotMs(slot: number): number {
    return slot * this.window.slideMs + this.window.sizeMs;
  }

  /** The newest slot that a chart at `nowMs` shows. */
  lastSlotAt(nowMs: number): number {
    let newest = Math.floor((nowMs - this.window.sizeMs) / this.window.slideMs);
    for (const line of this.lines) newest = Math.max(newest, line.newestSlot);
    return newest;
  }

  #lineOf(result: WindowResult): TrendLine | null {
    const key = labelsKey(result.group);
    const held = this.#byGroup.get(key);
    if (held !== undefined) return held;
    if (this.lines.length >= TREND_LINES_MAX) {
      // Only as many names are remembered as are counted; beyond that the count is a floor.
      if (this.#byGroup.size < 1_000) {
        this.#byGroup.set(key, null);
        this.linesLeftOut += 1;
      }
      return null;
    }
    const line: TrendLine = {
      group: result.group,
      name: this.window.by.map((label) => result.group[label] ?? "").join(" / ") || "*",
      slots: new Float64Array(this.slotCount).fill(-Infinity),
      values: new Float64Array(this.slotCount).fill(Number.NaN),
      lows: new Float64Array(this.slotCount).fill(Number.NaN),
      highs: new Float64Array(this.slotCount).fill(Number.NaN),
      revisions: new Float64Array(this.slotCount),
      isProvisional: new Uint8Array(this.slotCount),
      newestSlot: -Infinity,
      updatedAtMs: -Infinity,
    };
    this.#byGroup.set(key, line);
    this.lines.push(line);
    this.lines.sort((a, b) => (a.name < b.name ? -1 : 1));
    return line;
  }
}

function isProvisional(state: WindowState): boolean {
  return state === "provisional";
}

function isFiniteNumber(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}

/** Places are never negative, even for event times before 1970. */
function modulo(slot: number, count: number): number {
  return ((slot % count) + count) % count;
}
