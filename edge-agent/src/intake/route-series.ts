import type { Series, SeriesRegistry } from "./series-registry.ts";
import type { Route } from "./topic-routes.ts";

/** Series remembered by route and labels; a sensor that invents labels must not fill the memory. */
const CACHED_SERIES_MAX = 50_000;

/** From a route and the labels of its payload to the series, without building all its labels for each reading. */
export class RouteSeries {
  readonly #registry: SeriesRegistry;
  readonly #site: string;
  readonly #cachedMax: number;
  #cache = new Map<Route, Map<string, Series>>();
  #cachedCount = 0;

  constructor(options: {
    readonly registry: SeriesRegistry;
    readonly site: string;
    readonly cachedMax?: number;
  }) {
    this.#registry = options.registry;
    this.#site = options.site;
    this.#cachedMax = options.cachedMax ?? CACHED_SERIES_MAX;
  }

  get cachedCount(): number {
    return this.#cachedCount;
  }

  /** The series of a reading; `labels` are the values of the decoder's labels. `isUrgent`: it may be of the reserve. */
  find(route: Route, labels: readonly string[], isUrgent = false): Series | "wrong_site" | "series_cap" {
    const { metric, decoder } = route;
    if (labels.length === 0) {
      if (route.series?.isForgotten !== false)
        route.series = this.#registry.resolve(metric.name, route.labels, isUrgent);
      return route.series ?? "series_cap";
    }
    // No label has a NUL: the key tells all label values apart.
    const key = labels.length === 1 ? labels[0] : labels.join("\0");
    const cached = this.#cache.get(route)?.get(key);
    if (cached?.isForgotten === false) return cached;
    const own = Object.fromEntries(decoder.labelNames.map((name, index) => [name, labels[index]]));
    if (own["site"] !== undefined && own["site"] !== this.#site) return "wrong_site";
    const series = this.#registry.resolve(metric.name, { ...route.labels, ...own }, isUrgent);
    if (series === undefined) return "series_cap";
    if (cached === undefined) this.#remember(route, key, series);
    return series;
  }

  #remember(route: Route, key: string, series: Series): void {
    if (this.#cachedCount >= this.#cachedMax) {
      this.#cache = new Map();
      this.#cachedCount = 0;
    }
    let ofRoute = this.#cache.get(route);
    if (ofRoute === undefined) {
      ofRoute = new Map();
      this.#cache.set(route, ofRoute);
    }
    ofRoute.set(key, series);
    this.#cachedCount += 1;
  }
}
