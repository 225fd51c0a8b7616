import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { gaugeFamilyText } from "./gauge-family.ts";
import type { GaugeFamily } from "./gauge-family.ts";
import { OPEN_METRICS_TYPE, openMetricsText } from "./open-metrics.ts";
import { METRIC_TABLE, type MetricName, type MetricRow } from "./metric-table.ts";

/** The metrics of one app instance, in a registry of its own, so that many apps can live in one process. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<MetricName, TotalCounter>();
  readonly #gauges = new Map<MetricName, Gauge>();
  readonly #histograms = new Map<MetricName, Histogram>();

  /** A count that only grows, from zero at start or following a durable total. */
  counter<Name extends NameOf<"counter">>(name: Name): CounterMetric<Name> {
    const counter = this.#counters.get(name) ?? new TotalCounter(new Counter(this.#options(name)));
    this.#counters.set(name, counter);
    return counter;
  }

  gauge<Name extends NameOf<"gauge">>(name: Name): GaugeMetric<Name> {
    const gauge = this.#gauges.get(name) ?? new Gauge(this.#options(name));
    this.#gauges.set(name, gauge);
    return { set: (value, labels) => gauge.set(labels ?? {}, value), forgetAll: () => gauge.reset() };
  }

  histogram<Name extends NameOf<"histogram">>(name: Name): HistogramMetric<Name> {
    const histogram = this.#histograms.get(name) ?? new Histogram(this.#options(name));
    this.#histograms.set(name, histogram);
    return { observe: (value, labels) => histogram.observe(labels ?? {}, value) };
  }

  /** What a scrape is answered: OpenMetrics for those who accept it, Prometheus' text format for all others. */
  async exposition(options: ExpositionOptions = {}): Promise<Exposition> {
    const { accept = "", families = [] } = options;
    const own = await this.#registry.metrics();
    const text = [own, ...families.map(gaugeFamilyText)].join("");
    if (!accept.includes(OPEN_METRICS_TYPE)) return { contentType: this.#registry.contentType, text };
    return {
      contentType: `${OPEN_METRICS_TYPE}; version=1.0.0; charset=utf-8`,
      text: openMetricsText(text),
    };
  }

  #options(name: MetricName) {
    const row: MetricRow = METRIC_TABLE[name];
    const buckets = row.buckets === undefined ? {} : { buckets: [...row.buckets] };
    return { name, help: row.help, labelNames: [...row.labels], registers: [this.#registry], ...buckets };
  }
}

export interface ExpositionOptions {
  /** Header of the request. */
  readonly accept?: string | undefined;
  /** Shown behind the metrics of the table. */
  readonly families?: readonly GaugeFamily[];
}

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

export interface CounterMetric<Name extends MetricName> {
  add(count: number, labels?: LabelValues<Name>): void;
  /** Follows a total kept elsewhere (the durable ledger): counts what it has grown by. */
  follow(total: number, labels?: LabelValues<Name>): void;
}

export interface GaugeMetric<Name extends MetricName> {
  set(value: number, labels?: LabelValues<Name>): void;
  /** For values of labels that are no longer. */
  forgetAll(): void;
}

export interface HistogramMetric<Name extends MetricName> {
  observe(value: number, labels?: LabelValues<Name>): void;
}

export type LabelValues<Name extends MetricName> = Readonly<
  Record<(typeof METRIC_TABLE)[Name]["labels"][number], string>
>;

export type NameOf<Type extends MetricRow["type"]> = {
  [Name in MetricName]: (typeof METRIC_TABLE)[Name]["type"] extends Type ? Name : never;
}[MetricName];

class TotalCounter {
  readonly #counter: Counter;
  readonly #totals = new Map<string, number>();

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  add(count: number, labels: Readonly<Record<string, string>> = {}): void {
    this.#counter.inc(labels, count);
  }

  follow(total: number, labels: Readonly<Record<string, string>> = {}): void {
    const key = JSON.stringify(labels);
    const before = this.#totals.get(key);
    const grown = Math.max(0, total - (before ?? 0));
    // It is there from 0 on: who looks for growth misses the first of what appears with it.
    if (grown === 0 && before !== undefined) return;
    this.#totals.set(key, (before ?? 0) + grown);
    this.#counter.inc(labels, grown);
  }
}
