import type { EventTimeMs, Labels } from "@millrace/stream";
import { LastTimes } from "@millrace/stream";
import type { AlarmEvent, RecordEvidence } from "./alarm-event.ts";
import { distinctSpells } from "./distinct-spells.ts";
import type { DistinctSpell } from "./distinct-spells.ts";
import { endedAlarm } from "./ended-alarm.ts";
import { spellsMeet } from "./spells-meet.ts";

/** A key has had so many new values within so long: an account that pays ten strangers within five minutes. */
export interface DistinctRuleSpec {
  readonly name: string;
  /** Whose values stand beside the evidence. */
  readonly metric: string;
  /** Names of the labels that make the key; one alarm for each key. */
  readonly by: readonly string[];
  /** The name of what is counted. */
  readonly of: string;
  readonly atLeast: number;
  /** Of a window `(t - withinMs, t]`, for every t. */
  readonly withinMs: number;
  /** A value is new where the key has not had it for longer than this; at least `withinMs` and how late records are taken. */
  readonly knownForMs: number;
  readonly severity: number;
  readonly message: string;
}

export interface DistinctLimits {
  /** How far behind the watermark records still come. */
  readonly latenessMs: number;
  /** Keys with new values of late; beyond it the one that had its last longest ago is dropped. */
  readonly keysMax: number;
  /** What the table of known values is made for. */
  readonly knownMax: number;
}

/** A record whose value may be new. */
export interface DistinctRecord {
  /** By `by`. */
  readonly key: readonly string[];
  readonly value: string;
  readonly id: string;
  readonly timeMs: EventTimeMs;
  readonly measure: number;
  /** An alarm of it is for the record only. */
  readonly isHistorical: boolean;
}

/** A time at which a value was new to its key. */
export interface FirstTime {
  readonly value: string;
  readonly timeMs: EventTimeMs;
  /** When the key had it before; null: never. */
  readonly beforeMs: EventTimeMs | null;
  readonly id: string;
  readonly measure: number;
}

/** Of one key, as plain JSON: what was new of late, ascending, and its alarms. */
export interface DistinctKeyState {
  readonly key: readonly string[];
  readonly firsts: readonly FirstTime[];
  /** First times up to here have been left behind. */
  readonly prunedToMs: EventTimeMs | null;
  readonly alarms: readonly DistinctAlarm[];
}

export interface DistinctAlarm extends DistinctSpell {
  readonly event: AlarmEvent;
}

/**
 * What a record means to its key: nothing; the key has the value again, later; the value is new; or it comes after later ones of
 * the same value and may have been new before them.
 */
export type DistinctFate = "known" | "later" | "new" | "late";

/** New values of one key that are kept; of more the oldest are left behind. */
export const FIRSTS_MAX = 1_000;
/** Keys that are forgotten in one call beside twice as many as records were judged: more than can have come with them. */
const EXPIRED_SPARE = 128;

interface KeyState {
  readonly key: readonly string[];
  readonly firsts: FirstTime[];
  prunedToMs: EventTimeMs;
  alarms: DistinctAlarm[];
}

/**
 * Judges one rule, exactly: the alarms of a key are the spells of event time in which its window `(t - withinMs, t]` has at least
 * so many values that were new. Raised with the record that makes it so, ended once the stream's time is past the spell's end.
 *
 * Records may come in any order within the lateness, and what then was wrong is made right: a value that turns out to have been
 * known is taken out, and an alarm without its spell is withdrawn. For that the times at which values were new are kept for the
 * window and the lateness, each with the time at which the key had the value before; of all others the last time is enough,
 * since between two of the same value that lie so near none can be new.
 */
export class DistinctDetector {
  readonly rule: DistinctRuleSpec;
  readonly #limits: DistinctLimits;
  readonly known: LastTimes;
  /** In order of their last new value. */
  readonly #keys = new Map<string, KeyState>();
  readonly #raised = new Set<string>();
  readonly #changed = new Set<string>();
  #events: AlarmEvent[] = [];
  #watermarkMs = -Infinity;
  /** Alarms whose spells end by then have ended. */
  #endedToMs = -Infinity;
  #droppedCount = 0;

