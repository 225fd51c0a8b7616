import type { AgentConfig, Pipeline } from "@millrace/config";
import { type AlarmEvent, type Outcome, RuleEngine, ruleInput } from "@millrace/detect";
import { type Frontier, type PaneRows, SeriesWatermarks } from "@millrace/stream";
import { LABEL_LENGTH_MAX, Payload } from "@millrace/wire";
import { PANE_ROWS_MAX, watchedWindows } from "../agent.ts";
import { ClockGuard } from "../clock-guard.ts";
import { Deduplicator } from "../deduplicator.ts";
import { IncomingReadings } from "../incoming-readings.ts";
import type { Arrival } from "../inputs/input.ts";
import { Ledger, type RejectionReason } from "../ledger.ts";
import { MaintenanceDesk } from "../maintenance-desk.ts";
import { PaneTables } from "../pane-tables.ts";
import { PaneEmission } from "../pane-emission.ts";
import { PayloadRejections } from "../payload-rejections.ts";
import { ReadingIntake } from "../reading-intake.ts";
import { refusedTime } from "../refused-time.ts";
import type { Rejection } from "../rejection.ts";
import { RouteSeries } from "../route-series.ts";
import { SeriesRegistry } from "../series-registry.ts";
import { type Route, TopicRoutes } from "../topic-routes.ts";
import { type WatchedResult, WatchedWindows } from "../watched-windows.ts";
import type { RecordedMessage } from "./recorded-message.ts";
import type { ReplayClock } from "./replay-clock.ts";

export interface ReplayedAgentOptions {
  readonly config: AgentConfig;
  readonly pipeline: Pipeline;
  readonly clock: ReplayClock;
  /** A step of an alarm; no command ever goes out. */
  alarm(event: AlarmEvent): void;
}

/**
 * The agent without store, outbox and sockets: its own guard, deduplication, rules, panes and watermarks, in the time of a
 * recording. Every action is a dry run. `central` in replayed-central.ts takes what leaves it.
 */
export class ReplayedAgent {
  readonly #options: ReplayedAgentOptions;
  readonly #guard: ClockGuard;
  readonly #series: SeriesRegistry;
  readonly #deduplicator: Deduplicator;
  readonly #ledger = new Ledger();
  readonly #watermarks: SeriesWatermarks;
  readonly #rules: RuleEngine;
  readonly #watched: WatchedWindows;
  readonly #maintenance: MaintenanceDesk;
  readonly #routes: TopicRoutes;
  readonly #incoming: IncomingReadings;
  readonly #intake: ReadingIntake;
  readonly #emission: PaneEmission;
  #frontierNumber = 0;

