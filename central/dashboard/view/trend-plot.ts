import { plainText } from "@millrace/runtime/plain-text";
import uPlot from "uplot";
import { DASHED, HIGH, LINE_COLUMNS, LOW, SOLID } from "../model/chart-columns.ts";
import { gapRows, type GapSpan } from "../model/gap-rows.ts";
import { trendGaps } from "../model/trend-gaps.ts";
import type { TrendCurve, TrendRing } from "../model/trend-ring.ts";
import type { Speaker } from "../text/speaker.ts";
import type { LineStyle } from "./line-style.ts";

/** What a plot shows beside its columns. Kept up to date by the chart, read while drawing. */
export interface PlotScene {
  ring: TrendRing;
  measure: string;
  styles: readonly LineStyle[];
  nowMs: number;
  /** Limits that what is shown is compared with, of the alarms that are active. */
  limits: readonly number[];
  speaker: Speaker;
}

interface PlotRequest {
  readonly scene: PlotScene;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly onCursor: (plot: uPlot) => void;
}

/** Charts with one key share their cursor. */
export const CURSOR_KEY = "trends";
const FONT = '11px system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif';
const MARKER_PX = 10;
const LABEL_GAP_PX = 13;
/** More names than these would hide the lines that have data. */
const GAP_ROWS_MAX = 6;
const TIME_STEPS_SECONDS = [
  1, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400,
];
const NAME_WIDTH_PX_MAX = 96;
const AXIS_WIDTH_PX_MIN = 46;

/** Options of one chart: lines with bands, hatched gaps, limits, and the lines' names at their ends. */
export function plotOptions({ scene, widthPx, heightPx, onCursor }: PlotRequest): uPlot.Options {
  const colours = chartColours();
  const lineColours = scene.styles.map((style) => cssColour(style.colour));
  return {
    width: widthPx,
    height: heightPx,
    padding: [8, nameWidthPx(scene), 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      sync: { key: CURSOR_KEY, scales: ["x", null] },
      points: { show: false },
    },
    scales: {
      x: { time: true, range: () => spanSeconds(scene) },
      y: { range: (_plot, low, high) => valueRange(low, high, scene.limits) },
    },
    axes: [
      {
        stroke: colours.quiet,
        font: FONT,
        size: 26,
        gap: 4,
        space: 58,
        incrs: TIME_STEPS_SECONDS,
        grid: { stroke: colours.grid, width: 1 },
        ticks: { show: false },
        values: (_plot, splits, _axis, _space, stepSeconds) =>
          splits.map((second) => {
            const time = scene.speaker.time(second * 1_000);
            return stepSeconds >= 60 ? time.slice(0, 5) : time;
          }),
      },
      {
        stroke: colours.quiet,
        font: FONT,
        // uPlot asks for it again when the numbers become longer or shorter.
        size: (_plot, values) => axisWidthPx(values),
        gap: 6,
        space: 36,
        grid: { stroke: colours.grid, width: 1 },
        ticks: { show: false },
      },
    ],
    series: [{}, ...lineColours.flatMap((colour) => lineSeries(colour, colours.ground))],
    bands: lineColours.map((colour, at) => ({
      series: [1 + at * LINE_COLUMNS + HIGH, 1 + at * LINE_COLUMNS + LOW],
      fill: withAlpha(colour, 0.13),
    })),
    hooks: {
      drawClear: [(plot) => drawGaps(plot, scene, colours)],
      drawAxes: [(plot) => drawGapNames(plot, scene, colours)],
      draw: [
        (plot) => drawLimits(plot, scene, colours),
        (plot) => drawNames(plot, scene, lineColours, colours),
      ],
      setCursor: [onCursor],
    },
  };
}

/** In the order of the columns: low, high, solid, dashed. */
function lineSeries(colour: string, ground: string): uPlot.Series[] {
  const series: uPlot.Series[] = [];
  series[LOW] = { stroke: "transparent", width: 0, points: { show: false } };
  series[HIGH] = { stroke: "transparent", width: 0, points: { show: false } };
  series[SOLID] = {
    stroke: colour,
    width: 1.75,
    points: { show: true, size: 4, fill: colour, filter: (plot, at) => lonelyRows(plot.data[at] ?? []) },
  };
  series[DASHED] = {
    stroke: colour,
    width: 1.75,
    dash: [3, 3],
    points: {
      show: true,
      size: 6,
      width: 1.5,
      fill: ground,
      filter: (plot, at) => provisionalRows(plot.data, at),
    },
  };
  return series;
}

/** A value between two holes has no line: it is drawn as a point. */
function lonelyRows(column: ArrayLike<number | null | undefined>): number[] {
  const rows: number[] = [];
  for (let row = 0; row < column.length; row++) {
    if (isThere(column[row]) && !isThere(column[row - 1]) && !isThere(column[row + 1])) rows.push(row);
  }
  return rows;
}

