import { labelsKey } from "@millrace/stream";
import type { Labels, WindowResult, WindowState } from "@millrace/stream";
import type { WindowView } from "../feed/live-frames.ts";
import { compareMeasures, isDrawn, isTotal } from "./measure.ts";

const SPAN_MS_MIN = 5 * 60_000;
const SLOTS_MIN = 60;
/** A chart that has just begun shows no less than this. */
const SHOWN_MS_MIN = 60_000;
const SHOWN_SLOTS_MIN = 12;
const SLOTS_MAX = 600;
/** Lines in one chart; groups beyond it are counted, not drawn. */
export const TREND_LINES_MAX = 12;

/** Values of one metric's windows that are kept; a metric that accumulates everything has fewer. */
const TREND_MEASURES_MAX = 24;

/** One line: the last windows of one group, in arrays of fixed size. */
export interface TrendLine {
  readonly group: Labels;
  readonly name: string;
  /** Which slot each place holds; a place with another slot is empty. */
  readonly slots: Float64Array;
  readonly revisions: Float64Array;
  readonly isProvisional: Uint8Array;
}

/** One value of a line's windows. */
export interface TrendCurve {
  readonly measure: string;
  readonly line: TrendLine;
  /** By place. `NaN` is "no such window", or that it has no such value, and never a number. */
  readonly values: Float64Array;
  /** Greatest slot with a value, and when it was last revised; -Infinity before the first. */
  newestSlot: number;
  updatedAtMs: number;
}

/**
 * The last minutes of one metric, a line per group, on the grid of its window's slide, with all that its windows say, so that
 * whatever is chosen is drawn at once. Memory does not grow with time.
 */
export class TrendRing {
  readonly window: WindowView;
  readonly slotCount: number;
  readonly lines: TrendLine[] = [];
  /** The values that its windows have had, by the names of their results, in the order in which they are offered. */
  measures: readonly string[] = [];
  /** Groups beyond TREND_LINES_MAX. */
  linesLeftOut = 0;
  /** Counts up with every value taken: tells a chart to draw again. */
  version = 0;
  #oldestSlot = Infinity;
  readonly #byGroup = new Map<string, TrendLine | null>();
  readonly #curves = new Map<TrendLine, Map<string, TrendCurve>>();
  readonly #noValues: Float64Array;

  constructor(window: WindowView) {
    this.window = window;
    const spanMs = Math.max(SPAN_MS_MIN, SLOTS_MIN * window.slideMs);
    this.slotCount = Math.min(SLOTS_MAX, Math.ceil(spanMs / window.slideMs));
    this.#noValues = new Float64Array(this.slotCount).fill(Number.NaN);
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
    const slot = Math.floor(result.startMs / this.window.slideMs);
    const place = modulo(slot, this.slotCount);
    const heldSlot = line.slots[place] ?? -Infinity;
    if (heldSlot > slot) return;
    if (heldSlot === slot && result.revision < (line.revisions[place] ?? 0)) return;
    line.slots[place] = slot;
    line.revisions[place] = result.revision;
    line.isProvisional[place] = isProvisional(result.state) ? 1 : 0;
    this.#putValues(line, result, slot);
    this.#oldestSlot = Math.min(this.#oldestSlot, slot);
    this.version += 1;
  }

  /** One value of every line, in the order of the lines. */
  curves(measure: string): readonly TrendCurve[] {
    return this.lines.map(
      (line) => this.#curves.get(line)?.get(measure) ?? newCurve({ measure, line, values: this.#noValues }),
    );
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

  isProvisionalAt(line: TrendLine, slot: number): boolean {
    return line.isProvisional[this.placeOf(line, slot)] === 1;
  }

  /** Where a slot's value is drawn: the window's end, when it could first be known. */
  timeOfSlotMs(slot: number): number {
    return slot * this.window.slideMs + this.window.sizeMs;
  }

  /** The newest slot that a chart of this value shows at `nowMs`: of totals none that has not ended, they would fall and rise. */
  lastSlotAt(measure: string, nowMs: number): number {
    const lastEnded = Math.floor((nowMs - this.window.sizeMs) / this.window.slideMs);
    if (isTotal(measure)) return lastEnded;
    return Math.max(lastEnded, ...this.curves(measure).map(({ newestSlot }) => newestSlot));
  }

  /** The newest slot of a curve that such a chart shows; -Infinity where there is none. */
  newestSlotAt(curve: TrendCurve, nowMs: number): number {
    const lastSlot = this.lastSlotAt(curve.measure, nowMs);
    if (curve.newestSlot <= lastSlot) return curve.newestSlot;
    for (let slot = lastSlot; slot > lastSlot - this.slotCount; slot--)
      if (this.valueAt(curve, slot) !== null) return slot;
    return -Infinity;
  }

  /** Null where the line has no window there, or that has no such value. */
  valueAt(curve: TrendCurve, slot: number): number | null {
    const place = this.placeOf(curve.line, slot);
    const value = curve.values[place];
    return place < 0 || value === undefined || Number.isNaN(value) ? null : value;
  }

  #putValues(line: TrendLine, result: WindowResult, slot: number): void {
    const place = modulo(slot, this.slotCount);
    const curves = this.#curves.get(line) ?? new Map<string, TrendCurve>();
    for (const { values } of curves.values()) values[place] = Number.NaN;
    for (const [measure, value] of Object.entries(result.values)) {
      if (!Number.isFinite(value) || !this.#keeps(measure)) continue;
      let curve = curves.get(measure);
      if (curve === undefined) {
        curve = newCurve({ measure, line, values: this.#noValues.slice() });
        curves.set(measure, curve);
      }
      curve.values[place] = value;
      if (slot >= curve.newestSlot) {
        curve.newestSlot = slot;
        curve.updatedAtMs = result.updatedAtMs;
      }
    }
  }

  #keeps(measure: string): boolean {
    if (this.measures.includes(measure)) return true;
    if (!isDrawn(measure) || this.measures.length >= TREND_MEASURES_MAX) return false;
    this.measures = [...this.measures, measure].sort(compareMeasures);
    return true;
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
      revisions: new Float64Array(this.slotCount),
      isProvisional: new Uint8Array(this.slotCount),
    };
    this.#byGroup.set(key, line);
    this.#curves.set(line, new Map());
    this.lines.push(line);
    this.lines.sort((a, b) => (a.name < b.name ? -1 : 1));
    return line;
  }
}

function newCurve(of: Pick<TrendCurve, "measure" | "line" | "values">): TrendCurve {
  return { ...of, newestSlot: -Infinity, updatedAtMs: -Infinity };
}

function isProvisional(state: WindowState): boolean {
  return state === "provisional";
}

/** Places are never negative, even for event times before 1970. */
function modulo(slot: number, count: number): number {
  return ((slot % count) + count) % count;
}
