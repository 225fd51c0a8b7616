import type { Trend } from "../live-page.ts";
import { latestValue } from "../model/trend-gaps.ts";
import type { Speaker } from "../text/speaker.ts";
import { lineStyle } from "./line-style.ts";
import type { LineStyle } from "./line-style.ts";
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
  /** One per line of the ring, in its order. */
  readonly styles: readonly LineStyle[];
}

function TrendCard({ trend, page, speaker }: PanelProps & { readonly trend: Trend }) {
  // Reading the version subscribes the card to new values.
  void page.trendVersion.value;
  const nowMs = page.trendNowMs.value;
  const { ring, metric } = trend;
  const isTable = tables.value.has(metric);
  const sites = siteNames(page.trends.value);
  const styles = ring.lines.map((line) => lineStyle(sites.indexOf(line.name)));
  return (
    <figure
      class="card"
      tabIndex={0}
      data-testid={`chart-${metric}`}
      data-metric={metric}
      aria-label={summary(trend, nowMs, speaker)}
    >
      <figcaption>
        <h3>{metric}</h3>
        <span class="note">{sourceText(trend, speaker)}</span>
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
      {ring.lines.length === 0 ? (
        <p class="empty">{speaker.text("trends.waiting")}</p>
      ) : isTable ? (
        <TrendTable trend={trend} styles={styles} page={page} speaker={speaker} />
      ) : (
        <TrendChart trend={trend} styles={styles} page={page} speaker={speaker} />
      )}
    </figure>
  );
}

/** Every line name on the page, so that a site has one colour and one shape in all charts. */
function siteNames(trends: readonly Trend[]): readonly string[] {
  return [...new Set(trends.flatMap((trend) => trend.ring.lines.map((line) => line.name)))].sort();
}

function sourceText({ ring }: Trend, speaker: Speaker): string {
  const { sizeMs, slideMs } = ring.window;
  if (ring.measure === null) return speaker.text("trends.sourceUnknown", { size: speaker.duration(sizeMs) });
  const source = speaker.text(slideMs === sizeMs ? "trends.source" : "trends.sourceSliding", {
    measure: speaker.text(`measure.${ring.measure}`),
    size: speaker.duration(sizeMs),
    slide: speaker.duration(slideMs),
  });
  const leftOut =
    ring.linesLeftOut > 0 ? [speaker.text("trends.linesLeftOut", { count: ring.linesLeftOut })] : [];
  return [source, ...(ring.hasBand ? [speaker.text("trends.band")] : []), ...leftOut].join(" · ");
}

function summary({ metric, unit, ring }: Trend, nowMs: number, speaker: Speaker): string {
  const lines = ring.lines.map((line) => {
    const latest = latestValue(ring, line, nowMs);
    const value =
      latest === null || latest.isStale
        ? speaker.text("trends.noData")
        : `${speaker.value(latest.value)} ${unit}`;
    return `${line.name} ${value}`;
  });
  return speaker.text("trends.summary", { metric, lines: lines.join(", ") });
}
