import { labelsKey, seriesKey } from "@millrace/stream";
import type { Labels, Reading } from "@millrace/stream";
import type { AlarmEvent } from "./alarm-event.ts";
import { AlarmLifeCycle } from "./alarm-life-cycle.ts";
import type { AlarmState, Evidence } from "./alarm-life-cycle.ts";
import { LimitDetector, TRANSITION } from "./limit-detector.ts";
import type { DetectorState, Transition } from "./limit-detector.ts";
import { NOTHING } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { RuleSpec } from "./rule-spec.ts";
import { topicFilter } from "./topic-template.ts";

/** Default of `maxFutureMs`. */
const FUTURE_MS_MAX = 5000;

export interface RuleEngineOptions {
  readonly rules: readonly RuleSpec[];
  /** A reading older than this on arrival makes a historical alarm; one that is out of order by no more still raises. */
  readonly actionMaxAgeMs: number;
  /** A series' newest time further ahead of the clock than this mutes nothing. Default 5 s. */
  readonly maxFutureMs?: number;
  /** Most series that one rule watches; those beyond are counted as `series_over_limit` and not watched. */
  readonly seriesMax: number;
}

export type RuleReading = Pick<Reading, "metric" | "labels" | "timeMs" | "value" | "quality">;

/** How a reading came. */
export interface ArrivalFacts {
  /** Agent's wall clock, ms. */
  readonly nowMs: number;
  /** Monotonic clock: now, and when the reading came in. Their difference is the latency that the alarm reports. */
  readonly monotonicMs: number;
  readonly arrivedMonotonicMs: number;
  /** A stored message delivered to a new subscription. */
  readonly isRetained: boolean;
  /** From the redo log after a restart, or from a recording. */
  readonly isReplayed: boolean;
}

export interface Confirmation {
  readonly topic: string;
  /** UTF-8 text. */
  readonly payload: Uint8Array;
  /** A retained answer is an old one: it confirms nothing. */
  readonly isRetained: boolean;
}

/** The engine's whole state, as plain JSON, for checkpoints. Series are named by their labels, not by their index. */
export interface RuleEngineState {
  readonly version: 1;
  readonly series: readonly SeriesRuleState[];
  readonly alarms: readonly AlarmState[];
}

export interface SeriesRuleState {
  readonly rule: string;
  readonly labels: Labels;
  readonly detector: DetectorState;
  readonly lastActivation: Activation | null;
}

/** Makes ids unique where one series is raised twice in the same millisecond, or time goes back. */
interface Activation {
  /** The greatest so far. */
  readonly atMs: number;
  /** How many activations were not later than the greatest before them. */
  readonly repeat: number;
}

/**
 * All rules over all series. Pure: the same calls give the same outcomes, ids included. A reading that changes nothing
 * returns `NOTHING` and allocates nothing.
 *
 * Call `onTick` at `wakeAtMs`, or regularly: retries are late by as much as it is.
 */
export class RuleEngine {
  readonly #options: RuleEngineOptions;
  readonly #tables: readonly RuleTable[];
  readonly #byMetric = new Map<string, RuleTable[]>();
  readonly #alarms = new Map<string, AlarmPlace>();
  /** By the topic on which an answer is awaited. */
  readonly #awaiting = new Map<string, Set<AlarmPlace>>();
  readonly #withDeadline = new Set<AlarmPlace>();
  #wakeAtMs: number | null = null;
  #seriesOverLimitCount = 0;

  constructor(options: RuleEngineOptions) {
    this.#options = options;
    this.#tables = options.rules.map((rule) => new RuleTable(rule, options));
    const names = new Set<string>();
    for (const table of this.#tables) {
      if (names.has(table.rule.name)) throw new Error(`cannot make rules: two are named ${table.rule.name}`);
      names.add(table.rule.name);
      const tables = this.#byMetric.get(table.rule.metric);
      if (tables === undefined) this.#byMetric.set(table.rule.metric, [table]);
      else tables.push(table);
    }
  }

