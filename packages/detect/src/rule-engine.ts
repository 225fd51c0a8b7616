import { type Labels, type Reading, type ReadingColumns, seriesKey } from "@millrace/stream";
import type { ActionTime } from "./action-loop.ts";
import type { AlarmEvent, EndReason } from "./alarm-event.ts";
import { AlarmLifeCycle } from "./alarm-life-cycle.ts";
import type { AlarmState, AlarmSurroundings, Evidence, TickTime } from "./alarm-life-cycle.ts";
import { AwakeClock } from "./awake-clock.ts";
import type { InterlockState } from "./command-interlock.ts";
import { type ObservedArrival, type ObservedRun, TRANSITION, type Transition } from "./detector.ts";
import { hasLabels, type Maintenance, MaintenanceBook, type MaintenanceState } from "./maintenance-book.ts";
import { NOTHING } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { RuleEngineChanges, SeriesChange } from "./rule-engine-changes.ts";
import { ruleInput, type RuleSpec } from "./rule-spec.ts";
import { type AlarmPlace, RuleTable, type SeriesRuleState } from "./rule-table.ts";
import { breaksLimit } from "./breaks-limit.ts";
import { expandTopic, topicFilter } from "./topic-template.ts";

const NONE_EXPIRED: readonly Maintenance[] = Object.freeze([]);

/** Default of `maxFutureMs`. */
const FUTURE_MS_MAX = 5000;

export interface RuleEngineOptions {
  readonly rules: readonly RuleSpec[];
  /** A reading older than this on arrival makes a historical alarm; one that is out of order by no more still raises. */
  readonly actionMaxAgeMs: number;
  /** A window's result may be this much older than a reading that acts: it waits for the watermark. Default 0. */
  readonly windowLagMs?: number;
  /** A series' newest time further ahead of the clock than this mutes nothing. Default 5 s. */
  readonly maxFutureMs?: number;
  /** Most series that one rule watches; those beyond are counted as `seriesOverLimit` and not watched. */
  readonly seriesMax: number;
}

export type RuleReading = Pick<Reading, "metric" | "labels" | "timeMs" | "value" | "quality">;

/** How a reading came. */
export interface ArrivalFacts extends ObservedArrival {
  /** Against which its age counts; default `nowMs`. */
  readonly ageNowMs?: number;
  /** Monotonic clock: now, and when the reading came in. Their difference is the latency that the alarm reports. */
  readonly monotonicMs: number;
  readonly arrivedMonotonicMs: number;
  /** A window that was passed before the start: rules that have judged it, or later ones of its group, pass it over. */
  readonly isResumed?: boolean;
}

/** Now, as `onTick` is told. */
export interface RuleClocks {
  /** Agent's wall clock, ms; it may jump. */
  readonly nowMs: number;
  readonly monotonicMs: number;
  /** Wall clock at the start, plus monotonic time: maintenance ends by it. */
  readonly steadyMs: number;
}

export interface Confirmation {
  readonly topic: string;
  /** UTF-8 text. */
  readonly payload: Uint8Array;
  /** Correlation data of MQTT 5, as text. */
  readonly correlation?: string;
  /** A retained answer is an old one: it confirms nothing. */
  readonly isRetained: boolean;
  /** Monotonic clock. What had arrived before the command was sent does not answer it. */
  readonly arrivedMonotonicMs: number;
}

/** The engine's whole state, as plain JSON, for checkpoints. Series are named by their labels, not by their index. */
export interface RuleEngineState {
  readonly version: 1;
  readonly series: readonly SeriesRuleState[];
  readonly alarms: readonly AlarmState[];
  /** Names of the rules on windows. Absent in states of before it was kept. */
  readonly windowRules?: readonly string[];
  /** Absent in states of before there was maintenance, and interlocks. */
  readonly maintenance?: MaintenanceState;
  readonly commands?: readonly (InterlockState & { readonly rule: string })[];
}

