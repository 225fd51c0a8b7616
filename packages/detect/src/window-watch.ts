import { type EventTimeMs, type Labels, seriesKey, type WindowResult } from "@millrace/stream";
import type { AlarmEvent, AlarmWindow, EndReason } from "./alarm-event.ts";
import type { Standing } from "./detector.ts";
import { endedAlarm } from "./ended-alarm.ts";
import {
  type JudgedWindow,
  JudgedWindows,
  type JudgedWindowsState,
  type WindowSpell,
} from "./judged-windows.ts";
import type { Condition, WindowRuleSpec } from "./rule-spec.ts";
import { spellsMeet } from "./spells-meet.ts";

export interface WindowWatchOptions {
  /** Whether there is room for one more group beside so many of its own; windows of more are not judged, and counted. */
  readonly hasRoom: (groupCount: number) => boolean;
  /** Windows are stored together that start in the same multiple of this. */
  readonly pageMs: number;
  /** Readings are never taken back out of a window: what only grows may be judged before the window has ended. */
  readonly onlyGrows: boolean;
}

/** A published revision. */
export interface SeenWindow {
  readonly result: WindowResult;
  /** It has ended, some expected agent has handed over all of it, and the others were waited for. */
  readonly isWaitedFor: boolean;
}

/** When that is. */
export interface WatchMoment {
  /** Central's clock where the alarm's step is a person's. */
  readonly nowMs: number;
  /**
   * How long whoever listens has been awake (see `AwakeClock`): a group that was heard less than its silence ago by this is not
   * silent, whatever its windows' times are. Null: they alone decide.
   */
  readonly awakeMs: number | null;
  /** An alarm that begins before this is too old to tell anybody of. */
  readonly historicalBeforeMs: EventTimeMs;
}

/** Of one group, as plain JSON, but for its windows. */
export interface WatchedGroupState {
  readonly labels: Labels;
  readonly judged: JudgedWindowsState;
  /** Up to here it is known that the group is silent; null: it is not. */
  readonly silentToMs: EventTimeMs | null;
  /** Those that may still change, by their beginning. */
  readonly alarms: readonly AlarmEvent[];
}

/** What is to be stored of a group: its state, and of its windows the pages that have changed. */
export interface WatchedGroupChange {
  readonly key: string;
  /** Null: it is forgotten; undefined: it is as it was, and its windows have changed alone. */
  readonly state: WatchedGroupState | null | undefined;
  /** Whose windows have changed: see `WindowWatch.page`. */
  readonly pages: Set<number>;
}

interface Group {
  readonly key: string;
  readonly labels: Labels;
  readonly windows: JudgedWindows;
  /** When it last had a window that it had not had, by `WatchMoment.awakeMs`; 0, the start: not since. */
  heardAtAwakeMs: number;
  silentToMs: EventTimeMs;
  alarms: readonly AlarmEvent[];
  /** As it was stored last; null: not since the start. */
  stored: WatchedGroupState | null;
}

/** Of one group that may still change: of more the oldest stay as they are, and so do the windows up to their end. */
const ALARMS_KEPT = 32;
const AGENTS_NAMED = 16;
/** A group that has had no window for so long is forgotten. */
const FORGOTTEN_AFTER_MS = 30 * 86_400_000;
/** Results that further readings can only raise, or only lower. */
const GROWS = /^(?:count|max|range|le_.+)$/;
const SHRINKS = /^min$/;

/**
 * Judges the windows of one definition, each group by itself. Its alarms are the spells that the windows make as they are known
 * now: a late window, or a revision, changes the alarms that it is about, begins one, or takes one back that was none.
 *
 * Whoever stores what `takeChanged` gives with the revisions goes on, after a crash, as if never interrupted; a revision that is
 * shown again changes nothing.
 */
export class WindowWatch {
  readonly rule: WindowRuleSpec;
  readonly #options: WindowWatchOptions;
  readonly #groups = new Map<string, Group>();
  readonly #changed = new Map<string, Set<number>>();
  #events: AlarmEvent[] = [];
  #overLimitCount = 0;
  #overLimitGroup: Labels | null = null;
  /** No group is overdue before this. */
  #dueAtMs = Infinity;
  #sweepAtMs = -Infinity;