  constructor(rule: DistinctRuleSpec, limits: DistinctLimits) {
    this.rule = rule;
    this.#limits = limits;
    this.known = new LastTimes(limits.knownMax);
  }

  /** Keys with new values of late. */
  get keyCount(): number {
    return this.#keys.size;
  }

  /** Keys, and new values of a key, that were left behind before their time because there were too many. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** What is known up to here matters to no record that may still come. */
  get expiredToMs(): EventTimeMs {
    return this.#cutoffMs - this.rule.knownForMs;
  }

  restore({ key, firsts, prunedToMs, alarms }: DistinctKeyState): void {
    const name = keyName(key);
    this.#keys.set(name, {
      key,
      firsts: [...firsts],
      prunedToMs: prunedToMs ?? -Infinity,
      alarms: [...alarms],
    });
    if (alarms.some(({ event }) => event.isActive)) this.#raised.add(name);
  }

  /** Looks a record up by the hash of key and value; `new` and `late` ones are to be taken. */
  judge(hashes: Int32Array, at: number, timeMs: EventTimeMs): DistinctFate {
    const lastMs = this.known.get(hashes, at);
    if (timeMs <= lastMs) return timeMs === lastMs ? "known" : "late";
    if (timeMs - lastMs > this.rule.knownForMs) return "new";
    this.known.note(hashes, at, timeMs);
    return "later";
  }

  /** Takes a record that was judged `new` or `late`. */
  take(record: DistinctRecord, hashes: Int32Array, at: number): void {
    const lastMs = this.known.get(hashes, at);
    this.known.note(hashes, at, record.timeMs);
    const name = keyName(record.key);
    if (record.timeMs > lastMs) {
      const state = this.#touch(name, record.key);
      insert(state.firsts, firstOf(record, lastMs));
      this.#settle(name, state, record);
      return;
    }
    const state = this.#keys.get(name);
    if (state !== undefined && takeLate(state.firsts, record, this.rule.knownForMs))
      this.#settle(name, state, record);
  }

  /**
   * Forgets what no record can change any more: by records alone, not by time that passes, and few at a time, so that very many that
   * expire at one moment hold nothing up. The watermark never goes back. `judged`: records since the last call.
   */
  forget(watermarkMs: EventTimeMs, judged: number): void {
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs;
    const { withinMs } = this.rule;
    let left = 2 * judged + EXPIRED_SPARE;
    for (const [name, { firsts, alarms }] of this.#keys) {
      const isOld = (firsts.at(-1)?.timeMs ?? -Infinity) <= this.#cutoffMs;
      const isFirm = alarms.every(
        ({ event, endMs }) => !event.isActive && endMs - withinMs <= this.#cutoffMs,
      );
      if (left === 0 || !isOld || !isFirm) return;
      left -= 1;
      this.#keys.delete(name);
      this.#changed.add(name);
    }
  }

  /**
   * Ends the alarms whose spells end by then; some time after they were raised, so that somebody can hear of them. It may lie ahead
   * of the watermark, where time passes and nothing comes: what comes then after all, raises and renews.
   */
  end(timeMs: EventTimeMs): void {
    if (timeMs > this.#endedToMs) this.#endedToMs = timeMs;
    for (const name of this.#raised) {
      const state = this.#keys.get(name);
      const isDue = ({ event, endMs }: DistinctAlarm): boolean => event.isActive && endMs <= this.#endedToMs;
      if (state === undefined || !state.alarms.some(isDue)) continue;
      state.alarms = state.alarms.map((alarm) =>
        isDue(alarm) ? this.#emit(alarm, endedAlarm(alarm.event, alarm.endMs)) : alarm,
      );
      this.#note(name, state);
    }
  }

  takeEvents(): AlarmEvent[] {
    return this.#events.splice(0);
  }

  /** Keys that have changed since the last call, by name; null: forgotten. */
  takeChanged(): ReadonlyMap<string, DistinctKeyState | null> {
    const changed = new Map<string, DistinctKeyState | null>();
    for (const name of this.#changed) {
      const state = this.#keys.get(name);
      changed.set(name, state === undefined ? null : exported(state));
    }
    this.#changed.clear();
    return changed;
  }

  /** First times up to here can be in no spell that may still change. */
  get #cutoffMs(): EventTimeMs {
    return this.#watermarkMs - this.#limits.latenessMs - this.rule.withinMs;
  }

  #touch(name: string, key: readonly string[]): KeyState {
    const known = this.#keys.get(name);
    const state = known ?? { key, firsts: [], prunedToMs: -Infinity, alarms: [] };
    this.#keys.delete(name);
    this.#keys.set(name, state);
    if (this.#keys.size > this.#limits.keysMax) this.#dropOldest();
    return state;
  }

  #dropOldest(): void {
    const { value: oldest } = this.#keys.entries().next();
    if (oldest === undefined) return;
    const [name, { alarms }] = oldest;
    for (const alarm of alarms)
      if (alarm.event.isActive)
        this.#emit(alarm, endedAlarm(alarm.event, alarm.endMs, { endReason: "forgotten" }));
    this.#keys.delete(name);
    this.#raised.delete(name);
    this.#changed.add(name);
    this.#droppedCount += 1;
  }

  /** Brings a key's alarms in line with its spells. */
  #settle(name: string, state: KeyState, record: DistinctRecord): void {
    const { atLeast, withinMs } = this.rule;
    this.#prune(state);
    const spells = distinctSpells(state.firsts, atLeast, withinMs);
    // What began or ended before this no late record can change: some of its first times are gone.
    const firmMs = state.prunedToMs + withinMs;
    const kept: DistinctAlarm[] = [];
    for (const alarm of state.alarms) {
      if (alarm.endMs <= firmMs) {
        if (alarm.event.isActive) kept.push(alarm);
        continue;
      }
      const at = spells.findIndex((spell) => spellsMeet(spell, alarm));
      kept.push(
        at < 0
          ? this.#withdraw(alarm, record)
          : this.#renew(alarm, spells[at], { firmMs, firsts: state.firsts, timeMs: record.timeMs }),
      );
      if (at >= 0) spells.splice(at, 1);
    }
    for (const spell of spells)
      if (spell.endMs > firmMs) kept.push(this.#raise(spell, { ...state, alarms: kept }, record));
    state.alarms = kept;
    this.#note(name, state);
  }

  #prune(state: KeyState): void {
    const { firsts } = state;
    let count = 0;
    while (count < firsts.length && firsts[count].timeMs <= this.#cutoffMs) count += 1;
    const spare = firsts.length - count - FIRSTS_MAX;
    if (spare > 0) this.#droppedCount += spare;
    count += Math.max(0, spare);
    if (count === 0) return;
    state.prunedToMs = Math.max(state.prunedToMs, firsts[count - 1].timeMs);
    firsts.splice(0, count);
  }

  #note(name: string, { alarms }: KeyState): void {
    this.#changed.add(name);
    if (alarms.some(({ event }) => event.isActive)) this.#raised.add(name);
    else this.#raised.delete(name);
  }

  #raise(spell: DistinctSpell, { key, firsts, alarms }: KeyState, record: DistinctRecord): DistinctAlarm {
    const { name, metric, by, severity, message, atLeast } = this.rule;
    let id = [name, ...shownKey(key), spell.activeAtMs].join(":");
    while (alarms.some(({ event }) => event.id === id)) id += "+";
    const labels: Labels = Object.fromEntries(by.map((label, index) => [label, key[index]]));
    const event: AlarmEvent = {
      id,
      step: 0,
      rule: name,
      metric,
      labels,
      severity,
      isActive: true,
      isLatched: false,
      isHistorical: record.isHistorical,
      activeAtMs: spell.activeAtMs,
      clearedAtMs: null,
      timeMs: record.timeMs,
      value: atLeast,
      limit: atLeast,
      action: "none",
      command: null,
      message,
      unit: "",
    };
    return this.#emit({ ...spell, event }, { ...event, ...this.#evidence(spell, firsts) });
  }

  /** What has made the alarm is still so, if not with the same beginning and end. */
  #renew(
    alarm: DistinctAlarm,
    spell: DistinctSpell,
    {
      firmMs,
      firsts,
      timeMs,
    }: {
      readonly firmMs: EventTimeMs;
      readonly firsts: readonly FirstTime[];
      readonly timeMs: EventTimeMs;
    },
  ): DistinctAlarm {
    const isFirm = alarm.activeAtMs <= firmMs && spell.activeAtMs > alarm.activeAtMs;
    const activeAtMs = isFirm ? alarm.activeAtMs : spell.activeAtMs;
    const renewed = { ...spell, activeAtMs, event: alarm.event };
    const { event } = alarm;
    const isOver = !event.isActive && event.endReason === undefined && spell.endMs <= this.#endedToMs;
    const isSame = activeAtMs === alarm.activeAtMs && (isOver ? spell.endMs === alarm.endMs : event.isActive);
    if (isSame) return renewed;
    const { endReason: _, ...rest } = event;
    const evidence = isFirm ? {} : this.#evidence(spell, firsts);
    const active = { ...rest, ...evidence, activeAtMs, timeMs, isActive: true, clearedAtMs: null };
    return this.#emit(renewed, isOver ? endedAlarm(active, spell.endMs) : active);
  }

  /** A late record has shown that it was never so, or that it is one with the alarm before it. */
  #withdraw(alarm: DistinctAlarm, { timeMs }: DistinctRecord): DistinctAlarm {
    if (alarm.event.endReason !== undefined) return alarm;
    const endMs = Math.max(timeMs, alarm.activeAtMs);
    return this.#emit(alarm, endedAlarm(alarm.event, endMs, { endReason: "withdrawn" }));
  }

  #emit(alarm: DistinctAlarm, event: AlarmEvent): DistinctAlarm {
    const next = { ...event, step: alarm.event.step + 1 };
    this.#events.push(next);
    return { ...alarm, event: next };
  }

  /** The values that have made the spell begin. */
  #evidence(
    { from, to }: DistinctSpell,
    firsts: readonly FirstTime[],
  ): { readonly evidence: readonly RecordEvidence[] } {
    const { of } = this.rule;
    const evidence = firsts
      .slice(from, to)
      .map(({ id, timeMs, value, measure }) => ({ id, timeMs, labels: { [of]: value }, value: measure }));
    return { evidence };
  }
}