function provisionalRows(data: uPlot.AlignedData, at: number): number[] {
  const dashed = data[at] ?? [];
  const solid = data[at + SOLID - DASHED] ?? [];
  const rows: number[] = [];
  for (let row = 0; row < dashed.length; row++)
    if (isThere(dashed[row]) && !isThere(solid[row])) rows.push(row);
  // The line's newest point carries the line's own shape instead (drawNames).
  const newest = rows.at(-1);
  if (newest !== undefined && !Array.prototype.slice.call(solid, newest).some(isThere)) rows.pop();
  return rows;
}

function isThere(value: number | null | undefined): boolean {
  return value !== null && value !== undefined;
}

function spanSeconds({ ring, measure, nowMs }: PlotScene): uPlot.Range.MinMax {
  const lastMs = Math.max(nowMs, ring.timeOfSlotMs(ring.lastSlotAt(measure, nowMs)));
  return [(lastMs - ring.shownSpanMs(lastMs)) / 1_000, lastMs / 1_000];
}

function valueRange(low: number | null, high: number | null, limits: readonly number[]): uPlot.Range.MinMax {
  if (low === null || high === null) return [0, 1];
  const least = Math.min(low, ...limits);
  const most = Math.max(high, ...limits);
  return uPlot.rangeNum(least, most, 0.12, true);
}

interface ChartColours {
  readonly ground: string;
  readonly ink: string;
  readonly quiet: string;
  readonly grid: string;
  readonly hatch: string;
  readonly limit: string;
}

function chartColours(): ChartColours {
  return {
    ground: cssColour("--card"),
    ink: cssColour("--ink"),
    quiet: cssColour("--quiet"),
    grid: cssColour("--grid"),
    hatch: cssColour("--hatch"),
    limit: cssColour("--critical"),
  };
}

function cssColour(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

/** `colour` is `#rrggbb`. */
function withAlpha(colour: string, alpha: number): string {
  return `${colour}${Math.round(alpha * 255)
    .toString(16)
    .padStart(2, "0")}`;
}

/** Hatched where a line has no data: a gap is shown as a gap. */
function drawGaps(plot: uPlot, scene: PlotScene, colours: ChartColours): void {
  const { top, height } = plot.bbox;
  for (const { left, right } of scene.ring
    .curves(scene.measure)
    .flatMap((curve) => gapSpans(plot, scene, curve)))
    hatch(plot.ctx, { left, top, width: right - left, height }, colours, devicePixelRatio);
}

/** Whose the gaps are. On hatching and grid, which would strike the names through, and under the lines. */
function drawGapNames(plot: uPlot, scene: PlotScene, colours: ChartColours): void {
  const { ctx, bbox: box } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = scaledFont(scale);
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  const widthOf = (text: string) => ctx.measureText(text).width + 14 * scale;
  const lines = scene.ring.curves(scene.measure).map((curve) => {
    const name = plainText(curve.line.name);
    return { name, spans: gapSpans(plot, scene, curve), spanMin: widthOf(name) };
  });
  gapRows(lines, GAP_ROWS_MAX).forEach(({ names, spans }, row) => {
    const top = box.top + box.height - (19 + row * 16) * scale;
    for (const { left, right } of spans) {
      const text = gapTexts(names, scene.speaker).find((words) => widthOf(words) < right - left);
      if (text === undefined) continue;
      ctx.fillStyle = colours.ground;
      ctx.fillRect(left + 3 * scale, top, widthOf(text) - 6 * scale, 15 * scale);
      ctx.fillStyle = colours.ink;
      ctx.fillText(text, left + 7 * scale, top + 2 * scale);
    }
  });
  ctx.restore();
}

/** Where a line has no data, as far as it is in view. */
function gapSpans(plot: uPlot, { ring, nowMs }: PlotScene, curve: TrendCurve): GapSpan[] {
  const { left, width } = plot.bbox;
  return trendGaps(ring, curve, nowMs)
    .map((gap) => ({
      left: Math.max(left, plot.valToPos(gap.startMs / 1_000, "x", true)),
      right: Math.min(left + width, plot.valToPos(gap.endMs / 1_000, "x", true)),
    }))
    .filter((span) => span.right - span.left >= devicePixelRatio);
}

/** The longest that says it, and shorter ones. */
function gapTexts(names: readonly string[], speaker: Speaker): readonly string[] {
  const [name = ""] = names;
  return names.length === 1
    ? [`${name}: ${speaker.text("trends.noData")}`, name]
    : [speaker.text("trends.noDataMore", { count: names.length }), `+${speaker.count(names.length)}`];
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function hatch(ctx: CanvasRenderingContext2D, box: Box, colours: ChartColours, scale: number): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.width, box.height);
  ctx.clip();
  ctx.strokeStyle = colours.hatch;
  ctx.lineWidth = scale;
  ctx.beginPath();
  const step = 7 * scale;
  // From a fixed origin, so that the pattern stands still while the band moves.
  for (let x = Math.floor((box.left - box.height) / step) * step; x < box.left + box.width; x += step) {
    ctx.moveTo(x, box.top + box.height);
    ctx.lineTo(x + box.height, box.top);
  }
  ctx.stroke();
  ctx.restore();
}

