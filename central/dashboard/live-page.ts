import { computed, signal } from "@preact/signals";
import type { WindowResult } from "@millrace/stream";
import type { StreamItem } from "./feed/fetch-streams.ts";
import type { AlarmView, Delta, LedgerView, PipelineView, Snapshot } from "./feed/live-frames.ts";
import { ServerClock } from "./feed/server-clock.ts";
import { alarmTransitions } from "./model/alarm-transitions.ts";
import type { AlarmTransition } from "./model/alarm-transitions.ts";
import { applyDelta, stateFromSnapshot } from "./model/live-state.ts";
import type { LiveState } from "./model/live-state.ts";
import { siteSummary } from "./model/site-summary.ts";
import { TrendRing } from "./model/trend-ring.ts";
import { trendSource } from "./model/trend-source.ts";

/** Older data than this is not live any more: central sends at least every second. */
const LAG_MS_MAX = 3_000;
/** Charts on one page; metrics beyond it are in the window table. */
const TRENDS_MAX = 24;
const ANNOUNCEMENTS_MAX = 5;

const NO_PIPELINE: PipelineView = { metrics: [], windows: [] };
const NO_WINDOWS: ReadonlyMap<string, readonly WindowResult[]> = new Map();
const NO_LEDGER: LedgerView = { received: 0, merged: 0, tooLate: 0 };

export type ConnectionState = "connecting" | "live" | "lagging" | "reconnecting";

export interface Trend {
  readonly metric: string;
  readonly unit: string;
  readonly ring: TrendRing;
}

/**
 * What the panels read. Frames always reach the model; they reach the signals, and so the screen, only while the page is
 * neither hidden nor (but for alarms) paused.
 */
export class LivePage {
  readonly #monotonicMs: () => number;
  readonly #clock = new ServerClock();
  #state: LiveState | null = null;
  #trendsOf: readonly Trend[] = [];
  #streams: readonly StreamItem[] = [];
  #isConnected = false;
  #isHidden = false;

  readonly #shown = signal<LiveState | null>(null);
  /** Alarms are never paused: a condition that begins now must be seen now. */
  readonly alarms = signal<readonly AlarmView[]>([]);
  readonly isPaused = signal(false);
  /** Central's time, for ages; it goes on while the page is paused, so that paused data grows old on the screen. */
  readonly nowMs = signal(0);
  readonly connection = signal<ConnectionState>("connecting");
  readonly dataAgeMs = signal(0);
  readonly trends = signal<readonly Trend[]>([]);
  /** Counts up when trends have new values to draw; the time they are drawn at is `trendNowMs`. */
  readonly trendVersion = signal(0);
  readonly trendNowMs = signal(0);
  readonly announcements = signal<readonly AlarmTransition[]>([]);

  /** Of records; as paused as all but alarms. */
  readonly streams = signal<readonly StreamItem[]>([]);