  constructor(options: ReplayedAgentOptions) {
    this.#options = options;
    const { config, pipeline, clock } = options;
    const { limits, site } = config;
    this.#guard = new ClockGuard({
      clock,
      maxFutureMs: limits.maxFutureMs,
      floorMs: limits.clockFloorMs,
      // No clock of today is asked whether that of the recording is right.
      durableTimeMs: Number.NEGATIVE_INFINITY,
    });
    this.#guard.witness({ centralMs: clock.nowMs(), roundTripMs: 0 });
    this.#series = new SeriesRegistry(limits);
    this.#deduplicator = new Deduplicator({
      horizonMs: limits.dedupeHorizonMs,
      keysMax: limits.dedupeKeysMax,
    });
    this.#watermarks = new SeriesWatermarks(limits);
    this.#rules = new RuleEngine({
      rules: pipeline.rules.map((rule) =>
        rule.action === null ? rule : { ...rule, action: { ...rule.action, isArmed: false } },
      ),
      actionMaxAgeMs: limits.actionMaxAgeMs,
      maxFutureMs: limits.maxFutureMs,
      windowLagMs: limits.outOfOrdernessMs,
      seriesMax: limits.seriesPerMetricMax,
    });
    const shared = {
      metrics: pipeline.metrics,
      guard: this.#guard,
      watermarks: this.#watermarks,
      outOfOrdernessMs: limits.outOfOrdernessMs,
    };
    this.#watched = new WatchedWindows({
      ...shared,
      windows: watchedWindows(pipeline),
      groupsMax: limits.seriesPerMetricMax,
    });
    const tables = PaneTables.of(pipeline.metrics, PANE_ROWS_MAX);
    this.#intake = new ReadingIntake({
      ...shared,
      tables,
      clock,
      deduplicator: this.#deduplicator,
      rules: this.#rules,
      ledger: this.#ledger,
      redo: { add: () => undefined },
      watched: this.#watched,
      recorder: null,
    });
    this.#emission = new PaneEmission({
      ...shared,
      tables,
      series: this.#series,
      rowsMax: PANE_ROWS_MAX / 2,
    });
    this.#maintenance = new MaintenanceDesk({
      rules: this.#rules,
      guard: this.#guard,
      site,
      topic: pipeline.maintenance,
      changed: (outcomes) => this.#handle(outcomes),
    });
    this.#routes = new TopicRoutes({
      metrics: pipeline.metrics,
      site,
      confirmationFilters: [...this.#rules.confirmationTopics(), ...this.#maintenance.filters()],
    });
    this.#incoming = new IncomingReadings({
      guard: this.#guard,
      series: new RouteSeries({ registry: this.#series, site }),
    });
  }

  get ledger(): Ledger["totals"] {
    return this.#ledger.totals;
  }

  /** The newest reading's own time; null where none brings one. */
  newestTimeOf({ topic, payload, malformed }: RecordedMessage): number | null {
    const routes = this.#routes.resolve(topic);
    if (typeof routes === "string" || malformed !== undefined || this.#isOversized(payload)) return null;
    let newestMs: number | null = null;
    const parsed = new Payload(payload, this.#guard.nowMs());
    for (const { decoder } of routes)
      for (const decoded of decoder.decode(parsed))
        if (decoded.ok && decoded.hasOwnTime && decoded.timeMs !== null)
          newestMs = Math.max(newestMs ?? decoded.timeMs, decoded.timeMs);
    return newestMs;
  }

  /** Takes a message in as it comes now; the first of each reason for which readings in it are rejected. */
  receive(message: RecordedMessage): readonly Rejection[] {
    const { topic, payload, isRetained, malformed } = message;
    const nowMs = this.#guard.nowMs();
    this.#handle(this.#rules.onConfirmation({ topic, payload, isRetained }, nowMs));
    if (this.#isOversized(payload)) return this.#reject("oversized", `${payload.length} bytes or more`);
    if (malformed !== undefined) return this.#reject("malformed", malformed);
    this.#maintenance.hear(topic, payload);
    const routes = this.#routes.resolve(topic);
    switch (routes) {
      case "confirmation":
        return [];
      case "label_too_long":
        return this.#reject("oversized", `a level of the topic has over ${LABEL_LENGTH_MAX} characters`);
      case "wrong_site":
        return this.#reject("wrong_site", "the topic names another site");
    }
    if (routes.length === 0) return this.#reject("unknown_topic", "no metric reads this topic");
    const arrivedMonotonicMs = this.#options.clock.monotonicMs();
    return this.#takeIn(
      { topic, payload, isRetained, isOversized: false, qos: 1, client: "replay", arrivedMonotonicMs },
      routes,
    );
  }

  /** What the rules see of time and windows: at least four times a second of the recording. */
  tick(): void {
    const { clock } = this.#options;
    const steadyMs = this.#guard.steadyMs();
    this.#handle(
      this.#rules.onTick({ nowMs: this.#guard.nowMs(), monotonicMs: clock.monotonicMs(), steadyMs }),
    );
    this.#maintenance.tick();
    const { watermarkMs } = this.#watermarks.watermark(steadyMs, this.#guard.isProven);
    for (const result of this.#watched.take(watermarkMs, steadyMs)) this.#judgeWindow(result);
  }

  /** What the panes have gained, the open ones too at the end, and how far the agent is then. */
  emit(scope: "complete" | "everything"): {
    readonly sections: readonly PaneRows[];
    readonly frontier: Frontier;
  } {
    // No commit takes them.
    this.#series.takeUndurable();
    const { sections, sealed } = this.#emission.take(scope);
    this.#frontierNumber += 1;
    const holds = { alarm: 0, live: 0, backfill: 0 };
    return {
      sections,
      frontier: { epoch: 1, number: this.#frontierNumber, ...sealed, pending: [], holds },
    };
  }

  activeAlarms(): readonly AlarmEvent[] {
    return this.#rules.activeAlarms();
  }

  #takeIn(arrival: Arrival, routes: readonly Route[]): readonly Rejection[] {
    const payload = new Payload(arrival.payload, this.#guard.nowMs());
    const rejections = new PayloadRejections();
    const reject = (rejection: Rejection) => {
      this.#ledger.reject(rejection.reason, rejection.count);
      rejections.add(rejection);
    };
    let isEmpty = true;
    for (const route of routes) {
      const { name } = route.metric;
      for (const decoded of route.decoder.decode(payload)) {
        isEmpty = false;
        if (!decoded.ok) {
          reject({ ...decoded, detail: `${name}: ${decoded.detail}` });
          continue;
        }
        const reading = this.#incoming.toReading(arrival, route, decoded);
        if ("reason" in reading) {
          reject(reading);
          continue;
        }
        const reason = this.#intake.accept(reading, (outcomes) => this.#handle(outcomes));
        if (reason === undefined) continue;
        const unit = reading.hasOwnTime ? route.decoder.timeUnit : null;
        const detail =
          reason === "pane_cap"
            ? `${name} has as many open panes as it may`
            : refusedTime(reading.sourceTimeMs, this.#guard.nowMs(), unit);
        rejections.add({ reason, detail, count: 1 });
      }
    }
    for (const failure of payload.failures) reject(failure);
    if (isEmpty && payload.failures.length === 0) {
      const names = routes.map(({ metric }) => metric.name).join(", ");
      reject({ reason: "no_reading", detail: `no reading of ${names} is in it`, count: 1 });
    }
    return rejections.list();
  }

  /** A revision may raise an alarm or end it, and never acts. */
  #judgeWindow({ window, group, labels, endMs, values, isRevision }: WatchedResult): void {
    const monotonicMs = this.#options.clock.monotonicMs();
    for (const [name, value] of Object.entries(values)) {
      const metric = ruleInput({ metric: "", window: { name: window, value: name } });
      if (!this.#rules.watches(metric)) continue;
      this.#handle(
        this.#rules.onReading(
          group,
          { metric, labels, timeMs: endMs, value, quality: "good" },
          {
            nowMs: this.#guard.nowMs(),
            monotonicMs,
            arrivedMonotonicMs: monotonicMs,
            isRetained: false,
            isReplayed: isRevision,
          },
        ),
      );
    }
  }

  #handle(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) if (outcome.type === "event") this.#options.alarm(outcome.event);
  }

  #isOversized(payload: Uint8Array): boolean {
    return payload.length > this.#options.config.limits.payloadBytesMax;
  }

  #reject(reason: RejectionReason, detail: string): readonly Rejection[] {
    this.#ledger.reject(reason);
    return [{ reason, detail, count: 1 }];
  }
}
