import type { Outcome } from "@millrace/detect";
import { type Decoded, Payload, type SparkplugHearing } from "@millrace/wire";
import type { ClockGuard } from "../clock-guard.ts";
import type { IncomingReadings } from "./incoming-readings.ts";
import type { Arrival } from "../inputs/input.ts";
import type { Ledger } from "../ledger.ts";
import { PayloadRejections } from "./payload-rejections.ts";
import type { ReadingIntake } from "./reading-intake.ts";
import { refusedTime } from "./refused-time.ts";
import type { Rejection } from "./rejection.ts";
import type { Route } from "./topic-routes.ts";

export interface PayloadIntakeOptions {
  readonly guard: ClockGuard;
  readonly intake: ReadingIntake;
  readonly ledger: Ledger;
  /** Of the pipeline that runs. */
  incoming(): IncomingReadings;
  readonly onOutcomes: (outcomes: readonly Outcome[]) => void;
  /** A metric has as many series as it may. */
  seriesRefused(metric: string, arrival: Arrival): void;
}

/** Takes payloads in reading by reading, whatever they are; the ledger has what is wrong with them. */
export class PayloadIntake {
  readonly #options: PayloadIntakeOptions;

  constructor(options: PayloadIntakeOptions) {
    this.#options = options;
  }

  /** `areAll`: nothing of it has been taken in another way. */
  take(arrival: Arrival, routes: readonly Route[], areAll: boolean): PayloadRejections {
    const payload = new Payload(arrival.payload, this.#options.guard.nowMs());
    const rejections = new PayloadRejections();
    let isEmpty = areAll;
    for (const route of routes) {
      for (const decoded of route.decoder.decode(payload)) {
        isEmpty = false;
        this.#takeDecoded(arrival, route, decoded, rejections);
      }
    }
    for (const failure of payload.failures) this.#reject(rejections, failure);
    if (isEmpty && payload.failures.length === 0) {
      const names = routes.map(({ metric }) => metric.name).join(", ");
      this.#reject(rejections, { reason: "no_reading", detail: `no reading of ${names} is in it`, count: 1 });
    }
    return rejections;
  }

  /** The readings that an arrival of Sparkplug has brought. */
  takeHeard(arrival: Arrival, { readings, failures }: SparkplugHearing<Route>): PayloadRejections {
    const rejections = new PayloadRejections();
    for (const { binding, decoded } of readings) this.#takeDecoded(arrival, binding, decoded, rejections);
    for (const failure of failures) this.#reject(rejections, failure);
    return rejections;
  }

  /** Their node or device is gone; a series that never was has nothing to be stale. */
  markStale({ stale }: SparkplugHearing<Route>): void {
    for (const { binding, value } of stale) {
      if (binding.series !== undefined) this.#options.intake.markStale(binding.series, value);
    }
  }

  /** What one of its readings was decoded to. */
  #takeDecoded(arrival: Arrival, route: Route, decoded: Decoded, rejections: PayloadRejections): void {
    const { guard, intake, onOutcomes } = this.#options;
    const { name } = route.metric;
    if (!decoded.ok) {
      this.#reject(rejections, { ...decoded, detail: `${name}: ${decoded.detail}` });
      return;
    }
    const reading = this.#options.incoming().toReading(arrival, route, decoded);
    if ("reason" in reading) {
      this.#reject(rejections, reading);
      if (reading.reason === "series_cap") this.#options.seriesRefused(name, arrival);
      return;
    }
    const reason = intake.accept(reading, onOutcomes);
    if (reason === undefined) return;
    const unit = reading.hasOwnTime ? route.decoder.timeUnit : null;
    const detail =
      reason === "pane_cap"
        ? `${name} has as many open panes as it may`
        : refusedTime(reading.sourceTimeMs, guard.nowMs(), unit);
    // The intake itself has counted it.
    rejections.add({ reason, detail, count: 1 });
  }

  #reject(rejections: PayloadRejections, rejection: Rejection): void {
    this.#options.ledger.reject(rejection.reason, rejection.count);
    rejections.add(rejection);
  }
}
