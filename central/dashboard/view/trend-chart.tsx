import { useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { alarmLimits } from "../model/alarm-limits.ts";
import { ChartColumns } from "../model/chart-columns.ts";
import { themeVersion } from "./theme.ts";
import { TrendLegend } from "./trend-legend.tsx";
import type { TrendProps } from "./trend-panel.tsx";
import { CURSOR_KEY, plotOptions } from "./trend-plot.ts";
import type { PlotScene } from "./trend-plot.ts";

const HEIGHT_PX = 208;
const LIMITS_MAX = 3;

/** One metric's lines. Drawn again when its ring changes or a second has passed; built again for new lines or colours. */
export function TrendChart({ trend, measure, styles, page, speaker }: TrendProps) {
  const { ring, unit, metric } = trend;
  const frame = useRef<HTMLDivElement>(null);
  const chart = useRef<{ plot: uPlot; columns: ChartColumns } | null>(null);
  const [cursorSlot, setCursorSlot] = useState<number | null>(null);
  const nowMs = page.trendNowMs.value;
  const subject = { metric, measure, window: ring.window.name };
  const limits = alarmLimits(page.activeAlarms.value, subject).slice(0, LIMITS_MAX);

  // What the plot's hooks read while drawing; the same object for the plot's whole life.
  const scene = useRef<PlotScene>({ ring, measure, styles, nowMs, limits, speaker }).current;
  Object.assign(scene, { ring, measure, styles, nowMs, limits, speaker });

  const colourKey = styles.map((style) => style.colour + style.shape).join();
  useLayoutEffect(() => {
    const target = frame.current;
    if (target === null) return;
    const columns = new ChartColumns(ring);
    columns.fill(scene.measure, scene.nowMs);
    const onCursor = (plot: uPlot) => {
      const at = plot.cursor.idx;
      setCursorSlot(
        at === null || at === undefined || (plot.cursor.left ?? -1) < 0 ? null : columns.firstSlot + at,
      );
    };
    const options = plotOptions({ scene, widthPx: target.clientWidth, heightPx: HEIGHT_PX, onCursor });
    const plot = new uPlot(options, [columns.times, ...columns.columns], target);
    chart.current = { plot, columns };
    const observer = new ResizeObserver(() => plot.setSize({ width: target.clientWidth, height: HEIGHT_PX }));
    observer.observe(target);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [ring, ring.lines.length, colourKey, themeVersion.value]);

  const version = `${ring.version} ${measure} ${nowMs} ${scene.limits.join()}`;
  useLayoutEffect(() => {
    if (chart.current === null) return;
    const { plot, columns } = chart.current;
    columns.fill(measure, nowMs);
    plot.setData([columns.times, ...columns.columns]);
  }, [version]);

  // The card has the focus; the keys reach the chart inside it.
  useLayoutEffect(() => {
    const card = frame.current?.closest<HTMLElement>("[data-metric]");
    const listen = (event: KeyboardEvent) => {
      if (chart.current !== null && event.target === card && moveCursor(chart.current.plot, event.key))
        event.preventDefault();
    };
    card?.addEventListener("keydown", listen);
    return () => card?.removeEventListener("keydown", listen);
  }, []);

  return (
    <>
      <TrendLegend
        ring={ring}
        measure={measure}
        unit={unit}
        styles={styles}
        nowMs={nowMs}
        cursorSlot={cursorSlot}
        speaker={speaker}
      />
      <div class="plot" ref={frame} />
    </>
  );
}

function moveCursor(plot: uPlot, key: string): boolean {
  if (key === "Escape") {
    placeCursor(plot, -10);
    return true;
  }
  const step = key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0;
  if (step === 0) return false;
  const times = plot.data[0];
  const isShown = (plot.cursor.left ?? -1) >= 0;
  const at = Math.min(
    times.length - 1,
    Math.max(0, (isShown ? (plot.cursor.idx ?? times.length) : times.length) + step),
  );
  const time = times[at];
  if (time !== undefined) placeCursor(plot, plot.valToPos(time, "x"));
  return true;
}

/** Here and, as the mouse would, in every other chart. */
function placeCursor(plot: uPlot, left: number): void {
  const { clientWidth, clientHeight } = plot.over;
  const top = left < 0 ? -10 : clientHeight / 2;
  plot.setCursor({ left, top });
  // The others follow by time, which a mouse event would have noted here.
  if (plot.cursor.sync !== undefined) plot.cursor.sync.values = [plot.posToVal(left, "x"), 0];
  uPlot.sync(CURSOR_KEY).pub("mousemove", plot, left, top, clientWidth, clientHeight, plot.cursor.idx ?? 0);
}
