import type { AgentConfig } from "@millrace/config";
import type { AlarmEvent, Maintenance, RuleEngine } from "@millrace/detect";
import type { BatchQueue } from "@millrace/queue";
import type { Clock } from "@millrace/runtime";
import { type Labels, LANES, type SeriesWatermarks } from "@millrace/stream";
import type { AlarmDesk } from "../actions/alarm-desk.ts";
import type { MaintenanceDesk } from "../actions/maintenance-desk.ts";
import type { ClockGuard } from "../clock-guard.ts";
import type { CommitLoop } from "../durability/commit-loop.ts";
import type { FlightRecorder, RecorderStatus } from "../evidence/flight-recorder.ts";
import type { LastEndStatus } from "../durability/last-end.ts";
import type { Deduplicator } from "../intake/deduplicator.ts";
import type { HeldReadings } from "../intake/held-readings.ts";
import type { Quarantine } from "../intake/quarantine.ts";
import type { RefusedSeries, RefusedSeriesStatus } from "../intake/refused-series.ts";
import type { SeriesRegistry } from "../intake/series-registry.ts";
import type { Ledger } from "../ledger.ts";
import type { CoarsenedBacklog } from "../outbox/backlog-coarsener.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { WatchedWindows } from "../panes/watched-windows.ts";
import type { ConfigurationStatus } from "../reload/configuration-status.ts";
import type { SparkplugDesk, SparkplugStatus } from "../sparkplug/sparkplug-desk.ts";
import type { Uplink } from "../uplink/uplink.ts";

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
  /** Series known, by metric of the pipeline that runs. */
  readonly series: Readonly<Record<string, number>>;
  /** By metric: how many silent ones have made room for others, since the start. */
  readonly seriesForgotten: Readonly<Record<string, number>>;
  /** By metric: who wanted more series than it may have, since the start. */
  readonly refusedSeries: Readonly<Record<string, RefusedSeriesStatus>>;
  readonly watermarkMs: number | null;
  /** The series that the watermark waits for; null where all are idle. */
  readonly watermarkHeldBy: {
    readonly metric: string;
    readonly labels: Labels;
    readonly idleInMs: number;
  } | null;
  readonly clock: {
    readonly isSynchronised: boolean;
    /** Central has agreed with it since the start. */
    readonly isProven: boolean;
    /** The agent's best knowledge of now: not the wall clock, where that is behind what it has heard. */
    readonly nowMs: number;
    /** By which maintenance ends: no jump of the wall clock moves it. */
    readonly steadyMs: number;
    /** What the gateway's own clock shows, right or wrong. */
    readonly wallMs: number;
  };
  /** Series whose sensors' clocks are further ahead than `limits.maxFuture`, or behind than `limits.actionMaxAge`. */
  readonly sensorClocks: {
    readonly ahead: number;
    readonly behind: number;
    /** The furthest, at most three. */
    readonly most: readonly { readonly metric: string; readonly labels: Labels; readonly aheadMs: number }[];
  };
  /** Readings ahead of a clock that is not proven: they wait until it is. */
  readonly held: {
    readonly readings: number;
    readonly series: number;
    readonly bytes: number;
    /** The series that hold the most, at most three; `metric` is empty where damage has taken its name. */
    readonly most: readonly { readonly metric: string; readonly labels: Labels; readonly readings: number }[];
  };
  readonly alarms: readonly AlarmEvent[];
  /** What rules did not see, since the start: all of it is in panes all the same. */
  readonly rules: ReturnType<RuleEngine["counts"]> & {
    /** Readings that windows of rules had no room for. */
    readonly windowsRefused: number;
  };
  readonly maintenance: readonly Maintenance[];
  /** Of the last commands of this run, arrival of the reading to the hand-over, ms; null before the first. */
  readonly actionLatency: ReturnType<AlarmDesk["latency"]>;
  /** Of each broker, once a command went out. */
  readonly commands: ReturnType<AlarmDesk["deliveries"]["list"]>;
  readonly store: {
    readonly failure: string | null;
    /** Of the run before; null where no store tells. */
    readonly lastEnd: LastEndStatus | null;
  };
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
    /** What was made coarser for want of room since the start, of which event time; null where nothing was. */
    readonly coarsened: CoarsenedBacklog | null;
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

/** What the status is read from. */
export interface AgentStatusSources {
  readonly config: AgentConfig;
  readonly clock: Clock;
  readonly queue: BatchQueue;
  readonly outbox: Outbox;
  readonly ledger: Ledger;
  readonly guard: ClockGuard;
  readonly series: SeriesRegistry;
  readonly refusedSeries: RefusedSeries;
  readonly watermarks: SeriesWatermarks;
  readonly rules: RuleEngine;
  readonly watched: WatchedWindows;
  readonly maintenance: MaintenanceDesk;
  readonly alarmDesk: AlarmDesk;
  readonly commits: CommitLoop;
  readonly quarantine: Quarantine;
  readonly recorder: FlightRecorder | null;
  readonly deduplicator: Deduplicator;
  readonly held: HeldReadings;
  readonly sparkplug: SparkplugDesk;
  readonly uplink: Uplink;
  readonly lastEnd: LastEndStatus | null;
  readonly configuration?: () => ConfigurationStatus;
  readonly freeBytes?: () => number | null;
  unavailableSensors(): Readonly<Record<string, string>>;
  /** The pipeline that runs has this metric. */
  isMeasured(metric: string): boolean;
  /** Readings that no commit has made durable. */
  pending(): number;
  /** Readings in panes. */
  open(): number;
}

