import { type EventTimeMs, type Labels, seriesKey } from "@millrace/stream";
import type { AlarmEvent } from "./alarm-event.ts";
import { endedAlarm } from "./ended-alarm.ts";
import type { LimitCondition, MissingCondition, RuleSpec } from "./rule-spec.ts";

/** A rule on every record of one metric: one alarm for each series that meets the condition. Nothing acts on it. */
export interface RecordRuleSpec extends Omit<RuleSpec, "when" | "window" | "action"> {
  readonly when: RecordCondition;
}

export type RecordCondition = LimitCondition | MissingCondition | ZoneCondition;

/** `isIn`: the series is in one of the zones, an alarm for each; otherwise: in none of them. */
export interface ZoneCondition {
  readonly kind: "zone";
  readonly zones: readonly string[];
  readonly isIn: boolean;
}

export interface WatchedRecord {
  readonly timeMs: EventTimeMs;
  readonly value: number;
  /** Of a metric with zones. */
  readonly zone: string;
  /** The greatest event time of its partition up to and with it: when it came, by the stream's own time. */
  readonly heardAtMs: EventTimeMs;
  /** Too old to tell anybody of. */
  readonly isHistorical: boolean;
}

/** What is known of one series, as plain JSON. */
export interface RecordSeriesState {
  readonly rule: string;
  readonly metric: string;
  readonly kind: RecordCondition["kind"];
  readonly labels: Labels;
  readonly newestMs: EventTimeMs;
  readonly heardAtMs: EventTimeMs;
  /** Since when the limit has been broken, where the alarm has to wait for its time; null: it is not. */
  readonly brokenSinceMs: EventTimeMs | null;
  /** The latest step of the alarm that is active. */
  readonly alarm: AlarmEvent | null;
}

export interface RecordSeries {
  readonly key: string;
  readonly labels: Labels;
  newestMs: EventTimeMs;
  heardAtMs: EventTimeMs;
  brokenSinceMs: EventTimeMs | null;
  alarm: AlarmEvent | null;
}

export interface RecordWatchOptions {
  /** Most series; records of more are not watched, and counted. */
  readonly seriesMax: number;
}

/** A series that has not been heard for so long is forgotten, and its alarm ends. */
const FORGOTTEN_AFTER_MS = 30 * 86_400_000;

/**
 * Judges records as they come. What a series is, its newest record says: one that is not newer changes no limit and no zone, and is a
 * sign of life all the same. Silence is measured in the stream's own time, so that a backlog is judged as it would have
 * been when it was new, however fast it is read and wherever batches are cut.
 *
 * Whoever stores what `takeChanged` gives with the position of the records goes on, after a crash, as if never interrupted.
 */
export class RecordWatch {
  readonly rule: RecordRuleSpec;
  readonly #seriesMax: number;
  readonly #series = new Map<string, RecordSeries>();
  /** A key without series: forgotten. */
  readonly #changed = new Set<string>();
  #events: AlarmEvent[] = [];
  #overLimitCount = 0;
  /** Nobody is overdue before this, by the stream's time. */
  #dueAtMs = Infinity;
  #sweepAtMs = -Infinity;

  constructor(rule: RecordRuleSpec, { seriesMax }: RecordWatchOptions) {
    this.rule = rule;
    this.#seriesMax = seriesMax;
  }

  get seriesCount(): number {
    return this.#series.size;
  }

  /** Records of series beyond `seriesMax`. */
  get overLimitCount(): number {
    return this.#overLimitCount;
  }

  restore({ labels, newestMs, heardAtMs, brokenSinceMs, alarm }: RecordSeriesState): void {
    const key = seriesKey(this.rule.metric, labels);
    this.#series.set(key, { key, labels, newestMs, heardAtMs, brokenSinceMs, alarm });
    this.#dueAtMs = Math.min(this.#dueAtMs, this.#overdueAtMs(heardAtMs));
  }