  constructor(rule: WindowRuleSpec, options: WindowWatchOptions) {
    this.rule = rule;
    this.#options = options;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** Windows of groups that there was no room for. */
  get overLimitCount(): number {
    return this.#overLimitCount;
  }

  /** The last of these groups; null: there was room for all. */
  get overLimitGroup(): Labels | null {
    return this.#overLimitGroup;
  }

  restore({ labels, judged, silentToMs, alarms }: WatchedGroupState, windows: readonly JudgedWindow[]): void {
    const group = this.#newGroup(labels);
    group.windows.restore(judged, windows);
    group.silentToMs = silentToMs ?? -Infinity;
    group.alarms = alarms;
    this.#dueAtMs = -Infinity;
  }

  /** A revision, in any order of windows, but of one window in the order of its revisions. */
  judge({ result, isWaitedFor }: SeenWindow, moment: WatchMoment): void {
    const { group: labels, startMs } = result;
    const key = seriesKey(result.window, labels);
    const known = this.#groups.get(key);
    const before = known?.windows.get(startMs);
    const value = this.#valueOf(result);
    if (value === null) {
      if (known === undefined || before === undefined) return;
      known.windows.remove(startMs);
      this.#pageChanged(known, startMs);
      this.#settle(known, moment);
      return;
    }
    // What was judged once is judged at each revision.
    if (before === undefined && !this.#isDue(result, value, isWaitedFor)) return;
    if (known === undefined && !this.#options.hasRoom(this.#groups.size)) {
      this.#overLimitCount += 1;
      this.#overLimitGroup = labels;
      return;
    }
    const window = judgedWindow(result, value);
    if (before !== undefined && isSame(before, window)) return;
    const group = known ?? this.#newGroup(labels);
    const gone = group.windows.put(window);
    if (gone === null) return;
    // That somebody has passed a window says nothing of who fills it.
    if (before?.endMs !== window.endMs) group.heardAtAwakeMs = moment.awakeMs ?? 0;
    for (const each of [startMs, ...gone]) this.#pageChanged(group, each);
    this.#dueAtMs = Math.min(this.#dueAtMs, this.#overdueAtMs(group));
    this.#settle(group, moment);
  }

  /** Time alone has passed: `timeMs` is the time by which windows of now end. */
  tick(timeMs: EventTimeMs, moment: WatchMoment): void {
    if (timeMs >= this.#sweepAtMs) this.#sweep(timeMs);
    if (timeMs < this.#dueAtMs) return;
    this.#dueAtMs = Infinity;
    for (const group of this.#groups.values()) {
      const overdueAtMs = this.#overdueAtMs(group);
      if (overdueAtMs === Infinity) continue;
      if (timeMs < overdueAtMs || this.#isHeardOfLate(group, moment)) {
        this.#dueAtMs = Math.min(this.#dueAtMs, overdueAtMs);
        continue;
      }
      group.silentToMs = timeMs;
      this.#changedOf(group);
      this.#settle(group, moment);
    }
  }

  /** A person has seen a latched alarm. Null: there is none with this id. */
  reset(id: string, by: string, { nowMs }: WatchMoment): "done" | "condition_holds" | "not_latched" | null {
    for (const group of this.#groups.values()) {
      const alarm = group.alarms.find((each) => each.id === id);
      if (alarm === undefined) continue;
      if (!alarm.isLatched) return "not_latched";
      if (alarm.clearedAtMs === null) return "condition_holds";
      const ended = {
        ...alarm,
        step: alarm.step + 1,
        isActive: false,
        isLatched: false,
        timeMs: nowMs,
        by,
      };
      this.#events.push(ended);
      group.alarms = group.alarms.map((each) => (each.id === id ? ended : each));
      this.#changedOf(group);
      return "done";
    }
    return null;
  }

  /** Steps since the last call, in their order. */
  takeEvents(): AlarmEvent[] {
    return this.#events.splice(0);
  }

  /** What is to be stored since the last call. */
  *takeChanged(): Generator<WatchedGroupChange> {
    for (const [key, pages] of this.#changed) {
      const group = this.#groups.get(key);
      if (group === undefined) {
        yield { key, state: null, pages };
        continue;
      }
      const state = stateOf(group);
      const isAsStored = group.stored !== null && isSameState(group.stored, state);
      group.stored = state;
      yield { key, state: isAsStored ? undefined : state, pages };
    }
    this.#changed.clear();
  }

  /** A group's windows that are stored together; none: the page is gone. */
  page(key: string, page: number): readonly JudgedWindow[] {
    const { pageMs } = this.#options;
    return this.#groups.get(key)?.windows.between(page * pageMs, (page + 1) * pageMs) ?? [];
  }

  /** Null: nothing of it is to be judged. */
  #valueOf({ values, mergedIntoMs }: WindowResult): number | null {
    if (mergedIntoMs !== undefined) return null;
    const { when, window } = this.rule;
    if (when.kind === "missing") return values["count"] === 0 ? null : 0;
    return values[window.value] ?? null;
  }

  #isDue({ state, completeness }: WindowResult, value: number, isWaitedFor: boolean): boolean {
    const { judgedAt, reportingMin } = this.rule;
    // Any sign of life ends a silence.
    if (judgedAt === "provisional" || this.rule.when.kind === "missing") return true;
    if (judgedAt === "final") return state === "final";
    const { agentsExpected, agentsReporting } = completeness;
    const hasEnough = agentsReporting >= reportingMin * agentsExpected;
    if (hasEnough && (state !== "provisional" || isWaitedFor)) return true;
    return this.#options.onlyGrows && isBrokenForGood(this.rule, value);
  }

  #newGroup(labels: Labels): Group {
    const key = seriesKey(this.rule.window.name, labels);
    const group: Group = {
      key,
      labels,
      windows: new JudgedWindows(this.rule),
      heardAtAwakeMs: 0,
      silentToMs: -Infinity,
      alarms: [],
      stored: null,
    };
    this.#groups.set(key, group);
    return group;
  }

  #pageChanged(group: Group, startMs: EventTimeMs): void {
    this.#changedOf(group).add(Math.floor(startMs / this.#options.pageMs));
  }

