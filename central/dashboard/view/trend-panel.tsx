import type { Trend } from "../live-page.ts";
import { shownMeasure } from "../model/shown-measure.ts";
import { latestValue } from "../model/trend-gaps.ts";
import { measureName, measureText } from "../text/measure-text.ts";
import type { Speaker } from "../text/speaker.ts";
import { lineStyle } from "./line-style.ts";
import type { LineStyle } from "./line-style.ts";
import { chosenMeasures, MeasureChoice } from "./measure-choice.tsx";
import { tables, toggleTable } from "./page-keys.ts";
import type { PanelProps } from "./page.tsx";
import { TrendChart } from "./trend-chart.tsx";
import { TrendTable } from "./trend-table.tsx";

export function TrendPanel({ page, speaker }: PanelProps) {
  const trends = page.trends.value;
  return (
    <section class="panel trends" id="trends" tabIndex={-1} aria-labelledby="trends-title">
      <header>
        <h2 id="trends-title">{speaker.text("trends.title")}</h2>
        {page.hasData.value && <p class="note">{speaker.zoneWithOffset(page.nowMs.value)}</p>}
      </header>
      {trends.length === 0 && (
        <p class="empty">
          <b>{speaker.text(page.hasData.value ? "trends.none" : "page.waiting")}</b>
        </p>
      )}
      <div class="charts">
        {trends.map((trend) => (
          <TrendCard key={trend.metric} trend={trend} page={page} speaker={speaker} />
        ))}
      </div>
    </section>
  );
}

export interface TrendProps extends PanelProps {
  readonly trend: Trend;
  /** Which of the windows' values is shown. */
  readonly measure: string;
  /** One per line of the ring, in its order. */
  readonly styles: readonly LineStyle[];
}

function TrendCard({ trend, page, speaker }: PanelProps & { readonly trend: Trend }) {
  // Reading the version subscribes the card to new values.
  void page.trendVersion.value;
  const nowMs = page.trendNowMs.value;
  const { ring, metric } = trend;
  const measure = shownMeasure(ring.measures, {
    chosen: chosenMeasures.value.get(metric),
    isOfRecords: page.recordMetrics.value.has(metric),
  });
  const isTable = tables.value.has(metric);
  const sites = siteNames(page.trends.value);
  const styles = ring.lines.map((line) => lineStyle(sites.indexOf(line.name)));
  return (
    <figure
      class="card"
      tabIndex={0}
      data-testid={`chart-${metric}`}
      data-metric={metric}
      aria-label={summary({ trend, measure, nowMs, speaker })}
    >
      <figcaption>
        <h3>{metric}</h3>
        {measure !== null && (
          <MeasureChoice metric={metric} measures={ring.measures} shown={measure} speaker={speaker} />
        )}
        <span class="note">{sourceText(trend, measure, speaker)}</span>
        <button
          type="button"
          class="quiet"
          aria-keyshortcuts="v"
          aria-pressed={isTable}
          onClick={() => toggleTable(metric)}
        >
          {speaker.text(isTable ? "action.viewChart" : "action.viewTable")}
        </button>
      </figcaption>
      {measure === null ? (
        <p class="empty">{speaker.text("trends.waiting")}</p>
      ) : isTable ? (
        <TrendTable trend={trend} measure={measure} styles={styles} page={page} speaker={speaker} />
      ) : (
        <TrendChart trend={trend} measure={measure} styles={styles} page={page} speaker={speaker} />
      )}
    </figure>
  );
}

/** Every line name on the page, so that a site has one colour and one shape in all charts. */
function siteNames(trends: readonly Trend[]): readonly string[] {
  return [...new Set(trends.flatMap((trend) => trend.ring.lines.map((line) => line.name)))].sort();
}

function sourceText({ ring }: Trend, measure: string | null, speaker: Speaker): string {
  const { sizeMs, slideMs } = ring.window;
  const source = speaker.text(slideMs === sizeMs ? "trends.source" : "trends.sourceSliding", {
    size: speaker.duration(sizeMs),
    slide: speaker.duration(slideMs),
  });
  const hasBand = measure === "mean" && ring.measures.includes("min") && ring.measures.includes("max");
  const leftOut =
    ring.linesLeftOut > 0 ? [speaker.text("trends.linesLeftOut", { count: ring.linesLeftOut })] : [];
  return [source, ...(hasBand ? [speaker.text("trends.band")] : []), ...leftOut].join(" · ");
}

interface SummaryRequest {
  readonly trend: Trend;
  readonly measure: string | null;
  readonly nowMs: number;
  readonly speaker: Speaker;
}

function summary({ trend: { metric, unit, ring }, measure, nowMs, speaker }: SummaryRequest): string {
  if (measure === null) return metric;
  const lines = ring.curves(measure).map((curve) => {
    const latest = latestValue(ring, curve, nowMs);
    const value =
      latest === null || latest.isStale
        ? speaker.text("trends.noData")
        : measureText(latest.value, { measure, unit, speaker });
    return `${curve.line.name} ${value}`;
  });
  return speaker.text("trends.summary", {
    metric,
    measure: measureName(measure, speaker),
    lines: lines.join(", "),
  });
}
