import type { TrendCurve, TrendRing } from "./trend-ring.ts";

/** Column kinds of one line, in drawing order. Line `n`'s columns begin at `1 + n * LINE_COLUMNS`; column 0 is time. */
export const LOW = 0;
export const HIGH = 1;
export const SOLID = 2;
export const DASHED = 3;
export const LINE_COLUMNS = 4;

export type Column = (number | null)[];

interface DrawnCurve {
  readonly curve: TrendCurve;
  readonly low: TrendCurve | undefined;
  readonly high: TrendCurve | undefined;
}

/** A ring as a chart draws it: columns of equal, fixed length that are filled in place, `null` where there is no value. */
export class ChartColumns {
  readonly times: number[];
  readonly columns: Column[];
  /** The slot of the first row. */
  firstSlot = 0;
  readonly #ring: TrendRing;

  constructor(ring: TrendRing) {
    this.#ring = ring;
    this.times = new Array<number>(ring.slotCount).fill(0);
    this.columns = Array.from({ length: ring.lines.length * LINE_COLUMNS }, () =>
      new Array<number | null>(ring.slotCount).fill(null),
    );
  }

  /**
   * Refills every column with the ring's span that ends at `nowMs`. Times are seconds, as the chart counts them. Low and high
   * are a mean's alone: of other values they say nothing.
   */
  fill(measure: string, nowMs: number): void {
    const ring = this.#ring;
    this.firstSlot = ring.lastSlotAt(measure, nowMs) - ring.slotCount + 1;
    for (let row = 0; row < ring.slotCount; row++)
      this.times[row] = ring.timeOfSlotMs(this.firstSlot + row) / 1_000;
    const curves = ring.curves(measure);
    const [lows, highs] = measure === "mean" ? [ring.curves("min"), ring.curves("max")] : [];
    const lineCount = this.columns.length / LINE_COLUMNS;
    for (let at = 0; at < lineCount; at++) {
      const curve = curves[at];
      if (curve !== undefined)
        this.#fillLine(at * LINE_COLUMNS, { curve, low: lows?.[at], high: highs?.[at] });
    }
  }

  #fillLine(base: number, { curve, low: lows, high: highs }: DrawnCurve): void {
    const ring = this.#ring;
    const low = this.columns[base + LOW] ?? [];
    const high = this.columns[base + HIGH] ?? [];
    const solid = this.columns[base + SOLID] ?? [];
    const dashed = this.columns[base + DASHED] ?? [];
    let wasProvisional = false;
    for (let row = 0; row < ring.slotCount; row++) {
      const slot = this.firstSlot + row;
      const value = ring.valueAt(curve, slot);
      const isProvisional = value !== null && ring.isProvisionalAt(curve.line, slot);
      low[row] = lows === undefined ? null : ring.valueAt(lows, slot);
      high[row] = highs === undefined ? null : ring.valueAt(highs, slot);
      solid[row] = isProvisional ? null : value;
      // The dashed line reaches to its complete neighbours, so that only a missing window is a hole.
      dashed[row] = isProvisional || wasProvisional ? value : null;
      if (isProvisional && !wasProvisional && row > 0) dashed[row - 1] = solid[row - 1] ?? null;
      wasProvisional = isProvisional;
    }
  }
}
