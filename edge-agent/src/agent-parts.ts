import { RuleEngine } from "@millrace/detect";
import { BatchQueue } from "@millrace/queue";
import { coarsePaneMs, SeriesWatermarks } from "@millrace/stream";
import { AlarmDesk } from "./actions/alarm-desk.ts";
import { MaintenanceDesk } from "./actions/maintenance-desk.ts";
import { OperatorDesk } from "./actions/operator-desk.ts";
import { RuleOutcomes } from "./actions/rule-outcomes.ts";
import type { AgentOptions } from "./agent-options.ts";
import { ClockGuard } from "./clock-guard.ts";
import { Checkpoints } from "./durability/checkpoints.ts";
import { CommitLoop } from "./durability/commit-loop.ts";
import { DurabilityWaits, LAZY_COMMIT_MS } from "./durability/durability-waits.ts";
import { GroupCommit } from "./durability/group-commit.ts";
import { KeptRecords } from "./durability/kept-records.ts";
import { lastEndStatus } from "./durability/last-end.ts";
import { LossBook } from "./durability/loss-book.ts";
import { PendingChanges } from "./durability/pending-changes.ts";
import { Recovery } from "./durability/recovery.ts";
import { RedoBuffer } from "./durability/redo-entry.ts";
import { StoredFilePositions } from "./durability/stored-file-positions.ts";
import { EvidenceSealer } from "./evidence/evidence-sealer.ts";
import { FlightRecorder } from "./evidence/flight-recorder.ts";
import { Deduplicator } from "./intake/deduplicator.ts";
import { HeldAdmission } from "./intake/held-admission.ts";
import { HeldReadings } from "./intake/held-readings.ts";
import { PipelineReader } from "./intake/pipeline-reader.ts";
import { Quarantine } from "./intake/quarantine.ts";
import { ReadingIntake } from "./intake/reading-intake.ts";
import { Reception } from "./intake/reception.ts";
import { seriesMaxOf } from "./intake/series-registry.ts";
import { SilentSeries } from "./intake/silent-series.ts";
import { Outbox } from "./outbox/outbox.ts";
import { PaneCheckpoint } from "./panes/pane-checkpoint.ts";
import { PaneEmission } from "./panes/pane-emission.ts";
import { PaneSealer } from "./panes/pane-sealer.ts";
import { PANE_ROWS_MAX, PaneTables } from "./panes/pane-tables.ts";
import { WatchedWindows } from "./panes/watched-windows.ts";
import { WindowJudge } from "./panes/window-judge.ts";
import { windowsOfRules, windowsOfRulesMs } from "./panes/windows-of-rules.ts";
import { RunningPipeline } from "./reload/running-pipeline.ts";
import { SparkplugDesk } from "./sparkplug/sparkplug-desk.ts";
import { type AgentStatus, agentStatus } from "./status/agent-status.ts";
import { carryOut } from "./uplink/carry-out.ts";
import { heartbeatContent } from "./uplink/heartbeat-content.ts";
import { LinkEnd } from "./uplink/link-end.ts";
import { RequestDesk } from "./uplink/request-desk.ts";
import { Uplink } from "./uplink/uplink.ts";

/** The link has been down for longer: panes go to backfill, complete ones only. */
const BACKFILL_AFTER_MS = 5_000;
/** Readings in memory that wait for the next commit: far more than a disk that is merely slow lets gather. */
const UNDURABLE_READINGS_MAX = 250_000;
/** From here on files wait: what one turn reads of them, with its position, must find room as a whole. */
const UNDURABLE_READINGS_FOR_FILES_MAX = UNDURABLE_READINGS_MAX / 2;
/** What was held leaves the rest of a metric's open panes to what comes; above half of them all leave. */
const HELD_ROWS_MAX = (PANE_ROWS_MAX * 3) / 4;

export type AgentParts = Awaited<ReturnType<typeof openAgentParts>>;

/**
 * All that an agent is made of, on its store as that was left, and how it hangs together; nothing runs yet. What is used
 * before it is made, is used once the agent runs.
 */
