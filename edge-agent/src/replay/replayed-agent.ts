import type { AgentConfig, Pipeline } from "@millrace/config";
import { type AlarmEvent, type Outcome, RuleEngine } from "@millrace/detect";
import { silentLogger } from "@millrace/runtime";
import { type Frontier, type PaneRows, SeriesWatermarks } from "@millrace/stream";
import { parseSourceTime, parseSparkplugPayload, Payload } from "@millrace/wire";
import { ClockGuard } from "../clock-guard.ts";
import { type EvidenceArrival, EvidenceTopics } from "../evidence/evidence-topics.ts";
import type { Arrival } from "../inputs/input.ts";
import { Deduplicator } from "../intake/deduplicator.ts";
import { IncomingReadings } from "../intake/incoming-readings.ts";
import { Ledger, type RejectionReason } from "../ledger.ts";
import { MaintenanceDesk } from "../actions/maintenance-desk.ts";
import { PANE_ROWS_MAX, PaneTables } from "../panes/pane-tables.ts";
import { PaneEmission } from "../panes/pane-emission.ts";
import { PayloadIntake } from "../intake/payload-intake.ts";
import { ReadingIntake } from "../intake/reading-intake.ts";
import { refusedTime } from "../intake/refused-time.ts";
import type { Rejection } from "../intake/rejection.ts";
import { RouteSeries } from "../intake/route-series.ts";
import { seriesMaxOf, SeriesRegistry } from "../intake/series-registry.ts";
import { TOPIC_REFUSALS, TopicRoutes } from "../intake/topic-routes.ts";
import { windowsOfRules, windowsOfRulesMs } from "../panes/windows-of-rules.ts";
import { SparkplugDesk } from "../sparkplug/sparkplug-desk.ts";
import { WatchedWindows } from "../panes/watched-windows.ts";
import { WindowJudge } from "../panes/window-judge.ts";
import type { RecordedMessage } from "./recorded-message.ts";
import type { ReplayClock } from "./replay-clock.ts";

