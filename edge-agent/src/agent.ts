import type { AgentConfig, HostSensor, Pipeline, PipelineMetric } from "@millrace/config";
import {
  type AlarmEvent,
  type Maintenance,
  type Outcome,
  RuleEngine,
  type RuleSpec,
  topicFilter,
} from "@millrace/detect";
import { BatchQueue, type Change, type Store } from "@millrace/queue";
import {
  type Clock,
  type Logger,
  type Metrics,
  MillraceError,
  type Random,
  type Timer,
} from "@millrace/runtime";
import {
  coarsePaneMs,
  type AlignedWindowSpec,
  type Labels,
  type Lane,
  LANES,
  type PaneRows,
  readingCount,
  SeriesWatermarks,
} from "@millrace/stream";
import {
  adjustValue,
  type AgentRequest,
  type Compression,
  type Decoded,
  Payload,
  PlainReadings,
  type SparkplugHearing,
  type UplinkTransport,
  type ValueAdjustment,
  type Welcome,
} from "@millrace/wire";
import { putJson, seriesStoreKey } from "./durability/agent-store.ts";
import { AlarmDesk } from "./actions/alarm-desk.ts";
import { Checkpoints } from "./durability/checkpoints.ts";
import { ClockGuard } from "./clock-guard.ts";
import { CommitLoop, type CommitWork } from "./durability/commit-loop.ts";
import { type Evidence, EvidenceSealer } from "./evidence/evidence-sealer.ts";
import { type EvidenceBounds, EvidenceTopics } from "./evidence/evidence-topics.ts";
import { FlightRecorder, type RecorderStatus } from "./evidence/flight-recorder.ts";
import { CommitPace } from "./durability/commit-pace.ts";
import { Deduplicator } from "./intake/deduplicator.ts";
import type { FilePositions } from "./inputs/files/file-positions.ts";
import type { Arrival, ArrivalRejection, Subscriptions } from "./inputs/input.ts";
import type { Ledger } from "./ledger.ts";
import { type RejectionReason } from "./ledger.ts";
import { MaintenanceDesk } from "./actions/maintenance-desk.ts";
import { IncomingReadings } from "./intake/incoming-readings.ts";
import { Outbox } from "./outbox/outbox.ts";
import { Quarantine } from "./intake/quarantine.ts";
import { refusedTime } from "./intake/refused-time.ts";
import { ReadingIntake } from "./intake/reading-intake.ts";
import { RefusedSeries, type RefusedSeriesStatus } from "./intake/refused-series.ts";
import { PaneEmission } from "./panes/pane-emission.ts";
import { PaneTables } from "./panes/pane-tables.ts";
import { PayloadIntake } from "./intake/payload-intake.ts";
import { PayloadRejections } from "./intake/payload-rejections.ts";
import { judgeWindow } from "./panes/judge-window.ts";
import { PaneCheckpoint } from "./panes/pane-checkpoint.ts";
import { Recovery } from "./durability/recovery.ts";
import { RedoBuffer } from "./durability/redo-entry.ts";
import type { ConfigurationStatus } from "./reload/configuration-status.ts";
import { pushedIn } from "./reload/pushed-in.ts";
import type { ReloadReport } from "./reload/reloader.ts";
import type { PushedPipeline } from "./reload/stored-pipeline.ts";
import { type CarriedOut, RequestDesk } from "./uplink/request-desk.ts";
import type { RedoLog } from "./durability/redo-log.ts";
import type { SeriesRegistry } from "./intake/series-registry.ts";
import { RouteSeries } from "./intake/route-series.ts";
import { SparkplugDesk, type SparkplugLink, type SparkplugStatus } from "./sparkplug/sparkplug-desk.ts";
import { StoredFilePositions } from "./durability/stored-file-positions.ts";
import { type Route, TOPIC_REFUSALS, TopicRoutes } from "./intake/topic-routes.ts";
import { Uplink } from "./uplink/uplink.ts";
import { CORRECTIONS_MS, WatchedWindows } from "./panes/watched-windows.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly pipeline: Pipeline;
  readonly store: Store;
  /** The store was damaged such that nothing tells what of its commits is gone. */
  readonly hasLostCommits: boolean;
  /** Free bytes of the store's disk, as last measured; null or absent where nothing tells. */
  readonly freeBytes?: () => number | null;
  /** What tells of that is durable. */
  readonly lossBooked?: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly compression: Compression;
  readonly transport: UplinkTransport;
  /** Random name of this process: tells a reconnect from a second holder of the same store. */
  readonly instance: string;
  readonly program: string;
  /** Sensors that this machine lacks, with the reason: shown, never invented. */
  unavailableSensors(): Readonly<Record<string, string>>;
  /** The store takes no write ever again: the process should stop in order, end with failure and be started again. */
  readonly failedForGood?: () => void;
  /** Which configuration runs; absent where nothing can change it. */
  readonly configuration?: () => ConfigurationStatus;
  /** Takes a pipeline that central has pushed; absent where nothing can. */
  readonly pushPipeline?: (pushed: PushedPipeline) => Promise<ReloadReport>;
  /** The way to Sparkplug edge nodes; absent: births cannot be asked for. */
  readonly sparkplug?: SparkplugLink;
  /** Sends a command to the machines, QoS 1, never retained; resolves when a broker has it. */
  publish(topic: string, payload: string): Promise<void>;
}

/** The rules are told of time at least so often. */
export const RULES_INTERVAL_MS_MAX = 250;
/** Non-urgent commits: what no acknowledgement waits for. Flash wears. */
const LAZY_COMMIT_MS = 1_000;
/** With so many readings a commit waits no longer: it would become a pause. */
const COMMIT_ROWS = 50_000;
/** The link has been down for longer: panes go to backfill, complete ones only. */
const BACKFILL_AFTER_MS = 5_000;
const BACKFILL_INTERVAL_MS = 5_000;
/** Readings in memory that no commit has made durable, while the store takes no writes. */
const UNDURABLE_READINGS_MAX = 100_000;
/** Open rows of one metric before its panes leave early. */
export const PANE_ROWS_MAX = 200_000;

/** Of a text in a heartbeat's status: a heartbeat with a longer one than central reads would be none. */
const STATUS_TEXT_LENGTH_MAX = 500;