  readonly hasData = computed(() => this.#shown.value !== null);
  readonly pipeline = computed(() => this.#shown.value?.pipeline ?? NO_PIPELINE);
  /** Metrics that are read from streams of records. */
  readonly recordMetrics = computed(
    () =>
      new Set(
        this.pipeline.value.metrics.flatMap(({ name, records }) => (records === undefined ? [] : [name])),
      ),
  );
  readonly hasStreams = computed(() => this.recordMetrics.value.size > 0);
  /** What there is to see of agents: nothing where all data is records, and no agent is expected. */
  readonly hasAgents = computed(() => this.agents.value.length > 0 || !this.hasStreams.value);
  readonly isControlAllowed = computed(() => this.#shown.value?.isControlAllowed ?? false);
  readonly agents = computed(() => this.#shown.value?.agents ?? []);
  readonly windows = computed(() => this.#shown.value?.windows ?? NO_WINDOWS);
  readonly truncatedCount = computed(() => this.#shown.value?.truncatedCount ?? 0);
  readonly ledger = computed(() => this.#shown.value?.ledger ?? NO_LEDGER);
  readonly sites = computed(() => siteSummary(this.agents.value));
  readonly activeAlarms = computed(() =>
    this.alarms.value.filter((alarm) => alarm.isActive && !alarm.isHistorical),
  );
  /** Raised by old or replayed readings, and nothing has said since that they are over: not counted as active now. */
  readonly historicalAlarms = computed(() =>
    this.alarms.value.filter((alarm) => alarm.isActive && alarm.isHistorical),
  );

  /** `monotonicMs`: a clock that is never set, for ages and lag. */
  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  takeSnapshot(snapshot: Snapshot): void {
    this.#clock.observe(snapshot.serverTimeMs, this.#monotonicMs());
    const before = this.#state;
    this.#state = stateFromSnapshot(snapshot);
    this.#renewTrends(this.#state.pipeline);
    for (const trend of this.#trendsOf) trend.ring.forgetRevisions();
    this.#takeWindows(snapshot.windows);
    // Only transitions that this page saw are announced; what was active before it opened is on the list.
    if (before !== null) this.#announce(alarmTransitions(before.alarms, this.#state.alarms));
    this.tick();
  }

  /** False when a frame is missing before this one. */
  takeDelta(delta: Delta): boolean {
    if (this.#state === null) return false;
    this.#clock.observe(delta.serverTimeMs, this.#monotonicMs());
    const after = applyDelta(this.#state, delta);
    if (after === null) return false;
    this.#announce(alarmTransitions(this.#state.alarms, after.alarms));
    this.#state = after;
    this.#takeWindows(delta.windows ?? []);
    this.tick();
    return true;
  }

  takeStreams(streams: readonly StreamItem[]): void {
    this.#streams = streams;
    this.tick();
  }

  setConnected(isConnected: boolean): void {
    this.#isConnected = isConnected;
    this.tick();
  }

  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    this.tick();
  }

  togglePause(): void {
    this.isPaused.value = !this.isPaused.value;
    this.tick();
  }

  /** Brings the screen up to the model and the clock. Called after frames and at least every second. */
  tick(): void {
    if (this.#isHidden) return;
    if (!this.isPaused.value) {
      this.#shown.value = this.#state;
      this.streams.value = this.#streams;
    }
    if (this.#state !== null) this.alarms.value = this.#state.alarms;
    const shown = this.#shown.value;
    const nowMs = this.#clock.nowMs(this.#monotonicMs());
    if (shown === null || nowMs === null || this.#state === null) {
      this.connection.value = "connecting";
      return;
    }
    this.nowMs.value = Math.floor(nowMs / 250) * 250;
    this.dataAgeMs.value = Math.max(0, nowMs - shown.serverTimeMs);
    const frameAgeMs = nowMs - this.#state.serverTimeMs;
    this.connection.value = !this.#isConnected
      ? "reconnecting"
      : frameAgeMs > LAG_MS_MAX
        ? "lagging"
        : "live";
    if (this.isPaused.value) return;
    this.trends.value = this.#trendsOf;
    this.trendNowMs.value = Math.floor(nowMs / 1_000) * 1_000;
    this.trendVersion.value = this.#trendsOf.reduce((sum, trend) => sum + trend.ring.version, 0);
  }

  #announce(transitions: readonly AlarmTransition[]): void {
    if (transitions.length > 0) this.announcements.value = transitions.slice(0, ANNOUNCEMENTS_MAX);
  }

  /** Rings live as long as their window's definition: a reconnect keeps the lines drawn so far. */
  #renewTrends(pipeline: PipelineView): void {
    const held = new Map(this.#trendsOf.map((trend) => [trend.metric, trend]));
    const trends: Trend[] = [];
    for (const metric of pipeline.metrics.slice(0, TRENDS_MAX)) {
      const source = trendSource(pipeline, metric.name);
      if (source === null) continue;
      const before = held.get(metric.name);
      const isSame =
        before !== undefined &&
        before.unit === metric.unit &&
        JSON.stringify(before.ring.window) === JSON.stringify(source);
      trends.push(isSame ? before : { metric: metric.name, unit: metric.unit, ring: new TrendRing(source) });
    }
    const isUnchanged =
      trends.length === this.#trendsOf.length && trends.every((trend, at) => trend === this.#trendsOf[at]);
    if (!isUnchanged) this.#trendsOf = trends;
  }

  #takeWindows(results: Snapshot["windows"]): void {
    for (const trend of this.#trendsOf) {
      for (const result of results) if (result.window === trend.ring.window.name) trend.ring.put(result);
    }
  }
}