  #changedOf({ key }: Group): Set<number> {
    const pages = this.#changed.get(key) ?? new Set();
    this.#changed.set(key, pages);
    return pages;
  }

  /** Brings a group's alarms in line with its spells. */
  #settle(group: Group, moment: WatchMoment): void {
    const { windows } = group;
    const spells = windows.spells(group.silentToMs);
    const alarms: AlarmEvent[] = [];
    for (const alarm of group.alarms) {
      const isFirm = alarm.clearedAtMs !== null && alarm.clearedAtMs <= windows.floorEndMs;
      if (isFirm && !alarm.isActive) continue;
      const at = isFirm ? -1 : spells.findIndex((spell) => spellsMeet(spanOf(spell), spanOf(alarm)));
      if (isFirm) alarms.push(alarm);
      else if (at < 0) alarms.push(this.#withdraw(alarm));
      else alarms.push(this.#renew(alarm, spells.splice(at, 1)[0], moment));
    }
    for (const spell of spells) alarms.push(this.#raise(group, alarms, spell, moment));
    group.alarms = alarms.toSorted((a, b) => a.activeAtMs - b.activeAtMs);
    this.#changedOf(group);
    if (alarms.length > ALARMS_KEPT) this.#leaveAlarms(group);
  }

  /** The oldest alarms become firm; what is latched beyond all room is given up. */
  #leaveAlarms(group: Group): void {
    const [oldest] = group.alarms.filter(({ clearedAtMs }) => clearedAtMs !== null);
    if (oldest?.clearedAtMs == null) return;
    for (const startMs of group.windows.leaveTo(oldest.clearedAtMs)) this.#pageChanged(group, startMs);
    const { floorEndMs } = group.windows;
    const left: AlarmEvent[] = [];
    let spare = group.alarms.length - ALARMS_KEPT;
    for (const alarm of group.alarms) {
      if (spare <= 0 || alarm.clearedAtMs === null || alarm.clearedAtMs > floorEndMs) {
        left.push(alarm);
        continue;
      }
      spare -= 1;
      if (alarm.isActive) this.#events.push(endOf(alarm, floorEndMs, "forgotten"));
    }
    group.alarms = left;
  }

  #raise(
    { key, labels }: Group,
    others: readonly AlarmEvent[],
    spell: WindowSpell,
    { historicalBeforeMs }: WatchMoment,
  ): AlarmEvent {
    const { name: rule, metric, message, isLatched } = this.rule;
    let id = `${rule}:${key}:${spell.activeAtMs}`;
    while (others.some((other) => other.id === id)) id += "+";
    const isHistorical = spell.activeAtMs < historicalBeforeMs;
    const begun: AlarmEvent = {
      id,
      step: 1,
      rule,
      metric,
      labels,
      isLatched: isLatched && !isHistorical,
      isHistorical,
      action: "none",
      command: null,
      message,
      ...this.#factsOf({ ...spell, clearedAtMs: null }),
      isActive: true,
    };
    this.#events.push(begun);
    return spell.clearedAtMs === null ? begun : this.#tell(begun, spell);
  }

  /** What has made the alarm is still so, if not with the same beginning, end and level. */
  #renew(alarm: AlarmEvent, spell: WindowSpell, { historicalBeforeMs }: WatchMoment): AlarmEvent {
    if (this.#isAsTold(alarm, spell)) return alarm;
    const { endReason: _, by: _by, ...rest } = alarm;
    const isAgain = alarm.clearedAtMs !== null && spell.clearedAtMs === null;
    const isLatched =
      alarm.isLatched || (isAgain && this.rule.isLatched && spell.activeAtMs >= historicalBeforeMs);
    return this.#tell({ ...rest, isLatched }, spell);
  }

  #isAsTold(alarm: AlarmEvent, { activeAtMs, clearedAtMs, standing, window }: WindowSpell): boolean {
    return (
      alarm.endReason === undefined &&
      alarm.activeAtMs === activeAtMs &&
      alarm.clearedAtMs === clearedAtMs &&
      (alarm.level ?? null) === standing.level &&
      alarm.severity === this.#severityOf(standing) &&
      alarm.limit === standing.limit &&
      alarm.window?.startMs === window.startMs &&
      alarm.window.isComplete === window.isComplete &&
      alarm.window.agentsReporting === window.agentsReporting
    );
  }

  /** Of a condition without levels the rule's, as it is now. */
  #severityOf({ level, severity }: Standing): number {
    return level === null ? this.rule.severity : severity;
  }

  #tell(alarm: AlarmEvent, spell: WindowSpell): AlarmEvent {
    const { level: _, ...rest } = alarm;
    const isActive = spell.clearedAtMs === null || alarm.isLatched;
    const next = { ...rest, ...this.#factsOf(spell), step: alarm.step + 1, isActive };
    this.#events.push(next);
    return next;
  }

  /** A revision, or a late window, has shown that it was never so, or that it is one with the alarm before it. */
  #withdraw(alarm: AlarmEvent): AlarmEvent {
    if (alarm.endReason !== undefined) return alarm;
    const ended = endedAlarm(alarm, alarm.clearedAtMs ?? alarm.activeAtMs, { endReason: "withdrawn" });
    this.#events.push(ended);
    return ended;
  }

  #factsOf({ activeAtMs, clearedAtMs, standing, value, clearedValue, window }: WindowSpell) {
    const { level, limit } = standing;
    const { unit } = this.rule;
    return {
      activeAtMs,
      clearedAtMs,
      timeMs: clearedAtMs ?? Math.max(activeAtMs, window.endMs),
      value: clearedAtMs === null ? value : clearedValue,
      limit,
      severity: this.#severityOf(standing),
      ...(level === null ? {} : { level }),
      ...(unit === undefined ? {} : { unit }),
      window: this.#windowOf(window),
    };
  }

  #windowOf({ value: _, ...window }: JudgedWindow): AlarmWindow {
    return { ...this.rule.window, ...window };
  }

  #sweep(timeMs: EventTimeMs): void {
    this.#sweepAtMs = timeMs + FORGOTTEN_AFTER_MS / 30;
    for (const group of this.#groups.values()) {
      if (timeMs - group.windows.lastEndMs <= FORGOTTEN_AFTER_MS) continue;
      for (const alarm of group.alarms)
        if (alarm.isActive) this.#events.push(endOf(alarm, timeMs, "forgotten"));
      for (const { startMs } of group.windows.between(-Infinity, Infinity)) this.#pageChanged(group, startMs);
      this.#changedOf(group);
      this.#groups.delete(group.key);
    }
  }

  /** When a silence that nobody has told of yet is long enough. */
  #overdueAtMs({ windows, silentToMs }: Group): number {
    const { when } = this.rule;
    const { lastEndMs } = windows;
    if (when.kind !== "missing" || lastEndMs === -Infinity) return Infinity;
    const silenceMs = when.forMs + when.forAtLeastMs;
    if (silentToMs >= lastEndMs + silenceMs) return Infinity;
    return lastEndMs + silenceMs;
  }

  #isHeardOfLate(group: Group, { awakeMs }: WatchMoment): boolean {
    const { when } = this.rule;
    if (awakeMs === null || when.kind !== "missing") return false;
    return awakeMs - group.heardAtAwakeMs < when.forMs + when.forAtLeastMs;
  }
}