/**
 * The gateway program without its sockets: readings in, batches out, everything between durable. One `Agent` holds one
 * store. Time, chance, disk and link are arguments, so the same code runs in simulated time.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #queue: BatchQueue;
  readonly #ledger: Ledger;
  readonly #guard: ClockGuard;
  readonly #series: SeriesRegistry;
  readonly #tables: PaneTables;
  readonly #rules: RuleEngine;
  readonly #watermarks: SeriesWatermarks;
  readonly #deduplicator: Deduplicator;
  readonly #intake: ReadingIntake;
  readonly #watched: WatchedWindows;
  readonly #redo: RedoBuffer;
  readonly #redoLog: RedoLog;
  readonly #quarantine: Quarantine;
  readonly #outbox: Outbox;
  readonly #commits: CommitLoop;
  readonly #pace: CommitPace;
  readonly #uplink: Uplink;
  readonly #emission: PaneEmission;
  readonly #paneCheckpoint: PaneCheckpoint;
  readonly #checkpoints: Checkpoints;
  readonly #alarmDesk: AlarmDesk;
  readonly #maintenance: MaintenanceDesk;
  readonly #sealer: EvidenceSealer;
  readonly #recorder: FlightRecorder | null;
  readonly #sparkplug: SparkplugDesk;
  readonly #refusedSeries = new RefusedSeries();
  readonly #plainReadings = new PlainReadings();
  readonly #payloads: PayloadIntake;
  readonly #onOutcomes = (outcomes: readonly Outcome[]) => this.#handle(outcomes);
  readonly #requestDesk = new RequestDesk((request) => this.#carryOut(request));

  /** For the input that reads files. */
  readonly filePositions: FilePositions;

  #pipeline: Pipeline;
  #reading: PipelineReading;
  #waiting: PromiseWithResolvers<void> | undefined;
  /** A commit is on its way for what waits. */
  #isAckRequested = false;
  /** Of the arrival in hand. */
  #rejection: ArrivalRejection | undefined;
  #committedReceived: number;
  #extraChanges: Change[] = [];
  #emittedAtMs = Number.NEGATIVE_INFINITY;
  #rulesAtMs = Number.NEGATIVE_INFINITY;
  /** Panes that have no place in the tables any more: sealed with the next commit. */
  #outdated: readonly PaneRows[] = [];
  #isEmissionDue = false;
  #isStopping = false;
  #isLossBooked = false;
  readonly #timers: { tick?: Timer; rules?: Timer } = {};

  private constructor(options: AgentOptions, parts: AgentParts) {
    this.#options = options;
    this.#queue = parts.queue;
    this.#ledger = parts.ledger;
    this.#guard = parts.guard;
    this.#series = parts.series;
    this.#tables = parts.tables;
    this.#pipeline = options.pipeline;
    this.#rules = parts.rules;
    this.#watermarks = parts.watermarks;
    this.#deduplicator = parts.deduplicator;
    this.#intake = parts.intake;
    this.#watched = parts.watched;
    this.#recorder = parts.recorder;
    this.#redo = parts.redo;
    this.#redoLog = parts.redoLog;
    this.#quarantine = parts.quarantine;
    this.#paneCheckpoint = parts.paneCheckpoint;
    this.#emission = new PaneEmission({
      metrics: options.pipeline.metrics,
      tables: parts.tables,
      series: parts.series,
      watermarks: parts.watermarks,
      guard: parts.guard,
      outOfOrdernessMs: options.config.limits.outOfOrdernessMs,
      rowsMax: PANE_ROWS_MAX / 2,
    });
    this.#committedReceived = parts.ledger.totals.received;
    const { config, pipeline, clock, random, log } = options;
    this.#alarmDesk = new AlarmDesk({
      ...options,
      isMeasured: (rule) => this.#reading.measuredRules.has(rule),
      auditNumber: parts.auditNumber,
      publishFailed: (commandId) => this.#handle(this.#rules.onPublishFailed(commandId, this.#guard.nowMs())),
    });
    this.#maintenance = new MaintenanceDesk({
      rules: this.#rules,
      guard: this.#guard,
      site: config.site,
      topic: pipeline.maintenance,
      changed: (outcomes, audit) => {
        this.#alarmDesk.audit(audit);
        this.#handle(outcomes, audit.by);
        this.#checkpoints.rulesChanged();
        this.#commits.requestNow();
      },
    });
    this.#sealer = new EvidenceSealer({
      agent: config.agent,
      append: (changes, part) => this.#outbox.appendEvidence(changes, part),
      wake: () => this.#commits.requestNow(),
    });
    this.#sparkplug = new SparkplugDesk({
      config: config.sparkplug,
      pipeline,
      site: config.site,
      clock,
      log: log.child("sparkplug"),
      link: options.sparkplug ?? { command: () => {}, sayOnline: () => {} },
    });
    this.#payloads = new PayloadIntake({
      guard: parts.guard,
      intake: parts.intake,
      ledger: parts.ledger,
      incoming: () => this.#reading.incoming,
      onOutcomes: this.#onOutcomes,
      seriesRefused: (metric, arrival) => this.#refusedSeries.add(metric, arrival, clock.nowMs()),
    });
    this.#reading = this.#readingOf(pipeline);
    this.#outbox = new Outbox({
      queue: this.#queue,
      clock,
      log: log.child("outbox"),
      compression: options.compression,
      ledger: this.#ledger,
      bytesMax: config.outbox.bytesMax,
      retainAckedMs: config.outbox.retainAckedMs,
      freeBytesMin: config.outbox.freeBytesMin,
      freeBytes: () => options.freeBytes?.() ?? null,
      coarseMsOf: (metric, paneMs, levelMs) =>
        coarsePaneMs(
          this.#pipeline.windows.filter((window) => window.metric === metric),
          paneMs,
          levelMs,
        ),
      wake: () => this.#commits.requestNow(),
      frontierNumber: parts.frontierNumber,
      watermarkMs: parts.watermarkMs,
    });
    this.#checkpoints = new Checkpoints({
      ...parts,
      store: options.store,
      clock,
      log,
      intervalMs: config.commit.checkpointIntervalMs,
      redoKeptMs: () => Math.max(config.limits.dedupeHorizonMs, watchedMs(this.#pipeline)),
      // Watched windows need the readings themselves, for their time.
      redoRowsMax: () => (watchedMs(this.#pipeline) > 0 ? Infinity : 2 * config.limits.dedupeKeysMax),
      labelsOf: this.#emission.labelsOf,
      outbox: this.#outbox,
      push: (change) => this.#extraChanges.push(change),
    });
    this.#pace = new CommitPace(config.commit.ackIntervalMs);
    this.#commits = new CommitLoop({
      store: options.store,
      clock,
      random,
      log: log.child("commit"),
      collect: () => this.#collect(),
      committed: (durationMs) =>
        options.metrics.histogram("millrace_agent_commit_seconds").observe(durationMs / 1000),
      failedForGood: () => {
        log.error("cannot go on: nothing can be made durable any more", { reason: this.#commits.failure });
        options.failedForGood?.();
      },
    });
    this.filePositions = new StoredFilePositions({
      store: options.store,
      failure: () => this.storeFailure,
      push: (change) => this.#extraChanges.push(change),
      durable: (isUrgent) => this.#untilDurable(isUrgent),
    });
    this.#uplink = new Uplink({
      agent: config.agent,
      site: config.site,
      instance: options.instance,
      program: options.program,
      clock,
      random,
      log: log.child("uplink"),
      transport: options.transport,
      queue: this.#queue,
      inFlightBatchesMax: config.uplink.inFlightBatchesMax,
      backfillBytesPerSecond: config.uplink.backfillBytesPerSecond,
      outbox: {
        durableNext: (lane) => this.#outbox.durableNext(lane),
        sendableNext: (lane) => this.#outbox.sendableNext(lane),
        markSent: (lane, sequence) => this.#markSent(lane, sequence),
        acknowledged: (lane, mark) => {
          this.#outbox.acknowledged(lane, mark);
          this.#commits.request(LAZY_COMMIT_MS);
        },
        welcomed: (welcome) => this.#welcomed(welcome),
        heartbeat: () => this.#heartbeat(),
      },
      echoed: (roundTripMs) =>
        options.metrics.histogram("millrace_agent_uplink_round_trip_seconds").observe(roundTripMs / 1000),
      clockTold: (centralMs, roundTripMs) => this.#clockTold(centralMs, roundTripMs),
      requested: (requests) => this.#requestDesk.take(requests),
    });
  }

  /** Opens the store's state: checkpoint, then the redo log. Nothing runs before `start`. */
  static async open(options: AgentOptions): Promise<Agent> {
    const { config, pipeline, store, clock, random, log } = options;
    const { limits } = config;
    const lostMs = { startMs: limits.clockFloorMs, endMs: clock.nowMs() + limits.maxFutureMs };
    const queue = await BatchQueue.open(store, { random, lostMs });
    const ruleEngine = {
      rules: pipeline.rules,
      actionMaxAgeMs: limits.actionMaxAgeMs,
      maxFutureMs: limits.maxFutureMs,
      windowLagMs: limits.outOfOrdernessMs,
      seriesMax: limits.seriesPerMetricMax,
    };
    const recovery = await Recovery.read(store, {
      ruleEngine,
      seriesPerMetricMax: limits.seriesPerMetricMax,
      hasLostCommits: options.hasLostCommits,
      log,
    });
    const deduplicator = new Deduplicator({
      horizonMs: limits.dedupeHorizonMs,
      keysMax: limits.dedupeKeysMax,
    });
    const watermarks = new SeriesWatermarks(limits, recovery.watermarksState);
    const rules = new RuleEngine(ruleEngine);
    const redo = new RedoBuffer();
    const guard = new ClockGuard({
      clock,
      maxFutureMs: limits.maxFutureMs,
      floorMs: limits.clockFloorMs,
      durableTimeMs: recovery.durableTimeMs,
    });
    const watched = new WatchedWindows({
      metrics: pipeline.metrics,
      windows: watchedWindows(pipeline),
      watermarks,
      outOfOrdernessMs: limits.outOfOrdernessMs,
      groupsMax: limits.seriesPerMetricMax,
    });
    const recorder =
      config.recorder === null
        ? null
        : new FlightRecorder({
            ...config.recorder,
            pipeline,
            series: recovery.series,
            clock,
            nowMs: () => guard.nowMs(),
            offer: (evidence) => agent.#offerRecording(evidence),
          });
    const tables =
      recovery.layouts === undefined
        ? PaneTables.of(pipeline.metrics, PANE_ROWS_MAX)
        : PaneTables.restore(recovery.layouts, PANE_ROWS_MAX);
    const intake = new ReadingIntake({
      tables,
      clock,
      guard,
      deduplicator,
      rules,
      watermarks,
      ledger: recovery.ledger,
      redo,
      watched,
      recorder: recorder?.ring ?? null,
    });
    const paneCheckpoint = new PaneCheckpoint(recovery.series);
    await recovery.restorePanes(tables, paneCheckpoint);
    const replayed = recovery.replay(intake, rules);
    // What was passed before has been judged before: the rules' own state knows.
    watched.take(watermarks.watermark(guard.steadyMs(), guard.isProven).watermarkMs, guard.steadyMs());
    const agent: Agent = new Agent(options, {
      recorder,
      queue,
      ledger: recovery.ledger,
      guard,
      series: recovery.series,
      rules,
      watermarks,
      deduplicator,
      tables,
      intake,
      watched,
      redo,
      redoLog: recovery.redoLog,
      quarantine: await Quarantine.open(store),
      auditNumber: recovery.auditNumber,
      paneCheckpoint,
      frontierNumber: recovery.frontierNumber,
      watermarkMs: recovery.watermarkMs,
    });
    agent.#measure(pipeline.metrics);
    // First: what is sealed says how far the agent is, and of what is lost it must not be further.
    agent.#bookDamage(recovery);
    agent.#sealRecovered();
    agent.#handle(replayed);
    return agent;
  }

  /** Of machines' answers, and of what says what is in maintenance. */
  #ownFilters(): readonly string[] {
    return [...this.#rules.confirmationTopics(), ...this.#maintenance.filters()];
  }

  /** For inputs: the greatest payloads where they are kept as they are, by the pipeline of the moment. */
  readonly evidence: EvidenceBounds = {
    bytesMax: (topic) => this.#reading.evidence.bytesMax(topic),
    largestBytesMax: () => this.#reading.evidence.largestBytesMax(),
  };

  /** What the inputs must subscribe to: for readings, and the agent's own; and where it commands. */
  subscriptions(): Subscriptions {
    const commandFilters = this.#pipeline.rules.flatMap(({ action }) =>
      action === null ? [] : [topicFilter(action.topicTemplate)],
    );
    const { routes, evidence } = this.#reading;
    const filters = [...new Set([...routes.filters(), ...evidence.filters])];
    return { filters, ownFilters: this.#ownFilters(), commandFilters };
  }

  /** Takes changes of the store into the next commit. */
  keep(changes: readonly Change[]): Promise<void> {
    this.#extraChanges.push(...changes);
    return this.#untilDurable(false);
  }

  /**
   * Another pipeline, between two readings. What does not change goes on to the bit. Throws before anything has changed.
   * `record` goes into the commit that carries whatever depends on the pipeline; resolves once that is durable: a crash
   * before finds the old one, wholly, and after it the new one.
   */
  changePipeline(pipeline: Pipeline, record: readonly Change[] = []): Promise<void> {
    // Throws where a layout cannot be made.
    PaneTables.of(pipeline.metrics, PANE_ROWS_MAX);
    if (sparkplugSources(pipeline) !== sparkplugSources(this.#pipeline))
      throw new Error("metrics of Sparkplug cannot change while the agent runs; restart the agent");
    const adoptRules = this.#rules.prepareRules(pipeline.rules, this.#guard.nowMs());
    const watching = { metrics: pipeline.metrics, windows: watchedWindows(pipeline) };
    const adoptWatched = this.#watched.prepare(watching, this.#nextTimeMs());
    const reading = this.#readingOf(pipeline);
    this.#pipeline = pipeline;
    adoptWatched();
    const outcomes = adoptRules();
    this.#maintenance.setTopic(pipeline.maintenance);
    reading.routes.setConfirmationFilters(this.#ownFilters());
    this.#reading = reading;
    this.#emission.setMetrics(pipeline.metrics);
    this.#recorder?.setPipeline(pipeline);
    this.#measure(pipeline.metrics);
    this.#extraChanges.push(...record);
    this.#handle(outcomes, "reload");
    return this.#untilDurable(true);
  }

  /** What stands between an input and the intake. */
  #readingOf(pipeline: Pipeline): PipelineReading {
    const { site } = this.#options.config;
    const confirmationFilters = this.#ownFilters();
    return {
      routes: new TopicRoutes({ metrics: pipeline.metrics, site, confirmationFilters }),
      evidence: new EvidenceTopics({ sources: pipeline.evidence, site }),
      incoming: new IncomingReadings({
        guard: this.#guard,
        series: new RouteSeries({ registry: this.#series, site }),
      }),
      hostMetrics: new Map(
        pipeline.metrics.flatMap((metric) =>
          metric.source.kind === "host" ? [[metric.source.sensor, metric] as const] : [],
        ),
      ),
      measuredRules: new Set(pipeline.rules.filter(isByReading).map(({ name }) => name)),
    };
  }

  /** The panes are those of these metrics; series of others hold no watermark back. */
  #measure(metrics: readonly PipelineMetric[]): void {
    const beyond = this.#tables.change(metrics, this.#nextTimeMs(), this.#emission.labelsOf);
    this.#outdated = [...this.#outdated, ...beyond];
    const names = new Set(metrics.map(({ name }) => name));
    for (let index = 0; index < this.#series.count; index += 1)
      if (!names.has(this.#series.get(index).metric)) this.#watermarks.retire(index);
    this.#checkpoints.pipelineChanged();
  }

  /** No reading of this event time or later has come yet, but by a clock that was wrong. */
  #nextTimeMs(): number {
    const nowMs = this.#guard.nowMs();
    const latestMs = nowMs + this.#options.config.limits.maxFutureMs;
    let nextMs = nowMs;
    for (let index = 0; index < this.#series.count; index += 1) {
      const timeMs = this.#watermarks.maxTimeMs(index);
      if (timeMs !== null && timeMs >= nextMs && timeMs <= latestMs) nextMs = timeMs + 1;
    }
    return nextMs;
  }

  /** The subscriptions of the agent as a Sparkplug host, on a connection of their own; empty: it is none. */
  sparkplugFilters(): readonly string[] {
    return this.#sparkplug.filters();
  }

  /** The connection that Sparkplug messages come through is gone. */
  sparkplugLost(via: string): void {
    this.#sparkplugHeard(this.#sparkplug.lost(via));
  }

  start(): void {
    this.#uplink.start();
    this.#tickRules();
    this.#tick();
  }

  /** Why the store takes no writes now; null while it does. */
  get storeFailure(): string | null {
    return this.#commits.failure ?? null;
  }

  /** Since the rules were told of time, ms: far more than a quarter of a second means that nothing runs as it should. */
  get rulesSilentMs(): number {
    return this.#options.clock.monotonicMs() - this.#rulesAtMs;
  }

  /**
   * Takes one MQTT publish in. With QoS 1 the promise resolves when every reading in it is durable or durably counted
   * as rejected; it rejects when it cannot be taken now, so that the sensor sends it again. Rules have run either way.
   * What is taken is in the next commit: a position saved in the same turn is durable together with it, or not at all.
   */
  receive(arrival: Arrival): Promise<ArrivalRejection | void> | undefined {
    const { topic, payload, isRetained, isFresh = false } = arrival;
    this.#rejection = undefined;
    if (this.#rules.awaits(topic)) {
      const confirmation = { topic, payload, isRetained: isRetained && !isFresh };
      this.#handle(this.#rules.onConfirmation(confirmation, this.#guard.nowMs()));
    }
    const evidence = this.#reading.evidence.resolve(topic);
    if (evidence !== undefined) return this.#receiveEvidence(arrival, evidence);
    if (this.#sparkplug.takes(topic)) return this.#receiveSparkplug(arrival);
    if (arrival.isOversized || payload.length > this.#options.config.limits.payloadBytesMax) {
      return this.#rejectPayload(arrival, "oversized", `${payload.length} bytes or more`);
    }
    if (arrival.malformed !== undefined) return this.#rejectPayload(arrival, "malformed", arrival.malformed);
    const isMaintenance = this.#maintenance.hear(topic, payload);
    const routes = this.#reading.routes.resolve(topic);
    if (routes === "confirmation") return isMaintenance ? this.#whenDurable(arrival.qos) : undefined;
    if (typeof routes === "string" || routes.length === 0) {
      const { reason, detail } = TOPIC_REFUSALS[typeof routes === "string" ? routes : "unread"];
      return this.#rejectPayload(arrival, reason, detail);
    }
    return this.#isChoked ? this.#onlyJudge(arrival, routes) : this.#takeIn(arrival, routes);
  }

  /** A payload that is kept as it is: cut into parts, and durable with the last of them. */
  #receiveEvidence(
    arrival: Arrival,
    evidence: NonNullable<ReturnType<EvidenceTopics["resolve"]>>,
  ): ReturnType<Agent["receive"]> {
    if ("reason" in evidence) return this.#rejectPayload(arrival, evidence.reason, evidence.detail);
    const { source, labels, timeMs } = evidence;
    const { name, contentType } = source;
    const { payload, qos } = arrival;
    const bytesMax = Math.min(source.bytesMax, Math.floor(this.#options.config.outbox.bytesMax / 2));
    if (payload.length > bytesMax) {
      const detail = `${name} takes at most ${bytesMax} bytes, and half of outbox.bytesMax; this has ${payload.length}`;
      return this.#rejectPayload(arrival, "oversized", detail);
    }
    if (this.#outbox.room.isDiskLow)
      return this.#rejectPayload(
        arrival,
        "no_room",
        `${name}: the disk is low, and readings go before evidence`,
      );
    const eventMs = timeMs ?? Math.floor(this.#guard.nowMs());
    const verdict = this.#guard.judge(eventMs);
    if (verdict !== "plausible")
      return this.#rejectPayload(arrival, verdict, refusedTime(eventMs, this.#guard.nowMs(), null));
    const offered = this.#sealer.offer({
      kind: "payload",
      name,
      labels,
      startMs: eventMs,
      endMs: eventMs,
      contentType,
      // What has a time of its own is the same when it comes again; everything else is new.
      identity: [arrival.topic, timeMs === null ? this.#options.random.hex(16) : ""],
      // With QoS 0 nobody keeps it for us.
      payload: qos === 0 ? payload.slice() : payload,
    });
    if (offered !== undefined) return qos === 0 ? undefined : offered;
    return Promise.reject(new Error("too much evidence waits for the disk"));
  }

  #offerRecording(evidence: Evidence): boolean {
    const { outbox } = this.#options.config;
    if (this.#outbox.room.isDiskLow || evidence.payload.length > outbox.bytesMax / 2) return false;
    return this.#sealer.offer(evidence) !== undefined;
  }

  #takeIn(arrival: Arrival, routes: readonly Route[]): ReturnType<Agent["receive"]> {
    let left: Route[] | undefined;
    for (const route of routes) if (!this.#takePlain(arrival, route)) (left ??= []).push(route);
    if (left !== undefined)
      this.#quarantineParts(arrival, this.#payloads.take(arrival, left, left.length === routes.length));
    return this.#whenDurable(arrival.qos);
  }

  /** The quick way, of nearly all readings; false, and nothing has happened, where it does not serve. */
  #takePlain(arrival: Arrival, route: Route): boolean {
    const { decoder, adjustment } = route;
    const readings = this.#plainReadings;
    if (decoder.plain === undefined || !decoder.plain.read(arrival.payload, readings)) return false;
    const { hasOwnTime } = decoder.plain;
    if (!hasOwnTime) readings.timeMs.fill(Math.floor(this.#guard.nowMs()), 0, readings.count);
    if (adjustment !== undefined && !adjustAll(readings, adjustment)) return false;
    const series = this.#reading.incoming.seriesOf(route);
    if (series === undefined) return false;
    const { isRetained, arrivedMonotonicMs } = arrival;
    const run = { series, readings, hasOwnTime, isRetained, arrivedMonotonicMs };
    return this.#intake.acceptRun(run, this.#onOutcomes);
  }

  #quarantineParts(arrival: Arrival, rejections: PayloadRejections): void {
    for (const { reason, detail, count } of rejections.list())
      this.#quarantined(arrival, reason, count === 1 ? detail : `${detail} (and ${count - 1} more)`);
  }

  #receiveSparkplug(arrival: Arrival): ReturnType<Agent["receive"]> {
    const heard = this.#sparkplug.hear(arrival);
    if (heard === undefined) return undefined;
    if ("reason" in heard) return this.#rejectPayload(arrival, heard.reason, heard.detail);
    if (this.#isChoked) {
      for (const { binding, decoded } of heard.readings) this.#judgeDecoded(arrival, binding, decoded);
      return Promise.reject(new Error("the store takes no writes"));
    }
    const rejections = new PayloadRejections();
    for (const { binding, decoded } of heard.readings)
      this.#payloads.takeDecoded(arrival, binding, decoded, rejections);
    for (const failure of heard.failures) this.#payloads.reject(rejections, failure);
    this.#quarantineParts(arrival, rejections);
    this.#markStale(heard.stale);
    return this.#whenDurable(arrival.qos);
  }

  /** What time, or the end of a connection, has brought: nothing of it is in a payload. */
  #sparkplugHeard({ failures, stale }: SparkplugHearing<Route>): void {
    for (const { reason, detail, count } of failures) {
      this.#ledger.reject(reason, count);
      this.#options.log.repeated(`rejected:${reason}`, "rejected what had waited", { reason, detail });
    }
    this.#markStale(stale);
    if (failures.length + stale.length > 0) this.#commits.request(LAZY_COMMIT_MS);
  }

  #markStale(stale: SparkplugHearing<Route>["stale"]): void {
    if (this.#isChoked) return;
    for (const { binding, value } of stale) {
      if (binding.series !== undefined) this.#intake.markStale(binding.series, value);
    }
  }

  /** The store takes no writes and memory no more readings: the rules run, and the sensor sends again. */
  #onlyJudge(arrival: Arrival, routes: readonly Route[]): Promise<void> {
    const payload = new Payload(arrival.payload, this.#guard.nowMs());
    for (const route of routes) {
      for (const decoded of route.decoder.decode(payload)) this.#judgeDecoded(arrival, route, decoded);
    }
    return Promise.reject(new Error("the store takes no writes"));
  }

  #judgeDecoded(arrival: Arrival, route: Route, decoded: Decoded): void {
    const reading = decoded.ok ? this.#reading.incoming.toReading(arrival, route, decoded) : decoded;
    if (!("reason" in reading)) this.#handle(this.#intake.judge(reading, false));
  }

  /** A reading of the gateway's own sensors; nobody waits for it. */
  receiveHost(
    sensor: HostSensor,
    labels: Readonly<Record<string, string>>,
    value: number,
    timeMs: number,
  ): void {
    const metric = this.#reading.hostMetrics.get(sensor);
    if (metric === undefined || this.#isChoked) return;
    const series = this.#series.resolve(metric.name, { ...labels, site: this.#options.config.site });
    if (series === undefined) {
      this.#refusedSeries.add(metric.name, { topic: "", client: "host" }, this.#options.clock.nowMs());
      return this.#ledger.reject("series_cap");
    }
    const { adjustment } = metric.source;
    const adjusted = adjustment === undefined ? value : adjustValue(value, adjustment);
    if (!Number.isFinite(adjusted)) return this.#ledger.reject("not_finite");
    this.#intake.accept(
      {
        series,
        sourceTimeMs: timeMs,
        value: adjusted,
        quality: "good",
        hasOwnTime: true,
        isRetained: false,
        arrivedMonotonicMs: this.#options.clock.monotonicMs(),
      },
      (outcomes) => this.#handle(outcomes),
    );
    this.#commits.request(LAZY_COMMIT_MS);
  }

  /** Ends latched alarms whose condition is over; those that still hold stay. `all` means all; `by` goes into the audit trail. */
  resetAlarms(which: string, by: string): { readonly resetCount: number } {
    const outcomes = this.#rules.reset(which, this.#guard.nowMs());
    this.#handle(outcomes, by);
    return { resetCount: outcomes.filter(({ type }) => type === "event").length };
  }

  /** Series with these labels that are missing are missed no longer, until they are heard again: their alarms end. */
  forgetSeries(labels: Labels, by: string): { readonly forgottenCount: number } {
    const outcomes = this.#rules.forget(labels, this.#guard.nowMs());
    this.#handle(outcomes, by);
    return { forgottenCount: outcomes.length };
  }

  /** What is in maintenance: whoever asks begins and ends it here. */
  get maintenance(): Pick<MaintenanceDesk, "begin" | "end"> {
    return this.#maintenance;
  }

  /**
   * Orderly stop: sends the open panes, waits up to `drainMs` for central to hold everything, and leaves the rest in the
   * outbox. Inputs must have stopped. Rejects with `stop_undurable` soon after it began when the store takes no writes.
   */
  async stop(drainMs: number): Promise<void> {
    const { clock, log } = this.#options;
    this.#isStopping = true;
    this.#isEmissionDue = true;
    this.#recorder?.finish();
    if (this.#commits.isFailing) log.error("stopping while the store takes no writes", this.#undurable());
    this.#commits.hurry();
    await this.#commits.flush();
    while (!this.#sealer.isEmpty && !this.#commits.isFailing) await this.#commits.flush();
    this.#uplink.wake();
    const deadlineMs = clock.monotonicMs() + drainMs;
    while (this.#isDraining() && clock.monotonicMs() < deadlineMs) {
      await pause(clock, 20);
      this.#commits.hurry();
      await this.#commits.flush();
    }
    for (const timer of Object.values(this.#timers)) timer.cancel();
    this.#uplink.stop();
    await this.#commits.flush();
    await this.#commits.stop();
    if (this.#commits.isFailing) throw new MillraceError("stop_undurable", this.#undurable());
  }

  /** Everything that `millrace-agent status` and the status page show. */
  status(): AgentStatus {
    const { config, clock } = this.#options;
    const { totals } = this.#ledger;
    const lanes = Object.fromEntries(LANES.map((lane) => [lane, this.#queue.lane(lane)] as const));
    const queuedReadings = this.#queuedReadings();
    const link = this.#uplink.status();
    return {
      agent: config.agent,
      site: config.site,
      storeId: this.#queue.storeId,
      epoch: this.#queue.epoch,
      ledger: {
        ...totals,
        pending: totals.received - this.#committedReceived,
        open: this.#openReadings(),
        queued: queuedReadings,
      },
      link: { ...link, reason: this.#waitsForDisk() ?? link.reason },
      lanes,
      series: this.#series.countByMetric(),
      refusedSeries: this.#refusedSeries.status(),
      watermarkMs: this.#outbox.watermarkMs,
      watermarkHeldBy: this.#watermarkHeldBy(),
      clock: { isSynchronised: this.#guard.isSynchronised, nowMs: clock.nowMs() },
      alarms: this.#rules.activeAlarms(),
      maintenance: this.#maintenance.list(),
      actionLatency: this.#alarmDesk.latency(),
      store: { failure: this.storeFailure },
      disk: this.#disk(),
      unavailableSensors: this.#options.unavailableSensors(),
      quarantine: this.#quarantine.recent(),
      quarantineCount: this.#quarantine.count,
      recorder: this.#recorder?.status() ?? null,
      dedupe: { keys: this.#deduplicator.keyCount, forgotten: this.#deduplicator.forgottenCount },
      configuration: this.#options.configuration?.() ?? null,
      sparkplug: this.#sparkplug.status(),
    };
  }

  #disk(): AgentStatus["disk"] {
    const { room } = this.#outbox;
    const bytesPerHour = this.#outbox.bytesPerHour;
    return {
      freeBytes: this.#options.freeBytes?.() ?? null,
      isLow: room.isDiskLow,
      bytesLeft: room.bytesLeft,
      bytesPerHour,
      hoursLeft: bytesPerHour === null || bytesPerHour === 0 ? null : room.bytesLeft / bytesPerHour,
    };
  }

  #watermarkHeldBy(): AgentStatus["watermarkHeldBy"] {
    const held = this.#watermarks.heldBy(this.#guard.steadyMs());
    if (held === null) return null;
    const { metric, labels } = this.#series.get(held.series);
    return { metric, labels, idleInMs: held.idleInMs };
  }

  #isDraining(): boolean {
    return this.#uplink.isUp && !this.#outbox.isEmpty && !this.#commits.isFailing;
  }

  #undurable(): { readings: number; reason: string } {
    return {
      readings: this.#ledger.totals.received - this.#committedReceived,
      reason: this.#commits.failure ?? "",
    };
  }

  get #isChoked(): boolean {
    return this.#commits.isFailing && this.#redo.rowCount >= UNDURABLE_READINGS_MAX;
  }

  #tick(): void {
    const { clock, config } = this.#options;
    this.#isEmissionDue = true;
    this.#commits.request(this.#isLinkLive && this.#emission.hasLiveRows() ? 0 : LAZY_COMMIT_MS);
    this.#timers.tick = clock.after(config.commit.liveIntervalMs, () => this.#tick());
  }

  /** What the rules see of time and windows, however seldom panes leave. */
  #tickRules(): void {
    const { clock, config } = this.#options;
    const nowMs = this.#guard.nowMs();
    const steadyMs = this.#guard.steadyMs();
    this.#rulesAtMs = clock.monotonicMs();
    this.#handle(this.#rules.onTick({ nowMs, monotonicMs: clock.monotonicMs(), steadyMs }));
    this.#maintenance.tick();
    this.#recorder?.tick();
    this.#sparkplugHeard(this.#sparkplug.tick());
    const { watermarkMs } = this.#watermarks.watermark(steadyMs, this.#guard.isProven);
    const judging = { rules: this.#rules, guard: this.#guard, clock, onOutcomes: this.#onOutcomes };
    for (const result of this.#watched.take(watermarkMs, steadyMs)) judgeWindow(result, judging);
    const intervalMs = Math.min(config.commit.liveIntervalMs, RULES_INTERVAL_MS_MAX);
    this.#timers.rules = clock.after(intervalMs, () => this.#tickRules());
  }

  /** Panes go to the live lane; an outage has to last before backfill begins. */
  get #isLinkLive(): boolean {
    return this.#uplink.downForMs < BACKFILL_AFTER_MS;
  }

  #carryOut(request: AgentRequest): CarriedOut | Promise<CarriedOut> {
    switch (request.kind) {
      case "reset_alarm":
        return { outcome: this.#resetFor(request) };
      case "set_pipeline":
        return this.#takePipeline(request);
      default:
        return { outcome: "not_understood" };
    }
  }

  #resetFor({ alarm, by }: AgentRequest): CarriedOut["outcome"] {
    const found = this.#rules.activeAlarms().find(({ id }) => id === alarm);
    if (found === undefined) return "no_such_alarm";
    if (this.resetAlarms(alarm, `central: ${by}`).resetCount > 0) return "done";
    return found.clearedAtMs === null ? "condition_holds" : "no_such_alarm";
  }

  async #takePipeline(request: AgentRequest): Promise<CarriedOut> {
    const { pushPipeline, compression } = this.#options;
    if (request.pipeline === undefined || pushPipeline === undefined) return { outcome: "not_understood" };
    const pushed = pushedIn(request.pipeline, request.by, compression);
    if (pushed === undefined) return { outcome: "refused", detail: "it was damaged on its way" };
    const { outcome, detail } = await pushPipeline(pushed);
    return { outcome: outcome === "applied" || outcome === "unchanged" ? "done" : "refused", detail };
  }

  #handle(outcomes: readonly Outcome[], by?: string): void {
    if (outcomes.length === 0) return;
    this.#alarmDesk.handle(outcomes, by);
    this.#recorder?.heed(outcomes);
    this.#checkpoints.rulesChanged();
    this.#commits.requestNow();
  }

  #rejectPayload(arrival: Arrival, reason: RejectionReason, detail: string): ReturnType<Agent["receive"]> {
    this.#reject(arrival, reason, detail);
    return this.#whenDurable(arrival.qos);
  }

  #reject(arrival: Arrival, reason: RejectionReason, detail: string): void {
    this.#ledger.reject(reason);
    this.#quarantined(arrival, reason, detail);
  }

  #quarantined(arrival: Arrival, reason: RejectionReason, detail: string): void {
    const { topic, client, payload } = arrival;
    this.#rejection ??= { reason, detail };
    this.#quarantine.add({ atMs: this.#options.clock.nowMs(), topic, client, reason, detail }, payload);
    this.#options.log.repeated(`rejected:${reason}`, "rejected a payload", { reason, topic, client, detail });
  }

  #whenDurable(qos: number): ReturnType<Agent["receive"]> {
    const rejection = this.#rejection;
    if (qos === 0) {
      if (this.#redo.rowCount < COMMIT_ROWS) this.#commits.request(LAZY_COMMIT_MS);
      else this.#commits.requestNow();
      return rejection === undefined ? undefined : Promise.resolve(rejection);
    }
    const durable = this.#untilDurable(true);
    return rejection === undefined ? durable : durable.then(() => rejection);
  }

  /** Not urgent: with the next lazy commit. */
  #untilDurable(isUrgent: boolean): Promise<void> {
    this.#waiting ??= Promise.withResolvers<void>();
    if (!isUrgent) this.#commits.request(LAZY_COMMIT_MS);
    else if (this.#pace.isPageFull(this.#redo.byteCount)) this.#commits.requestNow();
    else if (!this.#isAckRequested) this.#requestAck();
    return this.#waiting.promise;
  }

  /** Soon, where commits are seldom; with company, where they are not. */
  #requestAck(): void {
    this.#isAckRequested = true;
    const waitMs = this.#pace.waitMs(this.#options.clock.monotonicMs(), this.#redo.byteCount);
    if (waitMs === 0) this.#commits.requestNow();
    else this.#commits.request(waitMs);
  }

  #markSent(lane: Lane, sequence: number): void {
    if (this.#queue.lane(lane).sent >= sequence) return;
    this.#queue.markSent(this.#extraChanges, lane, sequence);
    this.#commits.requestNow();
  }

  #welcomed({ epoch, epochFrom, marks }: Welcome): void {
    const changes = this.#extraChanges;
    // Over Kafka each process has an epoch of its own, which says nothing of another life.
    const isOtherLife = epochFrom !== undefined && epoch > 1 && this.#options.config.uplink.kafka === null;
    if (isOtherLife) this.#doubtCoarsened(epochFrom.backfill);
    if (epoch !== this.#queue.epoch) this.#queue.assignEpoch(changes, epoch, epochFrom);
    for (const lane of LANES) {
      const mark = marks[lane];
      if (mark !== undefined) this.#outbox.adopt(changes, lane, mark);
    }
    this.#commits.requestNow();
  }

  /**
   * The store was rolled back or copied: another life of it may have sent some of the batches before `epochFrom` as they
   * were before they were merged. Central takes only one of the two, so what they hold may be lost in part, or count twice.
   */
  #doubtCoarsened(epochFrom: number): void {
    const range = this.#queue.coarsenedIn("backfill", this.#queue.lane("backfill").sent + 1, epochFrom - 1);
    if (range !== undefined) this.#outbox.appendLost(this.#extraChanges, 0, range);
  }

  /** The link is up and says nothing but heartbeats: why. */
  #waitsForDisk(): string | undefined {
    if (!this.#uplink.isUp || this.#outbox.isEpochDurable) return undefined;
    return `batches wait until the disk holds epoch ${this.#queue.epoch}: ${this.#commits.failure ?? "a commit is under way"}`;
  }

  /** Where central's clock proves the agent's right, what a wrong clock has left behind is taken back. */
  #clockTold(centralMs: number, roundTripMs: number): void {
    const step = this.#guard.witness({ centralMs, roundTripMs });
    if (step === undefined) return;
    const { maxFutureMs } = this.#options.config.limits;
    this.#watermarks.setClock({ ...step, maxFutureMs });
    this.#rules.shiftMaintenance(step.nowMs - step.fromMs);
    this.#outbox.takeBack(this.#watermarks.watermark(step.nowMs).watermarkMs);
    this.#deduplicator.forgetBeyond(step.nowMs + maxFutureMs);
  }

  #heartbeat() {
    const status = this.status();
    const { rejected, evidencePartsSealed, evidencePartsEvicted, evidencePartsDamaged, ...counts } =
      status.ledger;
    // A slow link carries this every second.
    const evidence = evidencePartsSealed > 0 && {
      evidencePartsSealed,
      evidencePartsEvicted,
      evidencePartsDamaged,
    };
    const rejectedTotal = Object.values(rejected).reduce((sum, count) => sum + count, 0);
    return {
      frontier: this.#outbox.frontier(),
      ledger: { ...counts, ...evidence, rejected: rejectedTotal },
      answers: this.#requestDesk.answers,
      status: {
        program: this.#options.program,
        series: this.#series.count,
        alarms: status.alarms.length,
        isClockSynchronised: status.clock.isSynchronised,
        storeFailure: (status.store.failure ?? "").slice(0, STATUS_TEXT_LENGTH_MAX),
        unavailableSensors: Object.keys(status.unavailableSensors).join(", "),
        queuedBatches: LANES.reduce((sum, lane) => sum + this.#queue.lane(lane).queuedBatches, 0),
        queuedBytes: LANES.reduce((sum, lane) => sum + this.#queue.lane(lane).queuedBytes, 0),
        diskFreeBytes: this.#outbox.room.isDiskLow ? (status.disk.freeBytes ?? 0) : -1,
        ...configurationFields(status.configuration),
      },
    };
  }

  /** What the ledger has as aggregated and the store no longer holds was lost to damage: central is told. */
  #bookDamage(recovery: Recovery): void {
    const { totals } = this.#ledger;
    const { aggregated, forwarded, evicted, damaged } = totals;
    const held = this.#openReadings() + this.#queuedReadings();
    const uncounted = held + forwarded + evicted + damaged - aggregated;
    if (uncounted > 0) {
      totals.received += uncounted;
      totals.aggregated += uncounted;
    }
    const readings = Math.max(0, -uncounted);
    const isUnexplained = uncounted > 0 && !recovery.isLedgerOld;
    if (readings === 0 && !isUnexplained && !recovery.hasLostUncounted) return;
    totals.damaged += readings;
    const { maxFutureMs, clockFloorMs: floorMs, dedupeHorizonMs: lateMs } = this.#options.config.limits;
    const range = recovery.lostRange({ nowMs: this.#guard.nowMs(), maxFutureMs, floorMs, lateMs });
    this.#outbox.appendLost(this.#extraChanges, readings, range);
    this.#options.log.error("readings were lost to damage of the store", { readings, ...range });
  }

  #queuedReadings(): number {
    return LANES.reduce((sum, lane) => sum + this.#queue.lane(lane).queuedReadings, 0);
  }

  #openReadings(): number {
    let count = 0;
    for (const table of this.#tables.all()) count += table.readingCount;
    for (const rows of this.#outdated) count += readingCount(rows);
    return count;
  }

  /** Gathers one group commit. Whatever it takes out of memory is in `changes`, which are retried until durable. */
  #collect(): CommitWork {
    this.#pace.spend(this.#options.clock.monotonicMs(), this.#redo.byteCount);
    const changes: Change[] = this.#extraChanges;
    this.#extraChanges = [];
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#isAckRequested = false;

    for (const { index, metric, labels } of this.#series.takeUndurable()) {
      changes.push(putJson(seriesStoreKey(index), { metric, labels }));
    }
    this.#quarantine.drainInto(changes);
    this.#outbox.appendAlarms(changes, this.#alarmDesk.drainInto(changes));
    const received = this.#ledger.totals.received;
    this.#collectOutdated(changes);
    this.#collectEmission(changes);
    if (this.#uplink.isUp) this.#outbox.markNextSent(changes, (lane) => this.#uplink.lastInReach(lane));
    const evidenceDurable = this.#sealer.drainInto(changes);
    this.#outbox.drainInto(changes);
    const isLedgerChanged = received !== this.#committedReceived;
    if (this.#redo.rowCount > 0 || isLedgerChanged || changes.length > 0) {
      this.#redoLog.append(changes, this.#redo, this.#guard.nowMs(), this.#ledger.totals);
    }
    this.#checkpoints.collect(changes);
    const appended = this.#outbox.appended();
    return {
      changes,
      durable: () => {
        this.#committedReceived = received;
        this.#outbox.durable(appended);
        if (!this.#isLossBooked) this.#options.lossBooked?.();
        this.#isLossBooked = true;
        waiting?.resolve();
        evidenceDurable();
        this.#uplink.wake();
      },
    };
  }

  #collectOutdated(changes: Change[]): void {
    if (this.#outdated.length === 0) return;
    this.#outbox.appendPanes(
      changes,
      this.#isLinkLive ? "live" : "backfill",
      this.#outdated,
      this.#outbox.sealed,
    );
    for (const rows of this.#outdated) this.#paneCheckpoint.forget(changes, rows);
    this.#outdated = [];
  }

  /** Seals what the panes have gained: live metrics at once while the link is up, complete panes otherwise. */
  #collectEmission(changes: Change[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    const isLive = this.#isLinkLive;
    const intervalMs = isLive || this.#isStopping ? 0 : BACKFILL_INTERVAL_MS;
    if (!this.#isEmissionDue || nowMs - this.#emittedAtMs < intervalMs) return;
    this.#isEmissionDue = false;
    this.#emittedAtMs = nowMs;
    const { sections, sealed } = this.#emission.take(
      this.#isStopping ? "everything" : isLive ? "live" : "complete",
    );
    if (sections.length === 0) return this.#outbox.advance(sealed);
    this.#outbox.appendPanes(changes, isLive ? "live" : "backfill", sections, sealed);
    for (const rows of sections) this.#paneCheckpoint.forget(changes, rows);
    this.#checkpoints.panesLeft();
  }

  /**
   * Seals what was recovered as it stands, before anything new is mixed in: copies of a store that start from the same
   * bytes make the same batch under the same sequence, and central takes it once.
   */
  #sealRecovered(): void {
    const changes = this.#extraChanges;
    const { sections, sealed } = this.#emission.take("everything");
    if (sections.length > 0) {
      // The watermark stays where it was: what sensors could not send meanwhile is still to come.
      const { watermarkMs } = this.#outbox;
      this.#outbox.appendPanes(changes, "live", sections, { ...sealed, watermarkMs, isIdle: false });
      for (const rows of sections) this.#paneCheckpoint.forget(changes, rows);
    }
    this.#queue.begin(changes, this.#options.instance);
    this.#commits.requestNow();
  }
}

/** What edge nodes' births are bound to. */
function sparkplugSources({ metrics }: Pipeline): string {
  return JSON.stringify(
    metrics.flatMap(({ name, source }) => (source.kind === "sparkplug" ? [{ name, source }] : [])),
  );
}

/** What the pipeline makes of an arrival; made anew for each pipeline. */
interface PipelineReading {
  readonly routes: TopicRoutes;
  readonly evidence: EvidenceTopics;
  readonly incoming: IncomingReadings;
  readonly hostMetrics: ReadonlyMap<HostSensor, PipelineMetric>;
  /** Rules whose commands a reading causes. */
  readonly measuredRules: ReadonlySet<string>;
}

interface AgentParts {
  readonly queue: BatchQueue;
  readonly ledger: Ledger;
  readonly guard: ClockGuard;
  readonly series: SeriesRegistry;
  readonly rules: RuleEngine;
  readonly watermarks: SeriesWatermarks;
  readonly deduplicator: Deduplicator;
  readonly tables: PaneTables;
  readonly intake: ReadingIntake;
  readonly watched: WatchedWindows;
  readonly recorder: FlightRecorder | null;
  readonly redo: RedoBuffer;
  readonly redoLog: RedoLog;
  readonly quarantine: Quarantine;
  readonly auditNumber: number;
  readonly paneCheckpoint: PaneCheckpoint;
  readonly frontierNumber: number;
  readonly watermarkMs: number | null;
}

export interface AgentStatus {
  readonly agent: string;
  readonly site: string;
  readonly storeId: string;
  readonly epoch: number;
  readonly ledger: Ledger["totals"] & {
    readonly pending: number;
    readonly open: number;
    readonly queued: number;
  };
  readonly link: ReturnType<Uplink["status"]>;
  readonly lanes: Readonly<Record<string, ReturnType<BatchQueue["lane"]>>>;
  /** Series known, by metric. */
  readonly series: Readonly<Record<string, number>>;
  /** By metric: who wanted more series than it may have, since the start. */
  readonly refusedSeries: Readonly<Record<string, RefusedSeriesStatus>>;
  readonly watermarkMs: number | null;
  /** The series that the watermark waits for; null where all are idle. */
  readonly watermarkHeldBy: {
    readonly metric: string;
    readonly labels: Labels;
    readonly idleInMs: number;
  } | null;
  readonly clock: { readonly isSynchronised: boolean; readonly nowMs: number };
  readonly alarms: readonly AlarmEvent[];
  readonly maintenance: readonly Maintenance[];
  /** Of the last commands of this run, arrival of the reading to the hand-over, ms; null before the first. */
  readonly actionLatency: ReturnType<AlarmDesk["latency"]>;
  readonly store: { readonly failure: string | null };
  readonly disk: {
    readonly freeBytes: number | null;
    /** Less is free than `outbox.freeBytesMin`: the outbox takes no more. */
    readonly isLow: boolean;
    /** What the outbox may still gain, within its cap and what is free. */
    readonly bytesLeft: number;
    /** What went into the outbox in the last hour; null before there is a measure. */
    readonly bytesPerHour: number | null;
    /** Of an outage, at that rate, before the backlog is made coarser. */
    readonly hoursLeft: number | null;
  };
  /** Host sensors that this machine lacks, with the reason. */
  readonly unavailableSensors: Readonly<Record<string, string>>;
  readonly quarantine: ReturnType<Quarantine["recent"]>;
  /** Kept in all, those of earlier runs too. */
  readonly quarantineCount: number;
  /** Null where none is configured. */
  readonly recorder: RecorderStatus | null;
  readonly dedupe: { readonly keys: number; readonly forgotten: number };
  readonly configuration: ConfigurationStatus | null;
  /** Null where no metric is of Sparkplug. */
  readonly sparkplug: SparkplugStatus | null;
}

/** For central. */
function configurationFields(configuration: ConfigurationStatus | null): Record<string, string | number> {
  if (configuration === null) return {};
  const { version, source, sinceMs, refused } = configuration;
  return {
    pipelineVersion: version,
    pipelineSource: source,
    pipelineSinceMs: sinceMs,
    pipelineRefused: refused === null ? "" : refused.version || "agent.yaml",
    pipelineRefusedReason: (refused?.reason ?? "").slice(0, STATUS_TEXT_LENGTH_MAX),
  };
}

/** The others go by time: silence, or a watermark. */
function isByReading({ window, when }: RuleSpec): boolean {
  return window === undefined && when.kind !== "missing";
}

/** The windows that rules look at; the configuration lets them watch no others. */
export function watchedWindows({ rules, windows }: Pipeline): AlignedWindowSpec[] {
  const names = new Set(rules.map(({ window }) => window?.name));
  return windows.filter((spec) => spec.kind === "aligned").filter(({ name }) => names.has(name));
}

/** For how long the redo log must keep the readings of watched windows. */
function watchedMs(pipeline: Pipeline): number {
  const sizes = watchedWindows(pipeline).map(({ sizeMs }) => sizeMs);
  return sizes.length === 0 ? 0 : Math.max(...sizes) + 2 * CORRECTIONS_MS;
}

/** False where a value is no number any more. */
function adjustAll({ count, value }: PlainReadings, adjustment: ValueAdjustment): boolean {
  let rest = 0;
  for (let at = 0; at < count; at += 1) {
    value[at] = adjustValue(value[at], adjustment);
    rest += value[at] - value[at];
  }
  return rest === 0;
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.after(delayMs, resolve);
  return promise;
}