export async function openAgentParts(options: AgentOptions) {
  const { config, pipeline, store, clock, random, log, metrics, compression } = options;
  const { limits } = config;

  // What the store holds.
  const ruleEngine = {
    rules: pipeline.rules,
    actionMaxAgeMs: limits.actionMaxAgeMs,
    maxFutureMs: limits.maxFutureMs,
    windowLagMs: limits.outOfOrdernessMs,
    seriesMax: seriesMaxOf(limits.seriesPerMetricMax),
  };
  const lostMs = { startMs: limits.clockFloorMs, endMs: clock.nowMs() + limits.maxFutureMs };
  const queue = await BatchQueue.open(store, { random, lostMs });
  const recovery = await Recovery.read(store, {
    ruleEngine,
    seriesPerMetricMax: limits.seriesPerMetricMax,
    hasLostCommits: options.hasLostCommits,
    log,
  });
  const { series, ledger, redoLog } = recovery;
  const lastEnd =
    options.lastEnd === undefined ? null : lastEndStatus(options.lastEnd, ledger.totals.received);
  const quarantine = await Quarantine.open(store);

  // Time.
  const guard = new ClockGuard({
    clock,
    maxFutureMs: limits.maxFutureMs,
    floorMs: limits.clockFloorMs,
    durableTimeMs: recovery.durableTimeMs,
  });
  const watermarks = new SeriesWatermarks(limits, recovery.watermarksState);

  // A reading's way into memory.
  const deduplicator = new Deduplicator({
    horizonMs: limits.dedupeHorizonMs,
    keysMax: limits.dedupeKeysMax,
  });
  const held = await HeldReadings.open({
    store,
    steadyMs: () => guard.steadyMs(),
    readingsMax: limits.heldReadingsMax,
    dedupeHorizonMs: limits.dedupeHorizonMs,
    dedupeKeysMax: limits.dedupeKeysMax,
    isDiskLow: () => outbox.room.isDiskLow,
  });
  const rules = new RuleEngine(ruleEngine);
  const tables =
    recovery.layouts === undefined
      ? PaneTables.of(pipeline.metrics, PANE_ROWS_MAX)
      : PaneTables.restore(recovery.layouts, PANE_ROWS_MAX);
  const watched = new WatchedWindows({
    metrics: pipeline.metrics,
    windows: windowsOfRules(pipeline),
    watermarks,
    outOfOrdernessMs: limits.outOfOrdernessMs,
    groupsMax: seriesMaxOf(limits.seriesPerMetricMax),
  });
  const redo = new RedoBuffer();
  const recorder =
    config.recorder === null
      ? null
      : new FlightRecorder({
          ...config.recorder,
          pipeline,
          series,
          clock,
          nowMs: () => guard.nowMs(),
          offer: (evidence) =>
            !outbox.room.isDiskLow &&
            evidence.payload.length <= config.outbox.bytesMax / 2 &&
            sealer.offer(evidence) !== undefined,
        });
  /** What readings change. */
  const memory = {
    clock,
    guard,
    series,
    watermarks,
    deduplicator,
    held,
    rules,
    tables,
    watched,
    ledger,
    redo,
    redoLog,
    recorder,
  };
  const intake = new ReadingIntake({ ...memory, recorder: recorder?.ring ?? null });
  const windowJudge = new WindowJudge(memory);

  // Onto the disk.
  const pending = new PendingChanges();
  const commits: CommitLoop = new CommitLoop({
    store,
    clock,
    random,
    log: log.child("commit"),
    collect: () => groupCommit.collect(),
    committed: (durationMs) => metrics.histogram("millrace_agent_commit_seconds").observe(durationMs / 1000),
    failedForGood: () => {
      log.error("cannot go on: nothing can be made durable any more", { reason: commits.failure });
      options.failedForGood?.();
    },
  });
  const waits = new DurabilityWaits({ clock, commits, redo, ackIntervalMs: config.commit.ackIntervalMs });
  const brokerRecords = new KeptRecords({
    wake: (isUrgent) => (isUrgent ? commits.requestNow() : commits.request(LAZY_COMMIT_MS)),
    committed: () => waits.until({ isUrgent: true }),
  });
  const filePositions = new StoredFilePositions({
    store,
    failure: () => {
      const isFull = redo.rowCount >= UNDURABLE_READINGS_FOR_FILES_MAX;
      const fullness = isFull ? `the store is slow: ${redo.rowCount} readings wait for it` : null;
      return commits.failure ?? fullness;
    },
    push: (change) => pending.push(change),
    durable: (isUrgent) => waits.until({ isUrgent }),
  });

  // Out of the panes, towards central.
  const outbox: Outbox = new Outbox({
    queue,
    clock,
    guard,
    log: log.child("outbox"),
    compression,
    ledger,
    bytesMax: config.outbox.bytesMax,
    retainAckedMs: config.outbox.retainAckedMs,
    freeBytesMin: config.outbox.freeBytesMin,
    freeBytes: () => options.freeBytes?.() ?? null,
    coarseMsOf: (metric, paneMs, levelMs) =>
      coarsePaneMs(
        running.pipeline.windows.filter((window) => window.metric === metric),
        paneMs,
        levelMs,
      ),
    stillHeld: () => admission.stillHeld(),
    wake: () => commits.requestNow(),
    frontierNumber: recovery.frontierNumber,
    watermarkMs: recovery.watermarkMs,
  });
  const paneCheckpoint = new PaneCheckpoint(series);
  const emission = new PaneEmission({
    ...memory,
    metrics: pipeline.metrics,
    outOfOrdernessMs: limits.outOfOrdernessMs,
    rowsMax: PANE_ROWS_MAX / 2,
  });
  const checkpoints = new Checkpoints({
    ...memory,
    intervalMs: config.commit.checkpointIntervalMs,
    redoKeptMs: () => Math.max(limits.dedupeHorizonMs, windowsOfRulesMs(running.pipeline)),
    // Watched windows need the readings themselves, for their time.
    redoRowsMax: () => (windowsOfRulesMs(running.pipeline) > 0 ? Infinity : 2 * limits.dedupeKeysMax),
    paneCheckpoint,
    labelsOf: emission.labelsOf,
    outbox,
    rulesJournal: recovery.rulesJournal,
    push: (change) => pending.push(change),
  });
  const isLinkLive = () => uplink.downForMs < BACKFILL_AFTER_MS;
  const paneSealer = new PaneSealer({
    ...memory,
    emission,
    outbox,
    paneCheckpoint,
    isLinkLive,
    left: () => checkpoints.panesLeft(),
  });
  const lossBook = new LossBook({ ...memory, outbox, queue, limits, log });
  const sealer: EvidenceSealer = new EvidenceSealer({
    agent: config.agent,
    append: (changes, part) => outbox.appendEvidence(changes, part),
    wake: () => commits.requestNow(),
  });

  // What the rules ask for, and people.
  const alarmDesk: AlarmDesk = new AlarmDesk({
    clock,
    log,
    metrics,
    isMeasured: (rule) => reception.reading.measuredRules.has(rule),
    auditNumber: recovery.auditNumber,
    publish: (topic, payload, how) => options.publish(topic, payload, how),
    publishFailed: (commandId) => {
      const time = { nowMs: guard.nowMs(), monotonicMs: clock.monotonicMs() };
      outcomes.handle(rules.onPublishFailed(commandId, time));
    },
    audited: () => commits.request(LAZY_COMMIT_MS),
  });
  const outcomes = new RuleOutcomes({ alarmDesk, recorder, commits });
  const maintenance = new MaintenanceDesk({
    ...memory,
    site: config.site,
    topic: pipeline.maintenance,
    changed: (ended, audit) => {
      alarmDesk.audit(audit);
      outcomes.handle(ended, audit.by);
      checkpoints.rulesChanged();
      commits.requestNow();
    },
  });
  const operators = new OperatorDesk({
    ...memory,
    inputs: config.inputs,
    pipeline: () => running.pipeline,
    alarmDesk,
    outcomes,
    commits,
  });

  // Whatever arrives.
  const sparkplug = new SparkplugDesk({
    config: config.sparkplug,
    pipeline,
    site: config.site,
    clock,
    log: log.child("sparkplug"),
    link: options.sparkplug ?? { command: () => {}, sayOnline: () => {} },
  });
  const reader = new PipelineReader({ ...memory, site: config.site, maintenance, sparkplug });
  const reception: Reception = new Reception({
    ...memory,
    config,
    random,
    log,
    reading: reader.readingOf(pipeline),
    intake,
    quarantine,
    maintenance,
    sparkplug,
    sealer,
    room: outbox.room,
    waits,
    isChoked: () => redo.rowCount >= UNDURABLE_READINGS_MAX,
    onOutcomes: outcomes.handle,
  });
  const admission: HeldAdmission = new HeldAdmission({
    ...memory,
    log,
    maxFutureMs: limits.maxFutureMs,
    // What comes over Kafka tells no time.
    hasWitness: config.uplink.kafka === null,
    intake,
    quarantine,
    isMeasured: (metric) => running.isMeasured(metric),
    hasRoomFor: (readings) => [...tables.all()].every(({ rowCount }) => rowCount + readings <= HELD_ROWS_MAX),
    durable: () => waits.until({ isUrgent: true }),
    over: () => {
      paneSealer.due();
      commits.requestNow();
    },
    lost: (readings) => lossBook.held(pending.next, readings),
  });
  const silent = new SilentSeries({
    ...memory,
    silentMs: Math.max(limits.forgetSilentAfterMs, limits.dedupeHorizonMs),
    watermarkMs: () => outbox.watermarkMs,
  });
  series.makeRoomBy((metric) => silent.makeRoom(metric));
  const running: RunningPipeline = new RunningPipeline({
    ...memory,
    pipeline,
    reader,
    reception,
    emission,
    paneSealer,
    maintenance,
    sparkplug,
    outcomes,
    checkpoints,
    pending,
    waits,
  });

  // The link to central.
  const requestDesk = new RequestDesk((request) =>
    carryOut(request, {
      compression,
      activeAlarms: () => rules.activeAlarms(),
      resetAlarms: (which, by) => operators.resetAlarms(which, by),
      pushPipeline: options.pushPipeline,
    }),
  );
  const linkEnd = new LinkEnd({
    ...memory,
    queue,
    outbox,
    lossBook,
    pending,
    commits,
    isKafka: config.uplink.kafka !== null,
    admission,
    heartbeat: () =>
      heartbeatContent(status(), {
        program: options.program,
        frontier: outbox.frontier(),
        answers: requestDesk.answers,
      }),
  });
  const uplink: Uplink = new Uplink({
    agent: config.agent,
    site: config.site,
    instance: options.instance,
    program: options.program,
    clock,
    random,
    log: log.child("uplink"),
    transport: options.transport,
    queue,
    inFlightBatchesMax: config.uplink.inFlightBatchesMax,
    backfillBytesPerSecond: config.uplink.backfillBytesPerSecond,
    outbox: linkEnd,
    echoed: (roundTripMs) =>
      metrics.histogram("millrace_agent_uplink_round_trip_seconds").observe(roundTripMs / 1000),
    clockTold: (centralMs, roundTripMs) => linkEnd.clockTold(centralMs, roundTripMs),
    requested: (requests) => requestDesk.take(requests),
  });

  // All of them.
  const groupCommit: GroupCommit = new GroupCommit({
    ...memory,
    pending,
    waits,
    quarantine,
    alarmDesk,
    admission,
    paneSealer,
    sealer,
    brokerRecords,
    outbox,
    uplink,
    checkpoints,
    lossBooked: () => options.lossBooked?.(),
  });
  const status = (): AgentStatus =>
    agentStatus({
      ...options,
      ...memory,
      lastEnd,
      queue,
      outbox,
      refusedSeries: reception.refusedSeries,
      maintenance,
      alarmDesk,
      commits,
      quarantine,
      sparkplug,
      uplink,
      isMeasured: (metric) => running.isMeasured(metric),
      pending: () => groupCommit.pendingReadings,
      open: () => paneSealer.openReadings,
    });

  return {
    ...memory,
    recovery,
    lastEnd,
    queue,
    intake,
    windowJudge,
    pending,
    commits,
    waits,
    brokerRecords,
    filePositions,
    outbox,
    paneCheckpoint,
    emission,
    isLinkLive,
    paneSealer,
    lossBook,
    sealer,
    outcomes,
    maintenance,
    operators,
    sparkplug,
    quarantine,
    reception,
    admission,
    running,
    uplink,
    groupCommit,
    status,
  };
}