function stateOf({ labels, windows, silentToMs, alarms }: Group): WatchedGroupState {
  return { labels, judged: windows.state, silentToMs: silentToMs === -Infinity ? null : silentToMs, alarms };
}

/** Of one group. An alarm that has taken no step is the same object, and so is the course where no window was left behind. */
function isSameState(before: WatchedGroupState, state: WatchedGroupState): boolean {
  return (
    before.silentToMs === state.silentToMs &&
    before.judged.course === state.judged.course &&
    before.alarms.length === state.alarms.length &&
    before.alarms.every((alarm, at) => alarm === state.alarms[at])
  );
}

/** The last step of an alarm whose rule judges it no longer; of one that is latched only, at the time of its condition's end. */
export function endOf(alarm: AlarmEvent, timeMs: EventTimeMs, endReason: EndReason): AlarmEvent {
  return endedAlarm(alarm, alarm.clearedAtMs ?? Math.max(timeMs, alarm.activeAtMs), { endReason });
}

/** Of a withdrawn alarm a moment is left, so that what brings it back finds it. */
function spanOf({
  activeAtMs,
  clearedAtMs,
}: {
  readonly activeAtMs: EventTimeMs;
  readonly clearedAtMs: EventTimeMs | null;
}) {
  return { activeAtMs, endMs: Math.max(clearedAtMs ?? Infinity, activeAtMs + 1) };
}

