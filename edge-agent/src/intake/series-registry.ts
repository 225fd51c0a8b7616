import { hasLabels } from "@millrace/detect";
import { type Labels, seriesKey } from "@millrace/stream";

/** A series of this agent: its index is stable for the life of the store. */
export interface Series {
  readonly index: number;
  readonly metric: string;
  readonly labels: Labels;
  /** It takes no place among those that the metric may have, until it is heard again and there is one. */
  readonly isForgotten?: boolean;
}

/** As it is kept here. */
interface OwnSeries extends Series {
  isForgotten: boolean;
}

/** No metric has an empty name. */
const LOST_METRIC = "";

/** Of the series that a metric may have, so many more may be those that break a limit when they are heard first. */
const RESERVE_SHARE = 0.1;
const RESERVE_MIN = 100;

/** They keep their numbers, and some memory: with more, nobody is forgotten any more. */
const FORGOTTEN_MAX = 50_000;

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
  readonly #series: OwnSeries[] = [];
  readonly #indexByKey = new Map<string, number>();
  /** By a series' own labels object: quick for whoever has its labels from here. */
  readonly #byLabels = new WeakMap<Labels, Series>();
  readonly #countByMetric = new Map<string, number>();
  #undurable: Series[] = [];
  #makeRoom: (metric: string) => boolean = () => false;
  #forgottenCount = 0;
  readonly #forgottenByMetric = new Map<string, number>();

  constructor(options: { readonly seriesPerMetricMax: number }) {
    this.#seriesPerMetricMax = options.seriesPerMetricMax;
  }

  /** What is known stays, also where that is more. */
  setSeriesMax(seriesPerMetricMax: number): void {
    this.#seriesPerMetricMax = seriesPerMetricMax;
  }

  /** Asked where a metric has as many series as it may: true once one of them is forgotten. */
  makeRoomBy(makeRoom: (metric: string) => boolean): void {
    this.#makeRoom = makeRoom;
  }

  /** Those of a metric that are not forgotten. */
  indexesOf(metric: string): number[] {
    return this.#series.flatMap((each) => (each.metric === metric && !each.isForgotten ? [each.index] : []));
  }

  /** It gives up its place: what is known of it stays, for when it is heard again. False: too many were. */
  forget(index: number): boolean {
    const series = this.#series[index];
    if (series.isForgotten || this.#forgottenCount >= FORGOTTEN_MAX) return false;
    this.#setForgotten(series, true);
    const { metric } = series;
    this.#forgottenByMetric.set(metric, (this.#forgottenByMetric.get(metric) ?? 0) + 1);
    this.#undurable.push(series);
    return true;
  }

  /** How often one was forgotten, since the start. */
  forgottenByMetric(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#forgottenByMetric);
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
    if (known !== undefined && known.isForgotten !== true) return known;
    const max = isUrgent ? seriesMaxOf(this.#seriesPerMetricMax) : this.#seriesPerMetricMax;
    const isFull = () => (this.#countByMetric.get(metric) ?? 0) >= max;
    if (isFull() && !(this.#makeRoom(metric) && !isFull())) return undefined;
    const series = known === undefined ? this.#make({ metric, labels }) : this.#series[known.index];
    if (series.isForgotten) this.#setForgotten(series, false);
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
  restore(index: number, definition: Omit<Series, "index"> | undefined): void {
    const end = definition === undefined ? index + 1 : index;
    while (this.#series.length < end) {
      this.#series.push({ index: this.#series.length, metric: LOST_METRIC, labels: {}, isForgotten: false });
    }
    if (definition === undefined) return;
    const series = this.#make(definition);
    if (definition.isForgotten === true) this.#setForgotten(series, true);
  }

  #make({ metric, labels }: Pick<Series, "metric" | "labels">): OwnSeries {
    const series: OwnSeries = { index: this.#series.length, metric, labels, isForgotten: false };
    this.#series.push(series);
    this.#byLabels.set(labels, series);
    this.#indexByKey.set(seriesKey(metric, labels), series.index);
    this.#addTo(metric, 1);
    return series;
  }

  #setForgotten(series: OwnSeries, isForgotten: boolean): void {
    series.isForgotten = isForgotten;
    this.#forgottenCount += isForgotten ? 1 : -1;
    this.#addTo(series.metric, isForgotten ? -1 : 1);
  }

  #addTo(metric: string, count: number): void {
    this.#countByMetric.set(metric, (this.#countByMetric.get(metric) ?? 0) + count);
  }
}
