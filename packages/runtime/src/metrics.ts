import { Counter, Gauge, Histogram, Registry } from "prom-client";
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

  /** Prometheus text exposition, and the content type that it is served with. */
  async exposition(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #options(name: MetricName) {
    const row: MetricRow = METRIC_TABLE[name];
    const buckets = row.buckets === undefined ? {} : { buckets: [...row.buckets] };
    return { name, help: row.help, labelNames: [...row.labels], registers: [this.#registry], ...buckets };
  }
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
    const grown = total - (this.#totals.get(key) ?? 0);
    if (grown <= 0) return;
    this.#totals.set(key, total);
    this.#counter.inc(labels, grown);
  }
}
