import type { AgentConfig, Pipeline, PipelineMetric } from "@millrace/config";
import { hasLabels, type Outcome, RuleEngine, topicFilter } from "@millrace/detect";
import { BatchQueue, type Change, type LastEnd, type Store } from "@millrace/queue";
import {
  type Clock,
  type Logger,
  type Metrics,
  MillraceError,
  type Random,
  type Timer,
} from "@millrace/runtime";
import { coarsePaneMs, type Labels, type Lane, LANES, SeriesWatermarks } from "@millrace/stream";
import type { Compression, SparkplugHearing, UplinkTransport, Welcome } from "@millrace/wire";
import { AlarmDesk } from "./actions/alarm-desk.ts";
import type { CommandManner } from "./actions/command-publisher.ts";
import { checkLabels, type LabelCheck } from "./actions/label-check.ts";
import { MaintenanceDesk } from "./actions/maintenance-desk.ts";
import { ClockGuard } from "./clock-guard.ts";
import { putJson, seriesStoreKey } from "./durability/agent-store.ts";
import { Checkpoints } from "./durability/checkpoints.ts";
import { CommitLoop, type CommitWork } from "./durability/commit-loop.ts";
import { DurabilityWaits, LAZY_COMMIT_MS } from "./durability/durability-waits.ts";
import { Recovery } from "./durability/recovery.ts";
import { RedoBuffer } from "./durability/redo-entry.ts";
import { KeptRecords } from "./durability/kept-records.ts";
import { type LastEndStatus, lastEndStatus } from "./durability/last-end.ts";
import { LossBook } from "./durability/loss-book.ts";
import type { RulesJournal } from "./durability/rules-journal.ts";
import type { RedoLog } from "./durability/redo-log.ts";
import { StoredFilePositions } from "./durability/stored-file-positions.ts";
import { type Evidence, EvidenceSealer } from "./evidence/evidence-sealer.ts";
import type { EvidenceBounds } from "./evidence/evidence-topics.ts";
import { FlightRecorder } from "./evidence/flight-recorder.ts";
import type { FilePositions } from "./inputs/files/file-positions.ts";
import type { HostReading } from "./inputs/host-input.ts";
import type { Arrival, Subscriptions } from "./inputs/input.ts";
import type { Junk } from "./inputs/junk.ts";
import { Deduplicator } from "./intake/deduplicator.ts";
import { HeldAdmission } from "./intake/held-admission.ts";
import { HeldReadings } from "./intake/held-readings.ts";
import { type PipelineReading, pipelineReading } from "./intake/pipeline-reading.ts";
import { Quarantine } from "./intake/quarantine.ts";
import { ReadingIntake } from "./intake/reading-intake.ts";
import { type Receipt, Reception } from "./intake/reception.ts";
import { seriesMaxOf } from "./intake/series-registry.ts";
import type { SeriesRegistry } from "./intake/series-registry.ts";
import { SilentSeries } from "./intake/silent-series.ts";
import type { Route } from "./intake/topic-routes.ts";
import type { Ledger } from "./ledger.ts";
import { Outbox } from "./outbox/outbox.ts";
import { judgeWindow } from "./panes/judge-window.ts";
import { PaneCheckpoint } from "./panes/pane-checkpoint.ts";
import { PaneEmission } from "./panes/pane-emission.ts";
import { PaneSealer } from "./panes/pane-sealer.ts";
import { PANE_ROWS_MAX, PaneTables } from "./panes/pane-tables.ts";
import { WatchedWindows } from "./panes/watched-windows.ts";
import { windowsOfRules, windowsOfRulesMs } from "./panes/windows-of-rules.ts";
import type { ConfigurationStatus } from "./reload/configuration-status.ts";
import type { ReloadReport } from "./reload/reload-report.ts";
import type { PushedPipeline } from "./reload/stored-pipeline.ts";
import { SparkplugDesk, type SparkplugLink } from "./sparkplug/sparkplug-desk.ts";
import { type AgentStatus, agentStatus } from "./status/agent-status.ts";
import { carryOut } from "./uplink/carry-out.ts";
import { heartbeatContent } from "./uplink/heartbeat-content.ts";
import { RequestDesk } from "./uplink/request-desk.ts";
import { Uplink } from "./uplink/uplink.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly pipeline: Pipeline;
  readonly store: Store;
  /** The store was damaged such that nothing tells what of its commits is gone. */
  readonly hasLostCommits: boolean;
  /** How the run that held the store before has ended; absent where no store tells. */
  readonly lastEnd?: LastEnd;
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
  publish(topic: string, payload: string, how: CommandManner): Promise<void>;
}

