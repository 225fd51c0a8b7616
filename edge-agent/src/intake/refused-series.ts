import type { Arrival } from "../inputs/input.ts";

/** Who wanted more series of a metric than it may have. */
export interface RefusedSeriesStatus {
  /** Readings of further series since the start. */
  readonly count: number;
  /** Of the latest. */
  readonly topic: string;
  readonly client: string;
  readonly atMs: number;
}

/** The latest offender of each metric against the cap on series: as many entries as metrics at most. */
export class RefusedSeries {
  readonly #byMetric = new Map<string, RefusedSeriesStatus>();

  add(metric: string, { topic, client }: Pick<Arrival, "topic" | "client">, atMs: number): void {
    const count = (this.#byMetric.get(metric)?.count ?? 0) + 1;
    this.#byMetric.set(metric, { count, topic, client, atMs });
  }

  status(): Readonly<Record<string, RefusedSeriesStatus>> {
    return Object.fromEntries(this.#byMetric);
  }
}