/**
 * All rules over all series. Pure: the same calls give the same outcomes, ids included. A reading that changes nothing
 * returns `NOTHING` and allocates nothing.
 *
 * Call `onTick` regularly: retries are late by as much as it is.
 */
export class RuleEngine {
  readonly #options: RuleEngineOptions;
  #seriesMax: number;
  #tables: readonly RuleTable[];
  /** By what they look at. */
  #byInput: ReadonlyMap<string, readonly RuleTable[]>;
  readonly #alarms = new Map<string, AlarmPlace>();
  /** By the topic on which an answer is awaited. */
  readonly #awaiting = new Map<string, Set<AlarmPlace>>();
  readonly #withDeadline = new Set<AlarmPlace>();
  /** With a command that the interlock holds back. */
  readonly #held = new Set<AlarmPlace>();
  /** Alarms that time alone may act on: nothing has been done about them yet. */
  readonly #awaitingTime = new Set<AlarmPlace>();
  /** Whose alarms have made a step since `takeChanges`. */
  readonly #changed = new Set<AlarmPlace>();
  readonly #clock = new AwakeClock();
  readonly #maintenance = new MaintenanceBook();
  readonly #expired: Maintenance[] = [];
  #seriesOverLimitCount = 0;
  /** Of rules that are no more. */
  #formerLateCount = 0;

  constructor(options: RuleEngineOptions) {
    this.#options = options;
    this.#seriesMax = options.seriesMax;
    this.#tables = options.rules.map((rule) => this.#newTable(rule));
    this.#byInput = tablesByInput(this.#tables);
  }