function drawLimits(plot: uPlot, scene: PlotScene, colours: ChartColours): void {
  const { ctx } = plot;
  const box = plot.bbox;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = scaledFont(scale);
  ctx.strokeStyle = colours.limit;
  ctx.fillStyle = colours.limit;
  ctx.lineWidth = scale;
  ctx.setLineDash([8 * scale, 4 * scale]);
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  for (const limit of scene.limits) {
    const y = Math.round(plot.valToPos(limit, "y", true));
    ctx.beginPath();
    ctx.moveTo(box.left, y);
    ctx.lineTo(box.left + box.width, y);
    ctx.stroke();
    const text = scene.speaker.text("trends.limit", { limit: scene.speaker.exact(limit) });
    // A ground of its own keeps the words readable on hatching; below the line when there is no room above it.
    const bottom = y - box.top > 18 * scale ? y - 2 * scale : y + 17 * scale;
    ctx.fillStyle = colours.ground;
    ctx.fillRect(
      box.left + 3 * scale,
      bottom - 14 * scale,
      ctx.measureText(text).width + 6 * scale,
      14 * scale,
    );
    ctx.fillStyle = colours.limit;
    ctx.fillText(text, box.left + 6 * scale, bottom);
  }
  ctx.restore();
}

/** Each line's shape and name beside its newest point; names that would overlap are moved apart. */
function drawNames(
  plot: uPlot,
  scene: PlotScene,
  lineColours: readonly string[],
  colours: ChartColours,
): void {
  const { ctx } = plot;
  const box = plot.bbox;
  const scale = devicePixelRatio;
  const ends = scene.ring.curves(scene.measure).flatMap((curve, at) => {
    const { line } = curve;
    const slot = scene.ring.newestSlotAt(curve, scene.nowMs);
    const value = scene.ring.valueAt(curve, slot);
    const style = scene.styles[at];
    if (value === null || style === undefined) return [];
    const x = plot.valToPos(scene.ring.timeOfSlotMs(slot) / 1_000, "x", true);
    const y = plot.valToPos(value, "y", true);
    const isHollow = scene.ring.isProvisionalAt(line, slot);
    return x < box.left
      ? []
      : [
          {
            name: line.name,
            colour: lineColours[at] ?? colours.ink,
            shape: style.shape,
            x,
            y,
            labelY: y,
            isHollow,
          },
        ];
  });
  ends.sort((a, b) => a.y - b.y);
  for (let at = 1; at < ends.length; at++) {
    const [above, below] = [ends[at - 1], ends[at]];
    if (above !== undefined && below !== undefined)
      below.labelY = Math.max(below.labelY, above.labelY + LABEL_GAP_PX * scale);
  }
  const overflow = Math.max(0, (ends.at(-1)?.labelY ?? 0) - (box.top + box.height));
  ctx.save();
  ctx.font = scaledFont(scale);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  for (const end of ends) {
    drawShape(ctx, end, colours.ground, scale);
    ctx.fillStyle = colours.ink;
    ctx.fillText(
      plainText(end.name),
      box.left + box.width + 10 * scale,
      end.labelY - overflow,
      (NAME_WIDTH_PX_MAX - 14) * scale,
    );
  }
  ctx.restore();
}

interface LineEnd {
  readonly x: number;
  readonly y: number;
  readonly colour: string;
  readonly shape: string;
  readonly isHollow: boolean;
}

function drawShape(ctx: CanvasRenderingContext2D, end: LineEnd, ground: string, scale: number): void {
  const path = shapePath(end, (MARKER_PX * scale) / 16);
  ctx.fillStyle = end.isHollow ? ground : end.colour;
  ctx.strokeStyle = end.isHollow ? end.colour : ground;
  ctx.lineWidth = 1.5 * scale;
  ctx.stroke(path);
  ctx.fill(path);
  if (end.isHollow) ctx.stroke(path);
}

/** The shape's 16 x 16 box, `size` times as large, centred on the line's end. */
function shapePath(end: LineEnd, size: number): Path2D {
  const path = new Path2D();
  path.addPath(new Path2D(end.shape), new DOMMatrix([size, 0, 0, size, end.x - 8 * size, end.y - 8 * size]));
  return path;
}

function scaledFont(scale: number): string {
  return FONT.replace("11px", `${11 * scale}px`);
}

/** Sums may have many digits. */
function axisWidthPx(values: readonly string[] | null): number {
  const longest = Math.max(0, ...(values ?? []).map((text) => text.length));
  return Math.max(AXIS_WIDTH_PX_MIN, 12 + longest * 6.5);
}

function nameWidthPx({ ring }: PlotScene): number {
  const longest = Math.max(0, ...ring.lines.map((line) => line.name.length));
  return Math.min(NAME_WIDTH_PX_MAX, 18 + longest * 6.5);
}
