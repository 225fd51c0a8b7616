import { type Labels, labelsKey, seriesKey } from "@millrace/stream";
import type { AlarmLifeCycle } from "./alarm-life-cycle.ts";
import { CommandInterlock } from "./command-interlock.ts";
import type { Detector, DetectorBounds, DetectorState } from "./detector.ts";
import { makeDetector } from "./make-detector.ts";
import type { SeriesChange } from "./rule-engine-changes.ts";
import type { RuleSpec } from "./rule-spec.ts";
import { columnLengthFor, grownColumn } from "./series-column.ts";

export interface SeriesRuleState {
  readonly rule: string;
  readonly labels: Labels;
  /** Null where the detector has nothing to keep. */
  readonly detector: DetectorState | null;
  readonly lastActivation: Activation | null;
  /** Of a rule on windows: the end of the newest that it has judged. */
  readonly judgedToMs?: number;
}

/** Makes ids unique where one series is raised twice in the same millisecond, or time goes back. */
interface Activation {
  /** The greatest so far. */
  readonly atMs: number;
  /** How many activations were not later than the greatest before them. */
  readonly repeat: number;
}

/** An alarm and where it stands. */
export interface AlarmPlace {
  readonly alarm: AlarmLifeCycle;
  readonly table: RuleTable;
  readonly slot: number;
  awaitedTopic: string | null;
  /** Of the alarm, when its changes were taken last. */
  takenStep: number;
}

/** One rule with its series: each has a slot, found by the caller's index or, after a restore, by its labels. */
export class RuleTable {
  readonly rule: RuleSpec;
  readonly detector: Detector;
  readonly interlock: CommandInterlock;
  /** Whether time alone can raise its condition. */
  readonly isByTime: boolean;
  readonly labels: Labels[] = [];
  readonly alarms: (AlarmPlace | undefined)[] = [];
  readonly #lastActivation: (Activation | undefined)[] = [];
  /** Of a rule on windows, for each slot. */
  readonly #judgedToMs: (number | undefined)[] = [];
  #isNew = false;
  readonly #slotByKey = new Map<string, number>();
  /** Slots of series that are not watched now, and count for nothing. */
  readonly #released = new Set<number>();
  /** By the caller's index; -1 where it is not known yet. */
  #slotByIndex = new Int32Array(0);

  constructor(rule: RuleSpec, bounds: DetectorBounds) {
    this.rule = rule;
    this.detector = makeDetector(rule, bounds);
    this.isByTime = rule.when.kind === "missing";
    this.interlock = new CommandInterlock(rule.action?.perMinuteMax ?? null, {
      isDryRun: rule.action?.isArmed === false,
    });
  }

  /** A restored engine did not have this rule: what was passed before is not its concern. */
  begin(): void {
    this.#isNew = true;
  }

  /** Whether a window that was passed before the start is still to be judged. */
  isUnjudged(slot: number, endMs: number): boolean {
    return !this.#isNew && endMs > (this.#judgedToMs[slot] ?? -Infinity);
  }

  /** It has judged the window that ends then, not as a revision. */
  judged(slot: number, endMs: number): void {
    this.#judgedToMs[slot] = endMs;
  }

  slotOf(seriesIndex: number): number {
    return seriesIndex < this.#slotByIndex.length ? this.#slotByIndex[seriesIndex] : -1;
  }

  /** Gives the series a slot; -1 when there are `seriesMax` already. */
  admit(seriesIndex: number, labels: Labels, seriesMax: number): number {
    const known = this.#slotByKey.get(labelsKey(labels));
    const isWatched = known !== undefined && !this.#released.has(known);
    if (!isWatched && this.labels.length - this.#released.size >= seriesMax) return -1;
    const slot = this.slotByLabels(labels);
    this.#released.delete(slot);
    if (seriesIndex >= this.#slotByIndex.length) {
      const longer = new Int32Array(columnLengthFor(seriesIndex)).fill(-1);
      this.#slotByIndex = grownColumn(this.#slotByIndex, longer);
    }
    this.#slotByIndex[seriesIndex] = slot;
    return slot;
  }

  /** Whether time may yet raise its condition, or an alarm of it is there. */
  isConcernedWith(labels: Labels): boolean {
    const slot = this.#slotByKey.get(labelsKey(labels));
    if (slot === undefined) return false;
    return this.alarms[slot] !== undefined || (this.isByTime && this.detector.state(slot) !== null);
  }

  /** The series makes room for another one, until it is heard again. */
  release(labels: Labels): void {
    const slot = this.#slotByKey.get(labelsKey(labels));
    if (slot === undefined) return;
    this.#released.add(slot);
    const index = this.#slotByIndex.indexOf(slot);
    if (index !== -1) this.#slotByIndex[index] = -1;
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

  /** From rule, series and time alone, so that a replay gives the same id. The simulator's `verify` reads the time in it. */
  nextId(slot: number, atMs: number): string {
    const last = this.#lastActivation[slot];
    const isNewest = last === undefined || atMs > last.atMs;
    const repeat = (last?.repeat ?? 0) + (isNewest ? 0 : 1);
    this.#lastActivation[slot] = { atMs: isNewest ? atMs : last.atMs, repeat };
    const series = hash53(seriesKey(this.rule.metric, this.labels[slot])).toString(36);
    return `${this.rule.name}-${series}-${atMs.toString(36)}${isNewest ? "" : `-${repeat}`}`;
  }

  export(): SeriesRuleState[] {
    return this.labels.flatMap((_, slot) => {
      if (this.#released.has(slot)) return [];
      const state = this.#stateOf(slot);
      return state.detector === null && state.lastActivation === null ? [] : [state];
    });
  }

  /** Of the series with these labels; undefined where there is none. */
  exportOne(labels: Labels): Omit<SeriesChange, "input"> | undefined {
    const slot = this.#slotByKey.get(labelsKey(labels));
    if (slot === undefined) return undefined;
    return { ...this.#stateOf(slot), alarm: this.alarms[slot]?.alarm.export() ?? null };
  }

  /** Whether these are labels of what it looks at: the windows of a rule may have been grouped otherwise. */
  hasGroups(labels: Labels): boolean {
    const by = this.rule.window?.by;
    return (
      by === undefined || (by.length === Object.keys(labels).length && by.every((name) => name in labels))
    );
  }

  /** A state of another kind of condition, or of other groups, is not taken: the series begins anew. */
  restore(state: SeriesRuleState, awakeMs: number): void {
    if (!this.hasGroups(state.labels)) return;
    const slot = this.slotByLabels(state.labels);
    this.detector.restore(slot, state.detector, awakeMs);
    this.#lastActivation[slot] = state.lastActivation ?? undefined;
    this.#judgedToMs[slot] = state.judgedToMs;
  }

  #stateOf(slot: number): SeriesRuleState {
    const lastActivation = this.#lastActivation[slot] ?? null;
    const judgedToMs = this.#judgedToMs[slot];
    return {
      rule: this.rule.name,
      labels: this.labels[slot],
      detector: this.detector.state(slot),
      lastActivation,
      ...(judgedToMs === undefined ? {} : { judgedToMs }),
    };
  }
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