function judgedWindow(
  { startMs, endMs, revision, state, completeness }: WindowResult,
  value: number,
): JudgedWindow {
  const { agentsExpected, agentsReporting, agentsMissing } = completeness;
  return {
    startMs,
    endMs,
    value,
    revision,
    isComplete: state !== "provisional" && agentsReporting === agentsExpected,
    agentsExpected,
    agentsReporting,
    agentsMissing: agentsMissing.slice(0, AGENTS_NAMED),
  };
}

/** Nothing that an alarm could show differs, but the number of the revision. */
function isSame(before: JudgedWindow, window: JudgedWindow): boolean {
  return (
    before.value === window.value &&
    before.endMs === window.endMs &&
    before.isComplete === window.isComplete &&
    before.agentsReporting === window.agentsReporting &&
    before.agentsExpected === window.agentsExpected
  );
}

/** Whether further readings cannot bring the result back. */
function isBrokenForGood({ when, window }: WindowRuleSpec, value: number): boolean {
  if (GROWS.test(window.value)) return highestSafe(when) < value;
  return SHRINKS.test(window.value) && value < lowestSafe(when);
}

/** The limit beyond which the condition holds, upwards; Infinity: there is none. */
function highestSafe(when: Condition): number {
  if (when.kind === "above") return when.limit;
  if (when.kind !== "levels") return Infinity;
  return Math.min(when.levels.high?.limit ?? Infinity, when.levels.highHigh?.limit ?? Infinity);
}

function lowestSafe(when: Condition): number {
  if (when.kind === "below") return when.limit;
  if (when.kind !== "levels") return -Infinity;
  return Math.max(when.levels.low?.limit ?? -Infinity, when.levels.lowLow?.limit ?? -Infinity);
}