const SERIES_SHOWN_MAX = 3;

/** Everything that `millrace-agent status` and the status page show. */
export function agentStatus(sources: AgentStatusSources): AgentStatus {
  const { config, queue, ledger, guard, outbox, quarantine, deduplicator } = sources;
  return {
    agent: config.agent,
    site: config.site,
    storeId: queue.storeId,
    epoch: queue.epoch,
    ledger: {
      ...ledger.totals,
      pending: sources.pending(),
      open: sources.open(),
      queued: queue.queuedReadings,
    },
    link: linkStatus(sources),
    lanes: Object.fromEntries(LANES.map((lane) => [lane, queue.lane(lane)] as const)),
    series: seriesStatus(sources),
    seriesForgotten: sources.series.forgottenByMetric(),
    refusedSeries: sources.refusedSeries.status(),
    watermarkMs: outbox.watermarkMs,
    watermarkHeldBy: watermarkHeldBy(sources),
    clock: {
      isSynchronised: guard.isSynchronised,
      isProven: guard.isProven,
      nowMs: guard.nowMs(),
      steadyMs: guard.steadyMs(),
      wallMs: sources.clock.nowMs(),
    },
    sensorClocks: sensorClocks(sources),
    held: heldStatus(sources),
    alarms: sources.rules.activeAlarms(),
    rules: { ...sources.rules.counts(), windowsRefused: sources.watched.refusedCount },
    maintenance: sources.maintenance.list(),
    actionLatency: sources.alarmDesk.latency(),
    commands: sources.alarmDesk.deliveries.list(),
    store: { failure: sources.commits.failure ?? null, lastEnd: sources.lastEnd },
    disk: diskStatus(sources),
    unavailableSensors: sources.unavailableSensors(),
    quarantine: quarantine.recent(),
    quarantineCount: quarantine.count,
    recorder: sources.recorder?.status() ?? null,
    dedupe: { keys: deduplicator.keyCount, forgotten: deduplicator.forgottenCount },
    configuration: sources.configuration?.() ?? null,
    sparkplug: sources.sparkplug.status(),
  };
}

/** A link that is up and says nothing but heartbeats has a reason too. */
function linkStatus({ uplink, outbox, queue, commits }: AgentStatusSources): AgentStatus["link"] {
  const link = uplink.status();
  if (!uplink.isUp || outbox.isEpochDurable) return link;
  const failure = commits.failure ?? "a commit is under way";
  return { ...link, reason: `batches wait until the disk holds epoch ${queue.epoch}: ${failure}` };
}

function diskStatus({ outbox, freeBytes }: AgentStatusSources): AgentStatus["disk"] {
  const { room, bytesPerHour } = outbox;
  return {
    freeBytes: freeBytes?.() ?? null,
    isLow: room.isDiskLow,
    bytesLeft: room.bytesLeft,
    bytesPerHour,
    hoursLeft: bytesPerHour === null || bytesPerHour === 0 ? null : room.bytesLeft / bytesPerHour,
    coarsened: room.coarsened,
  };
}

function watermarkHeldBy({ watermarks, guard, series }: AgentStatusSources): AgentStatus["watermarkHeldBy"] {
  const held = watermarks.heldBy(guard.steadyMs());
  if (held === null) return null;
  const { metric, labels } = series.get(held.series);
  return { metric, labels, idleInMs: held.idleInMs };
}

function seriesStatus({ series, isMeasured }: AgentStatusSources): AgentStatus["series"] {
  return Object.fromEntries(Object.entries(series.countByMetric()).filter(([metric]) => isMeasured(metric)));
}

function sensorClocks({ guard, clock, config, series }: AgentStatusSources): AgentStatus["sensorClocks"] {
  const { maxFutureMs, actionMaxAgeMs } = config.limits;
  const off = guard.sensors.off(
    { nowMs: guard.nowMs(), monotonicMs: clock.monotonicMs() },
    { aheadMsMax: maxFutureMs, behindMsMax: actionMaxAgeMs },
  );
  const ahead = off.filter(({ aheadMs }) => aheadMs > 0).length;
  const most = off.slice(0, SERIES_SHOWN_MAX).map(({ series: index, aheadMs }) => {
    const { metric, labels } = series.get(index);
    return { metric, labels, aheadMs };
  });
  return { ahead, behind: off.length - ahead, most };
}

function heldStatus({ held, series }: AgentStatusSources): AgentStatus["held"] {
  const most = held.most(SERIES_SHOWN_MAX).map(({ series: index, readings }) => {
    const { metric, labels } = series.has(index) ? series.get(index) : { metric: "", labels: {} };
    return { metric, labels, readings };
  });
  return { readings: held.count, series: held.seriesCount, bytes: held.bytes, most };
}