/** The rules are told of time at least so often. */
export const RULES_INTERVAL_MS_MAX = 250;
/** The link has been down for longer: panes go to backfill, complete ones only. */
const BACKFILL_AFTER_MS = 5_000;
/** Readings in memory that wait for the next commit: far more than a disk that is merely slow lets gather. */
const UNDURABLE_READINGS_MAX = 250_000;
/** From here on files wait: what one turn reads of them, with its position, must find room as a whole. */
const UNDURABLE_READINGS_FOR_FILES_MAX = UNDURABLE_READINGS_MAX / 2;
/** What was held leaves the rest of a metric's open panes to what comes; above half of them all leave. */
const HELD_ROWS_MAX = (PANE_ROWS_MAX * 3) / 4;

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
  readonly #held: HeldReadings;
  readonly #admission: HeldAdmission;
  readonly #watched: WatchedWindows;
  readonly #redo: RedoBuffer;
  readonly #redoLog: RedoLog;
  readonly #quarantine: Quarantine;
  readonly #outbox: Outbox;
  readonly #commits: CommitLoop;
  readonly #uplink: Uplink;
  readonly #emission: PaneEmission;
  readonly #paneSealer: PaneSealer;
  readonly #lossBook: LossBook;
  readonly #checkpoints: Checkpoints;
  readonly #alarmDesk: AlarmDesk;
  readonly #maintenance: MaintenanceDesk;
  readonly #sealer: EvidenceSealer;
  readonly #recorder: FlightRecorder | null;
  readonly #sparkplug: SparkplugDesk;
  readonly #waits: DurabilityWaits;
  readonly #reception: Reception;
  readonly #requestDesk: RequestDesk;
  readonly #onOutcomes = (outcomes: readonly Outcome[]) => this.#handle(outcomes);

  /** For the input that reads files. */
  readonly filePositions: FilePositions;
  /** For the embedded broker. */
  readonly brokerRecords: KeptRecords;

  /** How the run before has ended; null where no store tells. */
  readonly lastEnd: LastEndStatus | null;
  #pipeline: Pipeline;
  #committedReceived: number;
  #extraChanges: Change[] = [];
  #rulesAtMs = Number.NEGATIVE_INFINITY;
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
    this.#held = parts.held;
    this.#watched = parts.watched;
    this.#recorder = parts.recorder;
    this.#redo = parts.redo;
    this.#redoLog = parts.redoLog;
    this.#quarantine = parts.quarantine;
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
    this.lastEnd = parts.lastEnd;
    const { config, pipeline, clock, random, log } = options;
    this.#alarmDesk = new AlarmDesk({
      ...options,
      isMeasured: (rule) => this.#reception.reading.measuredRules.has(rule),
      auditNumber: parts.auditNumber,
      audited: () => this.#commits.request(LAZY_COMMIT_MS),
      publishFailed: (commandId) => {
        const time = { nowMs: this.#guard.nowMs(), monotonicMs: clock.monotonicMs() };
        this.#handle(this.#rules.onPublishFailed(commandId, time));
      },
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
    this.#outbox = new Outbox({
      queue: this.#queue,
      clock,
      guard: parts.guard,
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
      stillHeld: () => this.#admission.stillHeld(),
      wake: () => this.#commits.requestNow(),
      frontierNumber: parts.frontierNumber,
      watermarkMs: parts.watermarkMs,
    });
    this.#checkpoints = new Checkpoints({
      ...parts,
      clock,
      intervalMs: config.commit.checkpointIntervalMs,
      redoKeptMs: () => Math.max(config.limits.dedupeHorizonMs, windowsOfRulesMs(this.#pipeline)),
      // Watched windows need the readings themselves, for their time.
      redoRowsMax: () => (windowsOfRulesMs(this.#pipeline) > 0 ? Infinity : 2 * config.limits.dedupeKeysMax),
      labelsOf: this.#emission.labelsOf,
      outbox: this.#outbox,
      push: (change) => this.#extraChanges.push(change),
    });
    this.#paneSealer = new PaneSealer({
      ...parts,
      clock,
      emission: this.#emission,
      outbox: this.#outbox,
      isLinkLive: () => this.#isLinkLive,
      left: () => this.#checkpoints.panesLeft(),
    });
    this.#lossBook = new LossBook({ ...parts, limits: config.limits, outbox: this.#outbox, log });
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
    this.#waits = new DurabilityWaits({
      clock,
      commits: this.#commits,
      redo: this.#redo,
      ackIntervalMs: config.commit.ackIntervalMs,
    });
    this.#reception = new Reception({
      ...parts,
      config,
      clock,
      random,
      log,
      reading: this.#readingOf(pipeline),
      maintenance: this.#maintenance,
      sparkplug: this.#sparkplug,
      sealer: this.#sealer,
      room: this.#outbox.room,
      waits: this.#waits,
      isChoked: () => this.#redo.rowCount >= UNDURABLE_READINGS_MAX,
      onOutcomes: this.#onOutcomes,
    });
    this.#admission = new HeldAdmission({
      ...parts,
      clock,
      log,
      maxFutureMs: config.limits.maxFutureMs,
      // What comes over Kafka tells no time.
      hasWitness: config.uplink.kafka === null,
      isMeasured: (metric) => this.#isMeasured(metric),
      hasRoomFor: (readings) =>
        [...this.#tables.all()].every(({ rowCount }) => rowCount + readings <= HELD_ROWS_MAX),
      durable: () => this.#waits.until({ isUrgent: true }),
      over: () => {
        this.#paneSealer.due();
        this.#commits.requestNow();
      },
      lost: (readings) => this.#lossBook.held(this.#extraChanges, readings),
    });
    const silent = new SilentSeries({
      ...parts,
      clock,
      silentMs: Math.max(config.limits.forgetSilentAfterMs, config.limits.dedupeHorizonMs),
      watermarkMs: () => this.#outbox.watermarkMs,
    });
    this.#series.makeRoomBy((metric) => silent.makeRoom(metric));
    this.#requestDesk = new RequestDesk((request) =>
      carryOut(request, {
        compression: options.compression,
        activeAlarms: () => this.#rules.activeAlarms(),
        resetAlarms: (which, by) => this.resetAlarms(which, by),
        pushPipeline: options.pushPipeline,
      }),
    );
    this.filePositions = new StoredFilePositions({
      store: options.store,
      failure: () => this.storeFailure ?? this.#fullness,
      push: (change) => this.#extraChanges.push(change),
      durable: (isUrgent) => this.#waits.until({ isUrgent }),
    });
    this.brokerRecords = new KeptRecords({
      wake: (isUrgent) => (isUrgent ? this.#commits.requestNow() : this.#commits.request(LAZY_COMMIT_MS)),
      committed: () => this.#waits.until({ isUrgent: true }),
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
        heartbeat: () =>
          heartbeatContent(this.status(), {
            program: options.program,
            frontier: this.#outbox.frontier(),
            answers: this.#requestDesk.answers,
          }),
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
      seriesMax: seriesMaxOf(limits.seriesPerMetricMax),
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
      windows: windowsOfRules(pipeline),
      watermarks,
      outOfOrdernessMs: limits.outOfOrdernessMs,
      groupsMax: seriesMaxOf(limits.seriesPerMetricMax),
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
    const held = await HeldReadings.open({
      store,
      steadyMs: () => guard.steadyMs(),
      readingsMax: limits.heldReadingsMax,
      dedupeHorizonMs: limits.dedupeHorizonMs,
      dedupeKeysMax: limits.dedupeKeysMax,
      isDiskLow: () => agent.#outbox.room.isDiskLow,
    });
    const intake = new ReadingIntake({
      tables,
      clock,
      guard,
      deduplicator,
      rules,
      watermarks,
      ledger: recovery.ledger,
      redo,
      redoLog: recovery.redoLog,
      watched,
      held,
      recorder: recorder?.ring ?? null,
    });
    const paneCheckpoint = new PaneCheckpoint(recovery.series);
    await recovery.restorePanes(tables, paneCheckpoint);
    const replayed = [...(await recovery.replay(intake, rules))];
    // Most of what was passed before has been judged before: the rules' own state knows. The rest is as history.
    const passed = watched.take(
      watermarks.watermark(guard.steadyMs(), guard.isProven).watermarkMs,
      guard.steadyMs(),
    );
    const onOutcomes = (outcomes: readonly Outcome[]) => {
      for (const outcome of outcomes) replayed.push(outcome);
    };
    for (const result of passed) judgeWindow(result, { rules, guard, clock, isResumed: true, onOutcomes });
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
      held,
      redo,
      redoLog: recovery.redoLog,
      rulesJournal: recovery.rulesJournal,
      quarantine: await Quarantine.open(store),
      auditNumber: recovery.auditNumber,
      paneCheckpoint,
      frontierNumber: recovery.frontierNumber,
      watermarkMs: recovery.watermarkMs,
      lastEnd:
        options.lastEnd === undefined
          ? null
          : lastEndStatus(options.lastEnd, recovery.ledger.totals.received),
    });
    agent.#measure(pipeline.metrics);
    // First: what is sealed says how far the agent is, and of what is lost it must not be further.
    agent.#lossBook.recovered(agent.#extraChanges, recovery, {
      heldReadings: held.count,
      openReadings: agent.#paneSealer.openReadings,
    });
    agent.#begin();
    recorder?.remember(rules.activeAlarms());
    agent.#handle(replayed);
    return agent;
  }

  /** Of machines' answers, and of what says what is in maintenance. */
  #ownFilters({ rules, maintenance }: Pipeline): readonly string[] {
    const confirms = rules.flatMap(({ action }) => action?.confirm ?? []);
    const answers = confirms.map(({ topic }) => topicFilter(topic));
    return [...new Set([...answers, ...this.#maintenance.filters(maintenance)])];
  }

  /** For inputs: the greatest payloads where they are kept as they are, by the pipeline of the moment. */
  readonly evidence: EvidenceBounds = {
    bytesMax: (topic) => this.#reception.reading.evidence.bytesMax(topic),
    largestBytesMax: () => this.#reception.reading.evidence.largestBytesMax(),
  };

  /** What the inputs must subscribe to: for readings, and the agent's own; and where it commands. */
  subscriptions(): Subscriptions {
    return this.#subscriptionsOf(this.#pipeline, this.#reception.reading);
  }

  #subscriptionsOf(pipeline: Pipeline, { routes, evidence }: PipelineReading): Subscriptions {
    const commandFilters = pipeline.rules.flatMap(({ action }) =>
      action === null ? [] : [topicFilter(action.topicTemplate)],
    );
    const filters = [...new Set([...routes.filters(), ...evidence.filters])];
    const sparkplugFilters = this.#sparkplug.filters(pipeline);
    return { filters, ownFilters: this.#ownFilters(pipeline), commandFilters, sparkplugFilters };
  }

  /**
   * Another pipeline is to come, if the brokers give what it reads: returns what the inputs must subscribe to for both. What
   * arrives for it alone is kept until `changePipeline`, or until it is `expectNoPipeline`.
   */
  expectPipeline(pipeline: Pipeline): Subscriptions {
    const now = this.subscriptions();
    const then = this.#subscriptionsOf(pipeline, this.#readingOf(pipeline));
    this.#reception.expect([...then.filters, ...then.ownFilters, ...then.sparkplugFilters]);
    const both = (kind: keyof Subscriptions) => [...new Set([...now[kind], ...then[kind]])];
    return {
      filters: both("filters"),
      ownFilters: both("ownFilters"),
      commandFilters: both("commandFilters"),
      sparkplugFilters: both("sparkplugFilters"),
    };
  }

  expectNoPipeline(): void {
    this.#reception.settle();
  }

  /** Takes changes of the store into the next commit. */
  keep(changes: readonly Change[]): Promise<void> {
    for (const change of changes) this.#extraChanges.push(change);
    return this.#waits.until({ isUrgent: false });
  }

  /**
   * Another pipeline, between two readings. What does not change goes on to the bit. Throws before anything has changed.
   * `record` goes into the commit that carries whatever depends on the pipeline; resolves once that is durable: a crash
   * before finds the old one, wholly, and after it the new one.
   */
  changePipeline(pipeline: Pipeline, record: readonly Change[] = []): Promise<void> {
    // Throws where a layout cannot be made.
    PaneTables.of(pipeline.metrics, PANE_ROWS_MAX);
    const adoptRules = this.#rules.prepareRules(pipeline.rules, this.#guard.nowMs());
    const watching = { metrics: pipeline.metrics, windows: windowsOfRules(pipeline) };
    const adoptWatched = this.#watched.prepare(watching, this.#nextTimeMs());
    const reading = this.#readingOf(pipeline);
    this.#pipeline = pipeline;
    adoptWatched();
    const outcomes = adoptRules();
    this.#maintenance.setTopic(pipeline.maintenance);
    this.#reception.adopt(reading);
    this.#emission.setMetrics(pipeline.metrics);
    this.#recorder?.setPipeline(pipeline);
    this.#measure(pipeline.metrics);
    this.#sparkplug.setPipeline(pipeline);
    for (const change of record) this.#extraChanges.push(change);
    this.#handle(outcomes, "reload");
    this.#reception.settle();
    return this.#waits.until({ isUrgent: true });
  }

  /** `limits.seriesPerMetricMax`; in windows of rules it counts from the next start. */
  setSeriesMax(seriesPerMetricMax: number): void {
    this.#series.setSeriesMax(seriesPerMetricMax);
    this.#rules.setSeriesMax(seriesMaxOf(seriesPerMetricMax));
  }

  /** What stands between an input and the intake. */
  #readingOf(pipeline: Pipeline): PipelineReading {
    return pipelineReading(pipeline, {
      site: this.#options.config.site,
      guard: this.#guard,
      registry: this.#series,
      engine: this.#rules,
      confirmationFilters: this.#ownFilters(pipeline),
    });
  }

  /** The panes are those of these metrics; series of others hold no watermark back. */
  #measure(metrics: readonly PipelineMetric[]): void {
    this.#paneSealer.addOutdated(this.#tables.change(metrics, this.#nextTimeMs(), this.#emission.labelsOf));
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

  /** The connection that Sparkplug messages come through is gone. */
  sparkplugLost(via: string): void {
    this.#sparkplugHeard(this.#sparkplug.lost(via));
  }

  start(): void {
    this.#uplink.start();
    this.#tickRules();
    this.#tick();
  }

  /** Readings that have come so far, in this run and before. */
  get receivedCount(): number {
    return this.#ledger.totals.received;
  }

  /** Why the store takes no writes now; null while it does. */
  get storeFailure(): string | null {
    return this.#commits.failure ?? null;
  }

  /** Why no file is read on although the store takes writes; null while they are. */
  get #fullness(): string | null {
    const isFull = this.#redo.rowCount >= UNDURABLE_READINGS_FOR_FILES_MAX;
    return isFull ? `the store is slow: ${this.#redo.rowCount} readings wait for it` : null;
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
  receive(arrival: Arrival): Receipt {
    return this.#reception.receive(arrival);
  }

  #offerRecording(evidence: Evidence): boolean {
    const { outbox } = this.#options.config;
    if (this.#outbox.room.isDiskLow || evidence.payload.length > outbox.bytesMax / 2) return false;
    return this.#sealer.offer(evidence) !== undefined;
  }

  #sparkplugHeard(hearing: SparkplugHearing<Route>): void {
    if (this.#reception.heard(hearing)) this.#commits.request(LAZY_COMMIT_MS);
  }

  /** A reading of the gateway's own sensors; nobody waits for it. */
  receiveHost(reading: HostReading): void {
    this.#reception.receiveHost(reading);
  }

  /** What an input could make no payload of: a few a second are kept to be looked at, and nobody waits for it. */
  setAside(junk: Junk): void {
    const { clock } = this.#options;
    const time = { atMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    if (this.#quarantine.addJunk(junk, time)) this.#commits.request(LAZY_COMMIT_MS);
  }

  /** Ends latched alarms whose condition is over; those that still hold stay. `all` means all; `by` goes into the audit trail. */
  resetAlarms(which: string, by: string): { readonly resetCount: number } {
    const outcomes = this.#rules.reset(which, this.#guard.nowMs());
    this.#handle(outcomes, by);
    return { resetCount: outcomes.filter(({ type }) => type === "event").length };
  }

  /** Series with these labels that are silent are missed no longer, until they are heard again: their alarms end. */
  forgetSeries(labels: Labels, by: string): { readonly forgottenCount: number } {
    const steadyMs = this.#guard.steadyMs();
    const speaking = [...this.#series.withLabels(labels)].filter(
      ({ index }) => !this.#watermarks.isIdle(index, steadyMs),
    );
    const outcomes = this.#rules.forget(
      labels,
      this.#guard.nowMs(),
      (metric, own) => !speaking.some((one) => one.metric === metric && hasLabels(one.labels, own)),
    );
    this.#handle(outcomes, by);
    return { forgottenCount: outcomes.length };
  }

  /** A line of the audit trail that is no alarm's. */
  audit(line: object): void {
    this.#alarmDesk.audit(line);
    this.#commits.request(LAZY_COMMIT_MS);
  }

  /** Whether anything can have these labels, and how many series do: a slip of the pen must not pass for a maintenance. */
  checkLabels(labels: Labels): LabelCheck {
    const host = this.#options.config.inputs.host;
    const ofHost = host === null ? [] : [...Object.keys(host.labels), "sensor"];
    return checkLabels(labels, {
      names: ["site", ...this.#pipeline.labelNames, ...ofHost],
      series: this.#series.labels(),
    });
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
    this.#admission.stop();
    // What the last readings have passed: no tick may come any more.
    this.judgeWindows();
    this.#paneSealer.last();
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
    return agentStatus({
      ...this.#options,
      lastEnd: this.lastEnd,
      queue: this.#queue,
      outbox: this.#outbox,
      ledger: this.#ledger,
      guard: this.#guard,
      series: this.#series,
      refusedSeries: this.#reception.refusedSeries,
      watermarks: this.#watermarks,
      rules: this.#rules,
      watched: this.#watched,
      maintenance: this.#maintenance,
      alarmDesk: this.#alarmDesk,
      commits: this.#commits,
      quarantine: this.#quarantine,
      recorder: this.#recorder,
      deduplicator: this.#deduplicator,
      held: this.#held,
      sparkplug: this.#sparkplug,
      uplink: this.#uplink,
      isMeasured: (metric) => this.#isMeasured(metric),
      pending: () => this.#pendingReadings(),
      open: () => this.#paneSealer.openReadings,
    });
  }

  #isMeasured(metric: string): boolean {
    return this.#pipeline.metrics.some(({ name }) => name === metric);
  }

  #isDraining(): boolean {
    return this.#uplink.isUp && !this.#outbox.isEmpty && !this.#commits.isFailing;
  }

  #undurable(): { readings: number; reason: string } {
    return {
      readings: this.#pendingReadings(),
      reason: this.#commits.failure ?? "",
    };
  }

  /** Taken in, and not durable yet. */
  #pendingReadings(): number {
    return this.#ledger.totals.received - this.#committedReceived;
  }

  #tick(): void {
    const { clock, config } = this.#options;
    this.#paneSealer.due();
    this.#commits.request(this.#isLinkLive && this.#emission.hasLiveRows() ? 0 : LAZY_COMMIT_MS);
    this.#timers.tick = clock.after(config.commit.liveIntervalMs, () => this.#tick());
  }

  /** What the rules see of time and windows, however seldom panes leave. */
  #tickRules(): void {
    const { clock, config } = this.#options;
    const nowMs = this.#guard.nowMs();
    const steadyMs = this.#guard.steadyMs();
    this.#rulesAtMs = clock.monotonicMs();
    this.#admission.look();
    this.#handle(this.#rules.onTick({ nowMs, monotonicMs: clock.monotonicMs(), steadyMs }));
    this.#maintenance.tick();
    this.#recorder?.tick();
    this.#sparkplugHeard(this.#sparkplug.tick());
    this.judgeWindows();
    const intervalMs = Math.min(config.commit.liveIntervalMs, RULES_INTERVAL_MS_MAX);
    this.#timers.rules = clock.after(intervalMs, () => this.#tickRules());
  }

  /** Has the rules judge what has been passed by now, as each tick does: before commands can go out no more. */
  judgeWindows(): void {
    const { clock } = this.#options;
    const steadyMs = this.#guard.steadyMs();
    const { watermarkMs } = this.#watermarks.watermark(steadyMs, this.#guard.isProven);
    const judging = { rules: this.#rules, guard: this.#guard, clock, onOutcomes: this.#onOutcomes };
    for (const result of this.#watched.take(watermarkMs, steadyMs)) judgeWindow(result, judging);
  }

  /** Panes go to the live lane; an outage has to last before backfill begins. */
  get #isLinkLive(): boolean {
    return this.#uplink.downForMs < BACKFILL_AFTER_MS;
  }

  #handle(outcomes: readonly Outcome[], by?: string): void {
    if (outcomes.length === 0) return;
    this.#alarmDesk.handle(outcomes, by);
    this.#recorder?.heed(outcomes);
    this.#commits.requestNow();
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
    if (isOtherLife) this.#lossBook.coarsened(changes, epochFrom.backfill);
    if (epoch !== this.#queue.epoch) this.#queue.assignEpoch(changes, epoch, epochFrom);
    for (const lane of LANES) {
      const mark = marks[lane];
      if (mark !== undefined) this.#outbox.adopt(changes, lane, mark);
    }
    this.#commits.requestNow();
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
    this.#admission.proven(step);
  }

  #begin(): void {
    this.#paneSealer.sealRecovered(this.#extraChanges);
    this.#queue.begin(this.#extraChanges, this.#options.instance);
    this.#commits.requestNow();
  }

  /** Gathers one group commit. Whatever it takes out of memory is in `changes`, which are retried until durable. */
  #collect(): CommitWork {
    const isDurable = this.#waits.take();
    const changes: Change[] = this.#extraChanges;
    this.#extraChanges = [];
    for (const { index, metric, labels, isForgotten } of this.#series.takeUndurable()) {
      const forgotten = isForgotten === true ? { isForgotten } : {};
      changes.push(putJson(seriesStoreKey(index), { metric, labels, ...forgotten }));
    }
    this.#quarantine.drainInto(changes);
    this.#outbox.appendAlarms(changes, this.#alarmDesk.drainInto(changes));
    const received = this.#ledger.totals.received;
    this.#held.drainInto(changes);
    this.#admission.look();
    const hasLooked = this.#paneSealer.collect(changes);
    const haveLeft = hasLooked && !this.#admission.isRunning;
    if (this.#uplink.isUp) this.#outbox.markNextSent(changes, (lane) => this.#uplink.lastInReach(lane));
    const evidenceDurable = this.#sealer.drainInto(changes);
    const recordsDurable = this.brokerRecords.drainInto(changes);
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
        if (haveLeft) this.#admission.haveLeft();
        if (!this.#isLossBooked) this.#options.lossBooked?.();
        this.#isLossBooked = true;
        isDurable();
        evidenceDurable();
        recordsDurable();
        this.#uplink.wake();
      },
    };
  }
}

interface AgentParts {
  readonly queue: BatchQueue;
  readonly ledger: Ledger;
  readonly guard: ClockGuard;
  readonly series: SeriesRegistry;
  readonly rules: RuleEngine;
  readonly watermarks: SeriesWatermarks;
  readonly deduplicator: Deduplicator;
  readonly held: HeldReadings;
  readonly tables: PaneTables;
  readonly intake: ReadingIntake;
  readonly watched: WatchedWindows;
  readonly recorder: FlightRecorder | null;
  readonly redo: RedoBuffer;
  readonly redoLog: RedoLog;
  readonly rulesJournal: RulesJournal;
  readonly quarantine: Quarantine;
  readonly auditNumber: number;
  readonly paneCheckpoint: PaneCheckpoint;
  readonly frontierNumber: number;
  readonly watermarkMs: number | null;
  readonly lastEnd: LastEndStatus | null;
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.after(delayMs, resolve);
  return promise;
}
