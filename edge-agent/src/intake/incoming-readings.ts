import type { RuleEngine } from "@millrace/detect";
import { adjustValue, type DecodedReading } from "@millrace/wire";
import type { ClockGuard } from "../clock-guard.ts";
import type { Arrival } from "../inputs/input.ts";
import type { IncomingReading } from "./reading-intake.ts";
import type { Rejection } from "./rejection.ts";
import type { RouteSeries } from "./route-series.ts";
import type { Series } from "./series-registry.ts";
import type { Route } from "./topic-routes.ts";

const NO_LABELS: readonly string[] = [];

/** From what a decoder read to a reading of a series: the metric's unit, the series, the time of arrival where it has none. */
export class IncomingReadings {
  readonly #guard: ClockGuard;
  readonly #series: RouteSeries;
  readonly #rules: Pick<RuleEngine, "breaksLimit">;

  constructor(options: {
    readonly guard: ClockGuard;
    readonly series: RouteSeries;
    readonly rules: Pick<RuleEngine, "breaksLimit">;
  }) {
    this.#guard = options.guard;
    this.#rules = options.rules;
    this.#series = options.series;
  }

  /** The series of the readings that have no labels of their own; undefined where the metric may have no more. */
  seriesOf(route: Route): Series | undefined {
    const series = this.#series.find(route, NO_LABELS);
    return typeof series === "string" ? undefined : series;
  }

  toReading(arrival: Arrival, route: Route, decoded: DecodedReading): IncomingReading | Rejection {
    const { name } = route.metric;
    const value =
      route.adjustment === undefined ? decoded.value : adjustValue(decoded.value, route.adjustment);
    if (!Number.isFinite(value))
      return rejection(
        "not_finite",
        `${name}: ${decoded.value} is beyond the greatest number once converted`,
      );
    let series = this.#series.find(route, decoded.labels);
    if (series === "series_cap" && this.#rules.breaksLimit(name, value))
      series = this.#series.find(route, decoded.labels, true);
    if (series === "wrong_site") return rejection(series, `${name}: the payload names another site`);
    if (series === "series_cap") return rejection(series, `${name} has as many series as it may`);
    return {
      series,
      sourceTimeMs:
        decoded.timeMs === null ? this.#guard.nowMs() : decoded.timeMs + decoded.timeSubMsNs / 1e6,
      value,
      quality: decoded.quality,
      hasOwnTime: decoded.hasOwnTime,
      // Neither acts, nor does it end a silence.
      isRetained:
        arrival.isRetained ||
        decoded.isHistorical === true ||
        (arrival.mayBeOld === true && !decoded.hasOwnTime),
      arrivedMonotonicMs: arrival.arrivedMonotonicMs,
    };
  }
}

function rejection(reason: Rejection["reason"], detail: string): Rejection {
  return { reason, detail, count: 1 };
}