  /**
   * Makes ready for other rules, and changes nothing yet; what is returned takes them over, at the same time of the clocks,
   * and gives the outcomes. A rule that stays as it is goes on as if nothing had happened. One that is changed keeps what
   * its new condition can use; alarms of conditions that are there no longer end, and say why.
   */
  prepareRules(rules: readonly RuleSpec[], nowMs: number): () => readonly Outcome[] {
    const before = new Map(this.#tables.map((table) => [table.rule.name, table]));
    const tables = rules.map((rule) => this.#successor(before.get(rule.name), rule));
    const byInput = tablesByInput(tables);
    const after = new Map(tables.map((table) => [table.rule.name, table]));
    const moved: [AlarmPlace, AlarmPlace][] = [];
    const ended: [AlarmPlace, EndReason][] = [];
    for (const place of this.#alarms.values()) {
      const table = after.get(place.table.rule.name);
      if (table === place.table) continue;
      const successor = table === undefined ? undefined : this.#placeIn(table, place.alarm.export());
      if (successor !== undefined) moved.push([place, successor]);
      else ended.push([place, table === undefined ? "rule_removed" : "condition_changed"]);
    }
    return () => {
      const out: Outcome[] = [];
      for (const [place, reason] of ended) {
        place.alarm.end(nowMs, out, reason);
        this.#settle(place);
      }
      for (const [place, successor] of moved) {
        this.#release(place);
        this.#take(successor, out);
      }
      for (const { detector } of this.#tables.filter((table) => !tables.includes(table)))
        this.#formerLateCount += detector.lateCount;
      this.#tables = tables;
      this.#byInput = byInput;
      return out;
    };
  }

  /** Whether any rule looks at this metric's readings, or this result of a window (see `ruleInput`). */
  watches(metric: string): boolean {
    return this.#byInput.has(metric);
  }

  /** What is watched stays, also where that is more. */
  setSeriesMax(seriesMax: number): void {
    this.#seriesMax = seriesMax;
  }

  /** Whether such a reading, of whatever series, breaks a limit: a machine must not wait for there to be room for it. */
  breaksLimit(metric: string, value: number): boolean {
    return this.#byInput.get(metric)?.some(({ rule }) => breaksLimit(rule.when, value)) === true;
  }

  /**
   * @param seriesIndex the caller's number for this series (metric and labels); small, and never given to another series
   *   of the same metric. Series are expected to be numbered densely: memory grows with the greatest number.
   */
  onReading(seriesIndex: number, reading: RuleReading, arrival: ArrivalFacts): readonly Outcome[] {
    const tables = this.#byInput.get(reading.metric);
    if (tables === undefined) return NOTHING;
    let out: Outcome[] | null = null;
    const awakeMs = this.#clock.tick(arrival.monotonicMs);
    for (let i = 0; i < tables.length; i++) {
      const table = tables[i];
      let slot = table.slotOf(seriesIndex);
      if (slot < 0) {
        slot = table.admit(seriesIndex, reading.labels, this.#seriesMax);
        if (slot < 0) {
          this.#seriesOverLimitCount++;
          continue;
        }
      }
      if (table.rule.window !== undefined) {
        if (arrival.isResumed === true && !table.isUnjudged(slot, reading.timeMs)) continue;
        if (arrival.isResumed === true || !arrival.isReplayed) table.judged(slot, reading.timeMs);
      }
      const transition = table.detector.observe(slot, reading, arrival, awakeMs);
      if (transition === TRANSITION.none || transition === TRANSITION.late) continue;
      if (transition === TRANSITION.met && table.alarms[slot]?.alarm.isAwaitingEligible !== true) continue;
      out ??= [];
      this.#apply(
        { table, slot, transition, evidence: this.#evidenceOf(table, slot, reading, arrival) },
        out,
      );
    }
    return out === null ? NOTHING : out;
  }

  /**
   * Whether these good readings of a series, come together, ask for nothing and leave behind what the last of them leaves
   * behind by itself: then that one is enough for `onReading`. False where that is not certain.
   */
  isQuiet(
    seriesIndex: number,
    metric: string,
    readings: Pick<ReadingColumns, "count" | "timeMs" | "value">,
  ): boolean {
    const tables = this.#byInput.get(metric);
    if (tables === undefined) return true;
    const run = runOf(readings);
    if (run === undefined) return false;
    for (let i = 0; i < tables.length; i++) {
      const slot = tables[i].slotOf(seriesIndex);
      if (slot < 0 || !tables[i].detector.isQuiet(slot, run)) return false;
    }
    return true;
  }

  /** Whether an answer is awaited on this topic. */
  awaits(topic: string): boolean {
    return this.#awaiting.has(topic);
  }

  /** For every message that arrives on a topic that `awaits`; on any other nothing happens. */
  onConfirmation(confirmation: Confirmation, nowMs: number): readonly Outcome[] {
    const places = this.#awaiting.get(confirmation.topic);
    if (places === undefined || confirmation.isRetained) return NOTHING;
    const out: Outcome[] = [];
    const { payload, correlation, arrivedMonotonicMs } = confirmation;
    const answer = { text: new TextDecoder().decode(payload), correlation, arrivedMonotonicMs };
    for (const place of inOrder(places)) {
      place.alarm.onConfirmation(answer, nowMs, out);
      this.#settle(place);
    }
    return out;
  }

  /** The agent could not hand over a command. */
  onPublishFailed(commandId: string, time: ActionTime): readonly Outcome[] {
    const place = this.#alarms.get(commandId.slice(0, commandId.lastIndexOf(".")));
    if (place === undefined || place.alarm.commandId !== commandId) return NOTHING;
    const out: Outcome[] = [];
    place.alarm.onPublishFailed(time, out);
    this.#settle(place);
    return out;
  }

  onTick({ nowMs, monotonicMs, steadyMs }: RuleClocks): readonly Outcome[] {
    const time = { nowMs, monotonicMs, awakeMs: this.#clock.tick(monotonicMs) };
    const out: Outcome[] = [];
    this.#raiseByTime(time, out);
    for (const place of inOrder(this.#withDeadline)) {
      const validForMs = place.table.rule.action?.validForMs ?? 0;
      place.alarm.onTick(time, Math.max(validForMs, this.#options.actionMaxAgeMs), out);
      this.#settle(place);
    }
    for (const place of inOrder(this.#held)) {
      place.alarm.onHeldTick(time, out);
      this.#settle(place);
    }
    const over = this.#maintenance.expire(steadyMs);
    if (over.length > 0) {
      for (const each of over) this.#expired.push(each);
      this.#suppress(out);
    }
    return out.length === 0 ? NOTHING : out;
  }

  /** Suppresses the alarms of the series with these labels. Null where it changes nothing, or there are too many. */
  beginMaintenance(maintenance: Maintenance): readonly Outcome[] | null {
    if (!this.#maintenance.begin(maintenance)) return null;
    return this.#suppressed();
  }

  /** Null where there is none. */
  endMaintenance(which: Parameters<MaintenanceBook["end"]>[0]): readonly Outcome[] | null {
    if (this.#maintenance.end(which).length === 0) return null;
    return this.#suppressed();
  }

  /** What is in maintenance now. */
  maintenances(): readonly Maintenance[] {
    return this.#maintenance.list();
  }

  /** Topics whose time is over, and that say so still. */
  overdueTopics(): readonly string[] {
    return this.#maintenance.overdueTopics();
  }

  /** Those that have ended by themselves since the last call. */
  takeExpired(): readonly Maintenance[] {
    return this.#expired.length === 0 ? NONE_EXPIRED : this.#expired.splice(0);
  }

  /** The steady time was set by so much. */
  shiftMaintenance(byMs: number): void {
    this.#maintenance.shift(byMs);
  }

  /**
   * Forgets the series, and the groups of windows, with these labels that are missing or as silent as `isSilent` says, until
   * they are heard again: their alarms end.
   */
  forget(
    labels: Labels,
    nowMs: number,
    isSilent: (metric: string, labels: Labels) => boolean = () => false,
  ): readonly Outcome[] {
    const out: Outcome[] = [];
    for (const table of this.#tables) {
      table.labels.forEach((own, slot) => {
        const place = table.alarms[slot];
        if (!hasLabels(own, labels)) return;
        if (!table.isByTime && (place === undefined || !isSilent(table.rule.metric, own))) return;
        if (!table.detector.forget(slot)) return;
        place?.alarm.end(nowMs, out);
        if (place !== undefined) this.#settle(place);
      });
    }
    return out;
  }

  /**
   * The series makes room for another one under `seriesMax`, until it is heard again. False, and it stays, where a rule is concerned with
   * it: an alarm of it is there, or it would be missed.
   */
  release(metric: string, labels: Labels): boolean {
    const tables = this.#byInput.get(metric) ?? [];
    if (tables.some((table) => table.isConcernedWith(labels))) return false;
    for (const table of tables) table.release(labels);
    return true;
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
    const confirms = this.#tables.flatMap(({ rule }) => rule.action?.confirm ?? []);
    return [...new Set(confirms.map((confirm) => topicFilter(confirm.topic)))];
  }

  /** Readings that came too late for a rule, and readings of series beyond `seriesMax`. Both only grow. */
  counts(): { readonly late: number; readonly seriesOverLimit: number } {
    let late = this.#formerLateCount;
    for (const table of this.#tables) late += table.detector.lateCount;
    return { late, seriesOverLimit: this.#seriesOverLimitCount };
  }

  export(): RuleEngineState {
    return {
      version: 1,
      series: this.#tables.flatMap((table) => table.export()),
      alarms: [...this.#alarms.values()].map((place) => place.alarm.export()),
      windowRules: this.#tables.flatMap(({ rule }) => (rule.window === undefined ? [] : [rule.name])),
      maintenance: this.#maintenance.export(),
      commands: this.#tables.flatMap(({ rule, interlock }) =>
        interlock.export(this.#clock.nowMs).map((state) => ({ rule: rule.name, ...state })),
      ),
    };
  }

  /**
   * What steps of alarms have changed since the last call; null: nothing. `afterChanges` adds it to a state that was exported
   * before. The others' series may have moved on, without a step; and maintenance is in an exported state alone.
   */
  takeChanges(): RuleEngineChanges | null {
    if (this.#changed.size === 0) return null;
    const series = new Map<string, SeriesChange[]>();
    const commands: RuleEngineChanges["commands"][number][] = [];
    for (const place of this.#changed) {
      const { rule, interlock, labels } = place.table;
      place.takenStep = place.alarm.step;
      const input = ruleInput(rule);
      const key = seriesKey(input, labels[place.slot]);
      if (!series.has(key)) series.set(key, this.#exportSeries(input, labels[place.slot]));
      const topic = rule.action === null ? null : expandTopic(rule.action.topicTemplate, labels[place.slot]);
      const state = topic === null ? undefined : interlock.exportOne(topic, this.#clock.nowMs);
      if (state !== undefined) commands.push({ rule: rule.name, ...state });
    }
    this.#changed.clear();
    return { series: [...series.values()].flat(), commands };
  }

  /**
   * Takes over an exported state; only into an engine that has seen no reading. Alarms of rules or conditions that no
   * longer exist end, and the outcomes say so.
   */
  restore(state: RuleEngineState): readonly Outcome[] {
    const tables = new Map(this.#tables.map((table) => [table.rule.name, table]));
    for (const series of state.series) tables.get(series.rule)?.restore(series, this.#clock.nowMs);
    for (const table of this.#tables)
      if (state.windowRules?.includes(table.rule.name) === false) table.begin();
    if (state.maintenance !== undefined) this.#maintenance.restore(state.maintenance);
    for (const commands of state.commands ?? [])
      tables.get(commands.rule)?.interlock.restore([commands], this.#clock.nowMs);
    const out: Outcome[] = [];
    for (const saved of state.alarms) {
      const { event } = saved;
      const table = tables.get(event.rule);
      const place = table === undefined ? undefined : this.#placeIn(table, saved);
      if (place !== undefined) {
        this.#take(place, out);
        continue;
      }
      const ended: AlarmEvent = {
        ...event,
        step: event.step + 1,
        isActive: false,
        isLatched: false,
        endReason: table === undefined ? "rule_removed" : "condition_changed",
      };
      out.push({ type: "event", event: ended, isActionStep: saved.loop !== null });
    }
    return out;
  }

  /** With every rule that looks at the series. */
  #exportSeries(input: string, labels: Labels): SeriesChange[] {
    return (this.#byInput.get(input) ?? []).flatMap((table) => {
      const state = table.exportOne(labels);
      return state === undefined ? [] : [{ input, ...state }];
    });
  }

  #newTable(rule: RuleSpec): RuleTable {
    const { actionMaxAgeMs, maxFutureMs = FUTURE_MS_MAX } = this.#options;
    // How things stand is what the newest window says: a revision of an older one raises nothing.
    const raiseLateMsMax = rule.window === undefined ? actionMaxAgeMs : 0;
    return new RuleTable(rule, { raiseLateMsMax, futureMsMax: maxFutureMs });
  }

  /** The very table where the rule is as it was. */
  #successor(before: RuleTable | undefined, rule: RuleSpec): RuleTable {
    if (before !== undefined && JSON.stringify(before.rule) === JSON.stringify(rule)) return before;
    const table = this.#newTable(rule);
    if (before === undefined || ruleInput(before.rule) !== ruleInput(rule)) return table;
    const awakeMs = this.#clock.nowMs;
    for (const series of before.export()) table.restore(series, awakeMs);
    table.interlock.restore(before.interlock.export(awakeMs), awakeMs);
    return table;
  }

  /** The saved alarm at its place in the table, not yet in it; undefined where its condition is not there any more. */
  #placeIn(table: RuleTable, saved: AlarmState): AlarmPlace | undefined {
    const { metric, labels } = saved.event;
    if (table.rule.metric !== metric || !table.hasGroups(labels)) return undefined;
    const slot = table.slotByLabels(labels);
    if (saved.isRaised && !table.detector.isRaised(slot)) return undefined;
    const alarm = AlarmLifeCycle.restore(table.rule, saved, this.#surroundingsOf(table, slot));
    return { alarm, table, slot, awaitedTopic: null, takenStep: alarm.step };
  }

  #take(place: AlarmPlace, out: Outcome[]): void {
    place.alarm.review(out);
    place.table.alarms[place.slot] = place;
    this.#alarms.set(place.alarm.id, place);
    this.#settle(place);
  }

  #apply({ table, slot, transition, evidence }: Change, out: Outcome[]): void {
    let place = table.alarms[slot];
    switch (transition) {
      case TRANSITION.raised:
        if (place === undefined) {
          const id = table.nextId(slot, evidence.timeMs);
          const surroundings = this.#surroundingsOf(table, slot);
          const alarm = new AlarmLifeCycle(table.rule, id, table.labels[slot], surroundings);
          place = { alarm, table, slot, awaitedTopic: null, takenStep: 0 };
          table.alarms[slot] = place;
          this.#alarms.set(alarm.id, place);
        }
        place.alarm.raise(evidence, out);
        break;
      case TRANSITION.cleared:
        place?.alarm.clear(evidence, out);
        break;
      case TRANSITION.moved:
        place?.alarm.move(evidence, out);
        break;
      default:
        place?.alarm.meet(evidence, out);
    }
    if (place !== undefined) this.#settle(place);
  }

  /** Raises what time alone meets, and acts on what it still meets. */
  #raiseByTime(time: TickTime, out: Outcome[]): void {
    for (const table of this.#tables) {
      if (!table.isByTime) continue;
      for (const slot of table.detector.onTick(time.awakeMs)) {
        this.#apply(
          { table, slot, transition: TRANSITION.raised, evidence: silence(table, slot, time) },
          out,
        );
      }
      if (this.#awaitingTime.size === 0) continue;
      for (const place of table.alarms) {
        if (place?.alarm.isAwaitingEligible !== true) continue;
        if (!table.detector.isMetByTime(place.slot, time.awakeMs)) continue;
        place.alarm.meet(silence(table, place.slot, time), out);
        this.#settle(place);
      }
    }
  }

  #evidenceOf(table: RuleTable, slot: number, reading: RuleReading, arrival: ArrivalFacts): Evidence {
    const { detector } = table;
    const { timeMs, value, quality } = reading;
    const { nowMs, ageNowMs = nowMs, monotonicMs, arrivedMonotonicMs, isRetained, isReplayed } = arrival;
    const isFresh = ageNowMs - timeMs <= this.#actionMaxAgeMs(table);
    return {
      timeMs,
      value: detector.measure(slot, value),
      isEligible: quality === "good" && !isRetained && !isReplayed && isFresh,
      isActing: detector.isActingOn(slot, value),
      standing: detector.standing(slot),
      nowMs,
      monotonicMs,
      awakeMs: this.#clock.nowMs,
      latencyMs: monotonicMs - arrivedMonotonicMs,
    };
  }

  #actionMaxAgeMs({ rule }: RuleTable): number {
    const { actionMaxAgeMs, windowLagMs = 0 } = this.#options;
    return rule.window === undefined ? actionMaxAgeMs : actionMaxAgeMs + windowLagMs;
  }

  #surroundingsOf(table: RuleTable, slot: number): AlarmSurroundings {
    return {
      standing: table.detector.standing(slot),
      interlock: table.interlock,
      isSuppressed: this.#maintenance.covers(table.labels[slot]),
    };
  }

  #suppressed(): readonly Outcome[] {
    const out: Outcome[] = [];
    this.#suppress(out);
    return out;
  }

  /** Brings all alarms in line with the maintenance. */
  #suppress(out: Outcome[]): void {
    for (const place of this.#alarms.values()) {
      place.alarm.suppress(this.#maintenance.covers(place.table.labels[place.slot]), out);
      this.#settle(place);
    }
  }

  /** Brings the indexes in line with an alarm that may have changed; forgets it when it is over. */
  #settle(place: AlarmPlace): void {
    const { alarm } = place;
    const isOver = alarm.isOver;
    if (alarm.step !== place.takenStep) this.#changed.add(place);
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
    if (alarm.deadlineMs === null) this.#withDeadline.delete(place);
    else this.#withDeadline.add(place);
    if (alarm.heldUntilMs === null) this.#held.delete(place);
    else this.#held.add(place);
    if (place.table.isByTime && alarm.isAwaitingEligible) this.#awaitingTime.add(place);
    else this.#awaitingTime.delete(place);
    if (isOver) this.#release(place);
  }

  /** It is this engine's no longer. */
  #release(place: AlarmPlace): void {
    this.#stopAwaiting(place);
    this.#withDeadline.delete(place);
    this.#held.delete(place);
    this.#awaitingTime.delete(place);
    this.#alarms.delete(place.alarm.id);
    place.table.alarms[place.slot] = undefined;
  }

  #stopAwaiting(place: AlarmPlace): void {
    if (place.awaitedTopic === null) return;
    const places = this.#awaiting.get(place.awaitedTopic);
    places?.delete(place);
    if (places?.size === 0) this.#awaiting.delete(place.awaitedTopic);
  }
}

interface Change {
  readonly table: RuleTable;
  readonly slot: number;
  readonly transition: Transition;
  readonly evidence: Evidence;
}

/** Undefined where their times go back. */
function runOf({ count, timeMs, value }: Parameters<RuleEngine["isQuiet"]>[2]): ObservedRun | undefined {
  let leastValue = Infinity;
  let greatestValue = -Infinity;
  let newestMs = -Infinity;
  for (let at = 0; at < count; at++) {
    if (timeMs[at] < newestMs) return undefined;
    newestMs = timeMs[at];
    if (value[at] < leastValue) leastValue = value[at];
    if (value[at] > greatestValue) greatestValue = value[at];
  }
  return { firstMs: timeMs[0], leastValue, greatestValue };
}

function tablesByInput(tables: readonly RuleTable[]): ReadonlyMap<string, readonly RuleTable[]> {
  const names = new Set<string>();
  for (const { rule } of tables) {
    if (names.has(rule.name)) throw new Error(`cannot make rules: two are named ${rule.name}`);
    names.add(rule.name);
  }
  return Map.groupBy(tables, ({ rule }) => ruleInput(rule));
}

const NO_PLACES: readonly AlarmPlace[] = Object.freeze([]);

/** The earliest deadline first: an order that a restored engine has, too. A copy, so that alarms may leave the set meanwhile. */
function inOrder(places: ReadonlySet<AlarmPlace>): readonly AlarmPlace[] {
  if (places.size === 0) return NO_PLACES;
  return [...places].toSorted(
    ({ alarm: a }, { alarm: b }) => (a.deadlineMs ?? 0) - (b.deadlineMs ?? 0) || (a.id < b.id ? -1 : 1),
  );
}

/** What time alone has shown: as fresh and as good as can be. */
function silence({ detector }: RuleTable, slot: number, time: TickTime): Evidence {
  return {
    ...time,
    timeMs: time.nowMs,
    value: detector.measure(slot, 0),
    isEligible: true,
    isActing: true,
    standing: detector.standing(slot),
    latencyMs: 0,
  };
}