/** Longer than the interlock holds a command on old evidence, and than a device's birth is awaited after its node's. */
const MARGIN_MS = 300_000;

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
  readonly #windowJudge: WindowJudge;
  readonly #maintenance: MaintenanceDesk;
  readonly #routes: TopicRoutes;
  readonly #evidence: EvidenceTopics;
  readonly #sparkplug: SparkplugDesk;
  readonly #payloads: PayloadIntake;
  readonly #onOutcomes = (outcomes: readonly Outcome[]) => this.#handle(outcomes);
  readonly #emission: PaneEmission;
  /** After whatever happens, any tick may find more to do for so long. */
  readonly #restlessMs: number;
  #restlessUntilMs = Number.NEGATIVE_INFINITY;
  /** Rules whose commands time alone sends. */
  readonly #rulesByTime: ReadonlySet<string>;
  #frontierNumber = 0;
  #evidenceCount = 0;

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
    this.#restlessMs = restlessMsOf(options);
    this.#rulesByTime = new Set(
      pipeline.rules.filter(({ when }) => when.kind === "missing").map(({ name }) => name),
    );
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
      seriesMax: seriesMaxOf(limits.seriesPerMetricMax),
    });
    const shared = {
      metrics: pipeline.metrics,
      guard: this.#guard,
      watermarks: this.#watermarks,
      outOfOrdernessMs: limits.outOfOrdernessMs,
    };
    const watched = new WatchedWindows({
      ...shared,
      windows: windowsOfRules(pipeline),
      groupsMax: seriesMaxOf(limits.seriesPerMetricMax),
    });
    this.#windowJudge = new WindowJudge({ ...shared, rules: this.#rules, clock, watched });
    const tables = PaneTables.of(pipeline.metrics, PANE_ROWS_MAX);
    const intake = new ReadingIntake({
      ...shared,
      tables,
      clock,
      deduplicator: this.#deduplicator,
      rules: this.#rules,
      ledger: this.#ledger,
      redo: { add: () => undefined, addRun: () => undefined },
      redoLog: { next: 1 },
      watched,
      held: null,
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
    const incoming = new IncomingReadings({
      guard: this.#guard,
      series: new RouteSeries({ registry: this.#series, site }),
      rules: this.#rules,
    });
    this.#evidence = new EvidenceTopics({ sources: pipeline.evidence, site });
    this.#sparkplug = new SparkplugDesk({
      config: config.sparkplug,
      pipeline,
      site,
      clock,
      log: silentLogger,
      // No edge node of today is asked for what a recording lacks.
      link: { command: () => undefined, sayOnline: () => undefined },
    });
    this.#payloads = new PayloadIntake({
      guard: this.#guard,
      intake,
      ledger: this.#ledger,
      incoming: () => incoming,
      onOutcomes: this.#onOutcomes,
      // Its rejection tells.
      seriesRefused: () => undefined,
    });
  }

  get ledger(): Ledger["totals"] {
    return this.#ledger.totals;
  }

  /** Payloads that the agent would keep as they are. */
  get evidenceCount(): number {
    return this.#evidenceCount;
  }

  /** The newest reading's own time; null where none brings one. */
  newestTimeOf({ topic, payload, malformed }: RecordedMessage): number | null {
    const evidence = this.#evidence.resolve(topic);
    if (evidence !== undefined) return "reason" in evidence ? null : evidence.timeMs;
    if (this.#sparkplug.takes(topic)) return this.#sparkplugTimeOf(payload);
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
    this.#restlessUntilMs = this.#guard.steadyMs() + this.#restlessMs;
    const arrivedMonotonicMs = this.#options.clock.monotonicMs();
    this.#handle(this.#rules.onConfirmation({ topic, payload, isRetained, arrivedMonotonicMs }, nowMs));
    const evidence = this.#evidence.resolve(topic);
    if (evidence !== undefined) {
      if ("reason" in evidence) return this.#reject(evidence.reason, evidence.detail);
      return this.#receiveEvidence(payload, evidence);
    }
    const come = { topic, payload, isRetained, isOversized: false, client: "replay", arrivedMonotonicMs };
    // What it waits for may be the next line.
    if (this.#sparkplug.takes(topic)) return this.#receiveSparkplug({ ...come, qos: 0 });
    if (this.#isOversized(payload)) return this.#reject("oversized", `${payload.length} bytes or more`);
    if (malformed !== undefined) return this.#reject("malformed", malformed);
    this.#maintenance.hear(topic, payload);
    const routes = this.#routes.resolve(topic);
    if (routes === "confirmation") return [];
    if (typeof routes === "string" || routes.length === 0) {
      const { reason, detail } = TOPIC_REFUSALS[typeof routes === "string" ? routes : "unread"];
      return this.#reject(reason, detail);
    }
    return this.#payloads.take({ ...come, qos: 1 }, routes, true).list();
  }

  /** Counted, and left: nothing here keeps it. */
  #receiveEvidence(payload: Uint8Array, { source, timeMs }: EvidenceArrival): readonly Rejection[] {
    const bytesMax = Math.min(source.bytesMax, this.#options.config.outbox.bytesMax / 2);
    if (payload.length > bytesMax)
      return this.#reject("oversized", `${source.name} takes at most ${bytesMax} bytes`);
    const nowMs = this.#guard.nowMs();
    const verdict = this.#guard.judge(timeMs ?? nowMs);
    if (verdict !== "plausible") return this.#reject(verdict, refusedTime(timeMs ?? nowMs, nowMs, null));
    this.#evidenceCount += 1;
    return [];
  }

  #receiveSparkplug(arrival: Arrival): readonly Rejection[] {
    const heard = this.#sparkplug.hear(arrival);
    if (heard === undefined) return [];
    if ("reason" in heard) return this.#reject(heard.reason, heard.detail);
    const rejections = this.#payloads.takeHeard(arrival, heard);
    this.#payloads.markStale(heard);
    return rejections.list();
  }

  #sparkplugTimeOf(payload: Uint8Array): number | null {
    const parsed = parseSparkplugPayload(payload);
    if (!parsed.ok || parsed.message.timestamp === undefined) return null;
    return parseSourceTime(parsed.message.timestamp, "ms")?.timeMs ?? null;
  }

  /** What the rules see of time and windows: at least four times a second of the recording. */
  tick(): void {
    const { clock } = this.#options;
    const steadyMs = this.#guard.steadyMs();
    this.#handle(
      this.#rules.onTick({ nowMs: this.#guard.nowMs(), monotonicMs: clock.monotonicMs(), steadyMs }),
    );
    this.#maintenance.tick();
    const heard = this.#sparkplug.tick();
    for (const { reason, count } of heard.failures) this.#ledger.reject(reason, count);
    this.#payloads.markStale(heard);
    this.#windowJudge.judge(this.#onOutcomes);
  }

  /**
   * Until when, and `untilMs` at most, no tick finds anything to do while nothing comes: now, where that is not certain.
   * After a while of silence only series that fall idle and maintenance that ends are left to wait for.
   */
  restsUntil(untilMs: number): number {
    const nowMs = this.#guard.steadyMs();
    if (nowMs < this.#restlessUntilMs) return nowMs;
    const isHeld = ({ heldBack, rule }: AlarmEvent) => heldBack !== undefined && this.#rulesByTime.has(rule);
    let dueMs = this.#rules.activeAlarms().some(isHeld) ? nowMs : untilMs;
    for (const maintenance of this.#rules.maintenances()) dueMs = Math.min(dueMs, maintenance.untilMs);
    dueMs = this.#idleAtMs(nowMs, dueMs);
    if (dueMs < untilMs) this.#restlessUntilMs = dueMs + this.#restlessMs;
    return dueMs;
  }

  /** When the next series falls idle, `untilMs` at most. */
  #idleAtMs(nowMs: number, untilMs: number): number {
    let idleAtMs = untilMs;
    for (let series = 0; series < this.#series.count; series += 1) {
      if (this.#watermarks.isIdle(series, nowMs) || !this.#watermarks.isIdle(series, idleAtMs)) continue;
      let awakeMs = nowMs;
      while (idleAtMs - awakeMs > 1) {
        const betweenMs = Math.floor((awakeMs + idleAtMs) / 2);
        if (this.#watermarks.isIdle(series, betweenMs)) idleAtMs = betweenMs;
        else awakeMs = betweenMs;
      }
    }
    return idleAtMs;
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

/** What a message, or a series that falls idle, may set off one after another: windows, silence, commands held back. */
function restlessMsOf({ config, pipeline }: ReplayedAgentOptions): number {
  const { maxFutureMs, outOfOrdernessMs, idleTimeoutMs } = config.limits;
  const silencesMs = pipeline.rules.map(({ when }) =>
    when.kind === "missing" ? when.forMs + when.forAtLeastMs : 0,
  );
  return (
    Math.max(0, ...silencesMs) +
    windowsOfRulesMs(pipeline) +
    maxFutureMs +
    outOfOrdernessMs +
    idleTimeoutMs +
    config.sparkplug.reorderTimeoutMs +
    MARGIN_MS
  );
}