  /** When `onTick` is due, wall clock ms; may be early, never late. Null when nothing waits. */
  get wakeAtMs(): number | null {
    return this.#wakeAtMs;
  }

  /** Whether any rule looks at this metric. */
  watches(metric: string): boolean {
    return this.#byMetric.has(metric);
  }

  /**
   * @param seriesIndex the caller's number for this series (metric and labels); small, and never given to another series
   *   of the same metric. Series are expected to be numbered densely: memory grows with the greatest number.
   */
  onReading(seriesIndex: number, reading: RuleReading, arrival: ArrivalFacts): readonly Outcome[] {
    const tables = this.#byMetric.get(reading.metric);
    if (tables === undefined) return NOTHING;
    let out: Outcome[] | null = null;
    const isGood = reading.quality === "good";
    for (let i = 0; i < tables.length; i++) {
      const table = tables[i];
      let slot = table.slotOf(seriesIndex);
      if (slot < 0) {
        slot = table.admit(seriesIndex, reading.labels, this.#options.seriesMax);
        if (slot < 0) {
          this.#seriesOverLimitCount++;
          continue;
        }
      }
      const transition = table.detector.observe(slot, reading.value, reading.timeMs, isGood, arrival.nowMs);
      if (transition === TRANSITION.none || transition === TRANSITION.late) continue;
      if (transition === TRANSITION.met && table.alarms[slot]?.alarm.isAwaitingEligible !== true) continue;
      out ??= [];
      this.#apply(table, slot, transition, evidenceOf(reading, arrival, this.#options.actionMaxAgeMs), out);
    }
    return out === null ? NOTHING : out;
  }

  /** For every message that arrives: a look-up where no answer is awaited on its topic. */
  onConfirmation(confirmation: Confirmation, nowMs: number): readonly Outcome[] {
    const places = this.#awaiting.get(confirmation.topic);
    if (places === undefined || confirmation.isRetained) return NOTHING;
    const out: Outcome[] = [];
    const text = new TextDecoder().decode(confirmation.payload);
    for (const place of inOrder(places)) {
      place.alarm.onConfirmation(text, nowMs, out);
      this.#settle(place);
    }
    return out;
  }

  /** The agent could not hand over a command. */
  onPublishFailed(commandId: string, nowMs: number): readonly Outcome[] {
    const place = this.#alarms.get(commandId.slice(0, commandId.lastIndexOf(".")));
    if (place === undefined || place.alarm.commandId !== commandId) return NOTHING;
    const out: Outcome[] = [];
    place.alarm.onPublishFailed(nowMs, out);
    this.#settle(place);
    return out;
  }

  onTick(nowMs: number): readonly Outcome[] {
    if (this.#withDeadline.size === 0) {
      this.#wakeAtMs = null;
      return NOTHING;
    }
    const out: Outcome[] = [];
    this.#wakeAtMs = null;
    for (const place of inOrder(this.#withDeadline)) {
      const validForMs = place.table.rule.action?.validForMs ?? 0;
      place.alarm.onTick(nowMs, Math.max(validForMs, this.#options.actionMaxAgeMs), out);
      this.#settle(place);
    }
    return out;
  }

  /** Ends latched alarms whose condition is back to normal: the one with this id, or "all". No outcomes where there is none. */
  reset(which: string, nowMs: number): readonly Outcome[] {
    const places = which === "all" ? [...this.#alarms.values()] : [this.#alarms.get(which)];
    const out: Outcome[] = [];
    for (const place of places) {
      if (place === undefined) continue;
      place.alarm.reset(nowMs, out);
      this.#settle(place);
    }
    return out;
  }

  /** Those that are active, and those back to normal whose command is still unanswered. */
  activeAlarms(): readonly AlarmEvent[] {
    return [...this.#alarms.values()].map((place) => place.alarm.event());
  }

  /** MQTT filters on which confirmations come; no duplicates. */
  confirmationTopics(): readonly string[] {
    const confirms = this.#options.rules.flatMap((rule) => rule.action?.confirm ?? []);
    return [...new Set(confirms.map((confirm) => topicFilter(confirm.topic)))];
  }

  counts(): Readonly<Record<string, number>> {
    let late = 0;
    for (const table of this.#tables) late += table.detector.lateCount;
    return { late, series_over_limit: this.#seriesOverLimitCount, alarms: this.#alarms.size };
  }

  export(): RuleEngineState {
    return {
      version: 1,
      series: this.#tables.flatMap((table) => table.export()),
      alarms: [...this.#alarms.values()].map((place) => place.alarm.export()),
    };
  }

  /**
   * Takes over an exported state; only into an engine that has seen no reading. Alarms of rules that no longer exist end,
   * and the outcomes say so.
   */
  restore(state: RuleEngineState): readonly Outcome[] {
    const tables = new Map(this.#tables.map((table) => [table.rule.name, table]));
    for (const series of state.series) tables.get(series.rule)?.restore(series);
    const out: Outcome[] = [];
    for (const saved of state.alarms) {
      const { event } = saved;
      const table = tables.get(event.rule);
      if (table === undefined || table.rule.metric !== event.metric) {
        const ended: AlarmEvent = { ...event, step: event.step + 1, isActive: false, isLatched: false };
        out.push({ type: "event", event: ended, isActionStep: saved.loop !== null });
        continue;
      }
      const slot = table.slotByLabels(event.labels);
      const place: AlarmPlace = {
        alarm: AlarmLifeCycle.restore(table.rule, saved),
        table,
        slot,
        awaitedTopic: null,
      };
      table.alarms[slot] = place;
      this.#alarms.set(event.id, place);
      this.#settle(place);
    }
    return out;
  }

  #apply(table: RuleTable, slot: number, transition: Transition, evidence: Evidence, out: Outcome[]): void {
    let place = table.alarms[slot];
    if (transition === TRANSITION.raised) {
      if (place === undefined) {
        const labels = table.labels[slot];
        const alarm = new AlarmLifeCycle(table.rule, table.nextId(slot, evidence.timeMs), labels);
        place = { alarm, table, slot, awaitedTopic: null };
        table.alarms[slot] = place;
        this.#alarms.set(alarm.id, place);
      }
      place.alarm.raise(evidence, out);
    } else if (transition === TRANSITION.cleared) {
      place?.alarm.clear(evidence, out);
    } else {
      place?.alarm.meet(evidence, out);
    }
    if (place !== undefined) this.#settle(place);
  }

  /** Brings the indexes in line with an alarm that may have changed; forgets it when it is over. */
  #settle(place: AlarmPlace): void {
    const { alarm } = place;
    const isOver = alarm.isOver;
    const topic = isOver ? null : alarm.awaitedTopic;
    if (topic !== place.awaitedTopic) {
      this.#stopAwaiting(place);
      place.awaitedTopic = topic;
      if (topic !== null) {
        const places = this.#awaiting.get(topic);
        if (places === undefined) this.#awaiting.set(topic, new Set([place]));
        else places.add(place);
      }
    }
    const deadlineMs = alarm.deadlineMs;
    if (deadlineMs === null) this.#withDeadline.delete(place);
    else {
      this.#withDeadline.add(place);
      if (this.#wakeAtMs === null || deadlineMs < this.#wakeAtMs) this.#wakeAtMs = deadlineMs;
    }
    if (isOver) {
      this.#alarms.delete(alarm.id);
      place.table.alarms[place.slot] = undefined;
    }
  }

  #stopAwaiting(place: AlarmPlace): void {
    if (place.awaitedTopic === null) return;
    const places = this.#awaiting.get(place.awaitedTopic);
    places?.delete(place);
    if (places?.size === 0) this.#awaiting.delete(place.awaitedTopic);
  }
}

/** An alarm and where it stands. */
interface AlarmPlace {
  readonly alarm: AlarmLifeCycle;
  readonly table: RuleTable;
  readonly slot: number;
  awaitedTopic: string | null;
}

/** The earliest deadline first: an order that a restored engine has, too. A copy, so that alarms may leave the set meanwhile. */
function inOrder(places: Iterable<AlarmPlace>): AlarmPlace[] {
  return [...places].toSorted(
    ({ alarm: a }, { alarm: b }) => (a.deadlineMs ?? 0) - (b.deadlineMs ?? 0) || (a.id < b.id ? -1 : 1),
  );
}

/** One rule with its series: each has a slot, found by the caller's index or, after a restore, by its labels. */
class RuleTable {
  readonly rule: RuleSpec;
  readonly detector: LimitDetector;
  readonly labels: Labels[] = [];
  readonly alarms: (AlarmPlace | undefined)[] = [];
  readonly #lastActivation: (Activation | undefined)[] = [];
  readonly #slotByKey = new Map<string, number>();
  /** By the caller's index; -1 where it is not known yet. */
  #slotByIndex = new Int32Array(0);

  constructor(rule: RuleSpec, options: RuleEngineOptions) {
    this.rule = rule;
    this.detector = new LimitDetector(rule.when, {
      raiseLateMsMax: options.actionMaxAgeMs,
      futureMsMax: options.maxFutureMs ?? FUTURE_MS_MAX,
    });
  }

  slotOf(seriesIndex: number): number {
    return seriesIndex < this.#slotByIndex.length ? this.#slotByIndex[seriesIndex] : -1;
  }

  /** Gives the series a slot; -1 when there are `seriesMax` already. */
  admit(seriesIndex: number, labels: Labels, seriesMax: number): number {
    if (!this.#slotByKey.has(labelsKey(labels)) && this.labels.length >= seriesMax) return -1;
    const slot = this.slotByLabels(labels);
    if (seriesIndex >= this.#slotByIndex.length) {
      const grown = new Int32Array(Math.max(64, (seriesIndex + 1) * 2)).fill(-1);
      grown.set(this.#slotByIndex);
      this.#slotByIndex = grown;
    }
    this.#slotByIndex[seriesIndex] = slot;
    return slot;
  }

  slotByLabels(labels: Labels): number {
    const key = labelsKey(labels);
    const known = this.#slotByKey.get(key);
    if (known !== undefined) return known;
    const slot = this.labels.length;
    this.labels.push(labels);
    this.#slotByKey.set(key, slot);
    return slot;
  }

  /** From rule, series and time alone, so that a replay gives the same id. */
  nextId(slot: number, atMs: number): string {
    const last = this.#lastActivation[slot];
    const isNewest = last === undefined || atMs > last.atMs;
    const repeat = (last?.repeat ?? 0) + (isNewest ? 0 : 1);
    this.#lastActivation[slot] = { atMs: isNewest ? atMs : last.atMs, repeat };
    const series = hash53(seriesKey(this.rule.metric, this.labels[slot])).toString(36);
    return `${this.rule.name}-${series}-${atMs.toString(36)}${isNewest ? "" : `-${repeat}`}`;
  }

  export(): SeriesRuleState[] {
    return this.labels.flatMap((labels, slot) => {
      const detector = this.detector.state(slot);
      if (detector === null) return [];
      return [{ rule: this.rule.name, labels, detector, lastActivation: this.#lastActivation[slot] ?? null }];
    });
  }

  restore(state: SeriesRuleState): void {
    const slot = this.slotByLabels(state.labels);
    this.detector.restore(slot, state.detector);
    this.#lastActivation[slot] = state.lastActivation ?? undefined;
  }
}

function evidenceOf(reading: RuleReading, arrival: ArrivalFacts, actionMaxAgeMs: number): Evidence {
  return {
    timeMs: reading.timeMs,
    value: reading.value,
    isEligible:
      reading.quality === "good" &&
      !arrival.isRetained &&
      !arrival.isReplayed &&
      arrival.nowMs - reading.timeMs <= actionMaxAgeMs,
    nowMs: arrival.nowMs,
    latencyMs: arrival.monotonicMs - arrival.arrivedMonotonicMs,
  };
}

/** 53-bit hash of a text (cyrb53, public domain): names series in ids, protects nothing. */
function hash53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
