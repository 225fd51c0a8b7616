import { hasLabels } from "@millrace/detect";
import { type Labels, seriesKey } from "@millrace/stream";

/** A series of this agent: its index is stable for the life of the store. */
export interface Series {
  readonly index: number;
  readonly metric: string;
  readonly labels: Labels;
}

/** No metric has an empty name. */
const LOST_METRIC = "";

/** Of the series that a metric may have, so many more may be those that break a limit when they are heard first. */
const RESERVE_SHARE = 0.1;
const RESERVE_MIN = 100;

/** What a metric's series are at most, with the reserve. */
export function seriesMaxOf(seriesPerMetricMax: number): number {
  return seriesPerMetricMax + Math.max(RESERVE_MIN, Math.ceil(RESERVE_SHARE * seriesPerMetricMax));
}

/**
 * Numbers the series in order of first sight. At most `seriesPerMetricMax` for each metric, and a reserve: a sensor that invents topics
 * must not fill the memory. New definitions wait until the commit that first uses them takes them along.
 */
export class SeriesRegistry {
  #seriesPerMetricMax: number;
  readonly #series: Series[] = [];
  readonly #indexByKey = new Map<string, number>();
  /** By a series' own labels object: quick for whoever has its labels from here. */
  readonly #byLabels = new WeakMap<Labels, Series>();
  readonly #countByMetric = new Map<string, number>();
  #undurable: Series[] = [];

  constructor(options: { readonly seriesPerMetricMax: number }) {
    this.#seriesPerMetricMax = options.seriesPerMetricMax;
  }

  /** What is known stays, also where that is more. */
  setSeriesMax(seriesPerMetricMax: number): void {
    this.#seriesPerMetricMax = seriesPerMetricMax;
  }

  get count(): number {
    return this.#series.length;
  }

  countByMetric(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#countByMetric);
  }

  /** Of each series. */
  *labels(): Iterable<Labels> {
    for (const { metric, labels } of this.#series) if (metric !== LOST_METRIC) yield labels;
  }

  /** Those that have all these labels. */
  *withLabels(wanted: Labels): Iterable<Series> {
    for (const series of this.#series) if (hasLabels(series.labels, wanted)) yield series;
  }

  get(index: number): Series {
    return this.#series[index];
  }

  has(index: number): boolean {
    return index < this.#series.length;
  }

  find(metric: string, labels: Labels): Series | undefined {
    const own = this.#byLabels.get(labels);
    if (own?.metric === metric) return own;
    const index = this.#indexByKey.get(seriesKey(metric, labels));
    return index === undefined ? undefined : this.#series[index];
  }

  /**
   * The series, made when new; `undefined` when the metric has as many as it may. One that is urgent may be of the reserve:
   * whoever invents names must not keep a machine that needs to be stopped out of the rules.
   */
  resolve(metric: string, labels: Labels, isUrgent = false): Series | undefined {
    const known = this.find(metric, labels);
    if (known !== undefined) return known;
    const max = isUrgent ? seriesMaxOf(this.#seriesPerMetricMax) : this.#seriesPerMetricMax;
    if ((this.#countByMetric.get(metric) ?? 0) >= max) return undefined;
    const series = { index: this.#series.length, metric, labels };
    this.#remember(series);
    this.#undurable.push(series);
    return series;
  }

  /** Definitions that no commit has taken yet. */
  takeUndurable(): readonly Series[] {
    const taken = this.#undurable;
    this.#undurable = [];
    return taken;
  }

  /** Takes back a stored definition; they come in order of their indexes. One that was lost leaves its index unused. */
  restore(index: number, definition: Pick<Series, "metric" | "labels"> | undefined): void {
    const end = definition === undefined ? index + 1 : index;
    while (this.#series.length < end) {
      this.#series.push({ index: this.#series.length, metric: LOST_METRIC, labels: {} });
    }
    if (definition !== undefined) this.#remember({ index, ...definition });
  }

  #remember(series: Series): void {
    this.#series.push(series);
    this.#byLabels.set(series.labels, series);
    this.#indexByKey.set(seriesKey(series.metric, series.labels), series.index);
    this.#countByMetric.set(series.metric, (this.#countByMetric.get(series.metric) ?? 0) + 1);
  }
}