  /** The series with these labels, to be shown its records; null where there are too many. */
  seriesOf(labels: Labels): RecordSeries | null {
    const key = seriesKey(this.rule.metric, labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= this.#seriesMax) return null;
    const series = {
      key,
      labels,
      newestMs: -Infinity,
      heardAtMs: -Infinity,
      brokenSinceMs: null,
      alarm: null,
    };
    this.#series.set(key, series);
    return series;
  }

  /** A record of a series, in order of arrival; null: of one too many. */
  observe(series: RecordSeries | null, record: WatchedRecord): void {
    if (series === null) {
      this.#overLimitCount += 1;
      return;
    }
    // Forgotten while whoever shows records still held it.
    if (this.#series.get(series.key) !== series) this.#series.set(series.key, series);
    this.#changed.add(series.key);
    const { when } = this.rule;
    if (when.kind === "missing") this.#hear(series, record);
    else if (record.timeMs > series.newestMs) {
      if (when.kind === "zone") this.#locate(series, record, when);
      else this.#measure(series, record, when);
    }
    series.newestMs = Math.max(series.newestMs, record.timeMs);
    series.heardAtMs = Math.max(series.heardAtMs, record.heardAtMs);
    this.#dueAtMs = Math.min(this.#dueAtMs, this.#overdueAtMs(series.heardAtMs));
  }

  /** Time alone has passed: `timeMs` is the stream's. */
  tick(timeMs: EventTimeMs, isHistorical: boolean): void {
    if (timeMs >= this.#sweepAtMs) this.#sweep(timeMs);
    if (timeMs <= this.#dueAtMs) return;
    this.#dueAtMs = Infinity;
    for (const series of this.#series.values()) {
      if (series.alarm !== null) continue;
      if (timeMs > this.#overdueAtMs(series.heardAtMs)) this.#raiseSilence(series, timeMs, isHistorical);
      else this.#dueAtMs = Math.min(this.#dueAtMs, this.#overdueAtMs(series.heardAtMs));
    }
  }

  /** Steps since the last call, in their order. */
  takeEvents(): AlarmEvent[] {
    return this.#events.splice(0);
  }

  /** By key what has changed since the last call; null: forgotten. */
  *takeChanged(): Generator<readonly [key: string, state: RecordSeriesState | null]> {
    const { name: rule, metric, when } = this.rule;
    for (const key of this.#changed) {
      const series = this.#series.get(key);
      if (series === undefined) yield [key, null];
      else {
        const { labels, newestMs, heardAtMs, brokenSinceMs, alarm } = series;
        yield [key, { rule, metric, kind: when.kind, labels, newestMs, heardAtMs, brokenSinceMs, alarm }];
      }
    }
    this.#changed.clear();
  }

  #hear(series: RecordSeries, { heardAtMs, isHistorical }: WatchedRecord): void {
    if (series.alarm === null && heardAtMs > this.#overdueAtMs(series.heardAtMs))
      this.#raiseSilence(series, heardAtMs, isHistorical);
    if (series.alarm === null || heardAtMs <= series.alarm.activeAtMs) return;
    this.#clear(series, heardAtMs, (heardAtMs - series.heardAtMs) / 1_000);
  }

  #raiseSilence(series: RecordSeries, timeMs: EventTimeMs, isHistorical: boolean): void {
    const activeAtMs = this.#overdueAtMs(series.heardAtMs);
    const silentS = (timeMs - series.heardAtMs) / 1_000;
    const limit = (activeAtMs - series.heardAtMs) / 1_000;
    this.#raise(series, { activeAtMs, value: silentS, limit, labels: series.labels, isHistorical });
  }

  #locate(series: RecordSeries, record: WatchedRecord, { zones, isIn }: ZoneCondition): void {
    const { timeMs, zone, isHistorical } = record;
    const isMet = zones.includes(zone) === isIn;
    // Each zone that it comes into is an alarm of its own; where it must be in one, all others are alike.
    if (series.alarm !== null && (!isMet || (isIn && zone !== series.alarm.labels["zone"])))
      this.#clear(series, timeMs, 0);
    if (!isMet || series.alarm !== null) return;
    const labels = { ...series.labels, zone };
    this.#raise(series, { activeAtMs: timeMs, value: 1, limit: 1, labels, isHistorical });
  }

  #measure(series: RecordSeries, { timeMs, value, isHistorical }: WatchedRecord, when: LimitCondition): void {
    const { limit, clear, forAtLeastMs } = when;
    const side = when.kind === "above" ? 1 : -1;
    if (series.alarm !== null) {
      const isNormal = clear === limit ? side * value <= side * limit : side * value < side * clear;
      if (isNormal) this.#clear(series, timeMs, value);
      return;
    }
    if (side * value <= side * limit) {
      series.brokenSinceMs = null;
      return;
    }
    series.brokenSinceMs ??= timeMs;
    if (timeMs - series.brokenSinceMs < forAtLeastMs) return;
    series.brokenSinceMs = null;
    this.#raise(series, { activeAtMs: timeMs, value, limit, labels: series.labels, isHistorical });
  }

  #raise(
    series: RecordSeries,
    facts: Pick<AlarmEvent, "activeAtMs" | "value" | "limit" | "labels" | "isHistorical">,
  ): void {
    const { name: rule, metric, severity, message, unit } = this.rule;
    const { activeAtMs } = facts;
    series.alarm = {
      id: `${rule}:${series.key}:${activeAtMs}`,
      step: 1,
      rule,
      metric,
      severity,
      isActive: true,
      isLatched: false,
      clearedAtMs: null,
      timeMs: activeAtMs,
      action: "none",
      command: null,
      message,
      ...(unit === undefined ? {} : { unit }),
      ...facts,
    };
    this.#changed.add(series.key);
    this.#events.push(series.alarm);
  }

  #clear(series: RecordSeries, timeMs: EventTimeMs, value: number): void {
    if (series.alarm === null) return;
    this.#events.push(endedAlarm(series.alarm, timeMs, { value }));
    series.alarm = null;
  }

  #sweep(timeMs: EventTimeMs): void {
    this.#sweepAtMs = timeMs + FORGOTTEN_AFTER_MS / 30;
    for (const series of this.#series.values()) {
      if (timeMs - series.heardAtMs <= FORGOTTEN_AFTER_MS) continue;
      if (series.alarm !== null) this.#clear(series, timeMs, series.alarm.value);
      this.#series.delete(series.key);
      this.#changed.add(series.key);
    }
  }

  #overdueAtMs(heardAtMs: EventTimeMs): number {
    const { when } = this.rule;
    // One that was never heard is not missed.
    if (when.kind !== "missing" || heardAtMs === -Infinity) return Infinity;
    return heardAtMs + when.forMs + when.forAtLeastMs;
  }
}