/** No text of a key has a zero in it. */
function keyName(key: readonly string[]): string {
  return key.join("\0");
}

/** Of several labels, `%` and `:` inside a value are written `%25` and `%3A`: no two keys look alike. */
function shownKey(key: readonly string[]): readonly string[] {
  return key.length < 2 ? key : key.map((text) => text.replaceAll("%", "%25").replaceAll(":", "%3A"));
}

function exported({ key, firsts, prunedToMs, alarms }: KeyState): DistinctKeyState {
  return { key, firsts: [...firsts], prunedToMs: prunedToMs === -Infinity ? null : prunedToMs, alarms };
}

function firstOf({ value, timeMs, id, measure }: DistinctRecord, beforeMs: EventTimeMs): FirstTime {
  return { value, timeMs, beforeMs: beforeMs === -Infinity ? null : beforeMs, id, measure };
}

/** Behind all that are not later. */
function insert(firsts: FirstTime[], first: FirstTime): void {
  let at = firsts.length;
  while (at > 0 && firsts[at - 1].timeMs > first.timeMs) at -= 1;
  firsts.splice(at, 0, first);
}

/**
 * A record before the last of its value: whether it changes when the value was new. The value was new at `next`, the earliest
 * such time after it, and before that the key had it at `beforeMs` or never; everything between those two times is this record.
 */
function takeLate(firsts: FirstTime[], record: DistinctRecord, knownForMs: number): boolean {
  const { value, timeMs } = record;
  const at = firsts.findIndex((first) => first.value === value && first.timeMs > timeMs);
  if (at < 0) return false;
  const next = firsts[at];
  const beforeMs = next.beforeMs ?? -Infinity;
  if (timeMs <= beforeMs) return false;
  const isNew = timeMs - beforeMs > knownForMs;
  const isNextNew = next.timeMs - timeMs > knownForMs;
  if (isNextNew) firsts[at] = { ...next, beforeMs: timeMs };
  else firsts.splice(at, 1);
  if (isNew) insert(firsts, firstOf(record, beforeMs));
  return true;
}
