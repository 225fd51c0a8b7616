import type { Outcome, RuleEngine } from "@millrace/detect";
import type { Clock } from "@millrace/runtime";
import type { Labels, Quality, SeriesWatermarks } from "@millrace/stream";
import type { PlainReadings } from "@millrace/wire";
import type { ClockGuard } from "../clock-guard.ts";
import type { Deduplicator } from "./deduplicator.ts";
import type { ReadingRing } from "../evidence/reading-ring.ts";
import type { HeldReadings } from "./held-readings.ts";
import type { Ledger, RejectionReason } from "../ledger.ts";
import type { PaneTables } from "../panes/pane-tables.ts";
import { QUALITIES, REDO_FLAG, type RedoBuffer, type RedoRow } from "../durability/redo-entry.ts";
import type { RedoLog } from "../durability/redo-log.ts";
import type { Series } from "./series-registry.ts";
import type { WatchedWindows } from "../panes/watched-windows.ts";

/** A decoded reading on its way in. */
export interface IncomingReading {
  readonly series: Series;
  /** At the source's full resolution; may carry a fraction. */
  readonly sourceTimeMs: number;
  readonly value: number;
  readonly quality: Quality;
  readonly hasOwnTime: boolean;
  readonly isRetained: boolean;
  readonly arrivedMonotonicMs: number;
}

/** Good readings of one series out of one message. */
export interface ReadingRun {
  readonly series: Series;
  /** Whole ms. What the intake does with the arrays is its own affair: they mean nothing afterwards. */
  readonly readings: Pick<PlainReadings, "count" | "timeMs" | "value">;
  readonly hasOwnTime: boolean;
  readonly isRetained: boolean;
  readonly arrivedMonotonicMs: number;
}

export interface ReadingIntakeOptions {
  readonly tables: PaneTables;
  readonly clock: Clock;
  readonly guard: ClockGuard;
  readonly deduplicator: Deduplicator;
  readonly rules: RuleEngine;
  readonly watermarks: SeriesWatermarks;
  readonly ledger: Ledger;
  readonly redo: Pick<RedoBuffer, "add" | "addRun">;
  readonly redoLog: Pick<RedoLog, "next">;
  readonly watched: Pick<WatchedWindows, "add" | "has">;
  /** Where readings ahead of a clock that is not proven wait; null: they are rejected. */
  readonly held: Pick<HeldReadings, "add"> | null;
  /** Where raw readings are kept for a while; null: nowhere. */
  readonly recorder: Pick<ReadingRing, "add" | "addRun"> | null;
}

const NO_FLAGS = new Uint8Array(0);
const NO_LABELS: Labels = {};

/**
 * One reading's way into memory: guard, deduplication, rules, pane, redo. Rules come before the pane, and neither waits
 * for the disk. The same steps, without guard and deduplication, replay the redo log after a crash.
 */
export class ReadingIntake {
  readonly #options: ReadingIntakeOptions;
  /** Of the run at hand, by reading. */
  #flags = NO_FLAGS;
  /** Of the run at hand, and of one reading in it: the rules keep neither. Written anew, they cost no garbage. */
  readonly #arrival = {
    nowMs: 0.5,
    ageNowMs: 0.5,
    monotonicMs: 0.5,
    arrivedMonotonicMs: 0.5,
    isRetained: false,
    isReplayed: false,
  };
  readonly #reading = { metric: "", labels: NO_LABELS, timeMs: 0.5, value: 0.5, quality: "good" as const };

  constructor(options: ReadingIntakeOptions) {
    this.#options = options;
  }

  /** Takes the reading in, or says why not. What the rules ask for goes to `onOutcomes` before anything else happens. */
  accept(
    reading: IncomingReading,
    onOutcomes: (outcomes: readonly Outcome[]) => void,
  ): RejectionReason | undefined {
    const { guard, deduplicator, ledger, redo, redoLog, recorder, clock } = this.#options;
    const { series, sourceTimeMs, value, quality, hasOwnTime, isRetained } = reading;
    const verdict = guard.judge(sourceTimeMs);
    if (verdict !== "before_floor" && hasOwnTime && !isRetained)
      guard.sensors.heard(series.index, sourceTimeMs, clock.monotonicMs());
    if (verdict !== "plausible") {
      if (verdict === "future" && this.#hold(reading, onOutcomes)) return undefined;
      ledger.reject(verdict);
      return verdict;
    }
    if (hasOwnTime) guard.heard(sourceTimeMs);
    const keyVerdict = hasOwnTime
      ? deduplicator.judge(series.index, sourceTimeMs, value, redoLog.next)
      : "fresh";
    ledger.totals.received += 1;
    if (keyVerdict === "duplicate") {
      ledger.totals.duplicate += 1;
      return undefined;
    }
    let flags: number = QUALITIES.indexOf(quality);
    if (hasOwnTime) flags |= REDO_FLAG.hasOwnTime;
    if (keyVerdict === "undeduplicated") flags |= REDO_FLAG.undeduplicated;
    onOutcomes(this.judge(reading, false));
    const fate = this.#aggregate(series, sourceTimeMs, value, flags);
    if (fate === "pane_cap") {
      ledger.totals.rejected.pane_cap += 1;
      return fate;
    }
    ledger.totals[fate] += 1;
    this.#watch(series, sourceTimeMs, value, flags);
    redo.add(series.index, sourceTimeMs, value, flags);
    recorder?.add(series.index, sourceTimeMs, value, flags & REDO_FLAG.qualityMask);
    return undefined;
  }

  /**
   * Ahead of the agent's time. While nothing has proven that right, the reading's may be: it waits for the proof. The rules
   * take it as of now, held or not, for a machine cannot wait; what lies behind others of its sensor is as much older.
   * False: it is not held.
   */
  #hold(reading: IncomingReading, onOutcomes: (outcomes: readonly Outcome[]) => void): boolean {
    const { guard, held, ledger, recorder } = this.#options;
    const { series, sourceTimeMs, value, quality, hasOwnTime } = reading;
    const flags = QUALITIES.indexOf(quality) | (hasOwnTime ? REDO_FLAG.hasOwnTime : 0);
    const fate =
      held === null || guard.isProven ? "full" : held.add(series.index, sourceTimeMs, value, flags);
    if (fate !== "duplicate") {
      const timeMs = this.#asOfNowMs(reading);
      onOutcomes(this.judge({ ...reading, sourceTimeMs: timeMs }, false));
      recorder?.add(series.index, timeMs, value, flags & REDO_FLAG.qualityMask);
    }
    if (fate === "full") return false;
    ledger.totals.received += 1;
    ledger.totals[fate] += 1;
    return true;
  }

  /**
   * A held reading, whose time has proven right: the rules have had it, and the ledger has it as received. It was told
   * apart from the others that were held when it came: that much has come since does not make it undeduplicated.
   */
  admit(series: Series, { timeMs, value, flags }: RedoRow): RejectionReason | undefined {
    const { deduplicator, ledger, redo, redoLog } = this.#options;
    const { totals } = ledger;
    const isDuplicate =
      (flags & REDO_FLAG.hasOwnTime) !== 0 &&
      deduplicator.judge(series.index, timeMs, value, redoLog.next) === "duplicate";
    const fate = isDuplicate ? "duplicate" : this.#aggregate(series, timeMs, value, flags);
    if (fate === "pane_cap") {
      ledger.rejectHeld(fate);
      return fate;
    }
    totals.held -= 1;
    totals[fate] += 1;
    if (isDuplicate) return undefined;
    this.#watch(series, timeMs, value, flags);
    redo.add(series.index, timeMs, value, flags | REDO_FLAG.judged);
    return undefined;
  }

  /**
   * The same for all readings of a message at once: a few loops instead of many calls. False, and nothing has happened,
   * where one of them may be refused: then each is to be accepted by itself.
   */
  acceptRun(run: ReadingRun, onOutcomes: (outcomes: readonly Outcome[]) => void): boolean {
    const { guard, ledger, redo, watermarks, rules, clock, watched, tables, recorder } = this.#options;
    const { series, hasOwnTime, isRetained, arrivedMonotonicMs } = run;
    const { count, timeMs, value } = run.readings;
    const { index, metric, labels } = series;
    const table = tables.atAll(metric, timeMs, count);
    if (table === "several") return false;
    if (table !== undefined && !table.hasRoomFor(count)) return false;
    if (!guard.arePlausible(timeMs, count)) return false;
    // Any of them may tell what sensors say: the last is mostly the latest.
    if (hasOwnTime && count > 0) guard.heard(timeMs[count - 1]);
    const monotonicMs = clock.monotonicMs();
    if (hasOwnTime && count > 0 && !isRetained) guard.sensors.heard(index, timeMs[count - 1], monotonicMs);
    if (this.#flags.length < count) this.#flags = new Uint8Array(count);
    const flags = this.#flags;
    const fresh = hasOwnTime ? this.#leaveDuplicates(index, run.readings) : count;
    if (!hasOwnTime) flags.fill(0, 0, count);
    const readings = fresh === count ? run.readings : { count: fresh, timeMs, value };
    if (fresh > 0 && rules.watches(metric)) {
      const arrival = this.#arrival;
      arrival.nowMs = guard.nowMs();
      arrival.ageNowMs = guard.ageNowMs();
      arrival.monotonicMs = monotonicMs;
      arrival.arrivedMonotonicMs = arrivedMonotonicMs;
      arrival.isRetained = isRetained;
      const reading = this.#reading;
      reading.metric = metric;
      reading.labels = labels;
      const isLastEnough = fresh > 1 && rules.isQuiet(index, metric, readings);
      for (let at = isLastEnough ? fresh - 1 : 0; at < fresh; at += 1) {
        reading.timeMs = timeMs[at];
        reading.value = value[at];
        onOutcomes(rules.onReading(index, reading, arrival));
      }
    }
    ledger.totals.received += count;
    ledger.totals.duplicate += count - fresh;
    ledger.totals[table === undefined ? "ruleOnly" : "aggregated"] += fresh;
    if (fresh === 1) table?.add(index, timeMs[0], value[0]);
    else table?.addSeries(index, readings);
    watermarks.observeRun(index, timeMs, { count: fresh, nowMs: guard.steadyMs(monotonicMs) });
    for (let at = 0; at < fresh; at += 1)
      if ((flags[at] & REDO_FLAG.undeduplicated) !== 0) table?.addBeside(index, timeMs[at], "undeduplicated");
    if (watched.has(metric)) for (let at = 0; at < fresh; at += 1) watched.add(series, timeMs[at], value[at]);
    redo.addRun(index, readings, flags);
    recorder?.addRun(index, readings);
    return true;
  }

  /** The others move up; their flags are set. Returns how many they are. */
  #leaveDuplicates(series: number, readings: ReadingRun["readings"]): number {
    const { deduplicator, redoLog } = this.#options;
    const { count, timeMs, value } = readings;
    const flags = this.#flags;
    let fresh = deduplicator.admitAhead(series, readings, redoLog.next);
    for (let at = 0; at < fresh; at += 1) flags[at] = REDO_FLAG.hasOwnTime;
    for (let at = fresh; at < count; at += 1) {
      const verdict = deduplicator.judge(series, timeMs[at], value[at], redoLog.next);
      if (verdict === "duplicate") continue;
      timeMs[fresh] = timeMs[at];
      value[fresh] = value[at];
      flags[fresh] = REDO_FLAG.hasOwnTime | (verdict === "undeduplicated" ? REDO_FLAG.undeduplicated : 0);
      fresh += 1;
    }
    return fresh;
  }

  /**
   * The source of the series is gone, its last value is no longer current: a bad reading of now, which no rule sees and
   * no watermark heeds. To the rules silence is silence.
   */
  markStale(series: Series, lastValue: number): void {
    const { guard, ledger, redo } = this.#options;
    const timeMs = guard.nowMs();
    const verdict = guard.judge(timeMs);
    if (verdict !== "plausible") return ledger.reject(verdict);
    ledger.totals.received += 1;
    const fate = this.#besidePane(series, timeMs);
    if (fate === "pane_cap") ledger.totals.rejected.pane_cap += 1;
    else {
      ledger.totals[fate] += 1;
      redo.add(series.index, timeMs, lastValue, QUALITIES.indexOf("bad") | REDO_FLAG.stale);
    }
  }

  #asOfNowMs({ series, sourceTimeMs }: IncomingReading): number {
    const { guard, clock } = this.#options;
    const lateMs = guard.sensors.lateMs(series.index, sourceTimeMs, clock.monotonicMs());
    return Math.floor(guard.nowMs() - lateMs);
  }

  /** The rules alone: the reading cannot be taken in because the disk takes no writes. */
  judgeAlone(reading: IncomingReading): readonly Outcome[] {
    const isAhead = this.#options.guard.judge(reading.sourceTimeMs) === "future";
    return this.judge(isAhead ? { ...reading, sourceTimeMs: this.#asOfNowMs(reading) } : reading, false);
  }

  judge(reading: IncomingReading, isReplayed: boolean): readonly Outcome[] {
    const { series, sourceTimeMs, value, quality, isRetained, arrivedMonotonicMs } = reading;
    const { rules, guard, clock } = this.#options;
    if (!rules.watches(series.metric)) return [];
    return rules.onReading(
      series.index,
      { metric: series.metric, labels: series.labels, timeMs: Math.floor(sourceTimeMs), value, quality },
      {
        nowMs: guard.nowMs(),
        ageNowMs: guard.ageNowMs(),
        monotonicMs: clock.monotonicMs(),
        arrivedMonotonicMs,
        isRetained,
        isReplayed,
      },
    );
  }

  /** Replays a row of a redo entry, each part of the state from where its checkpoint ends. */
  replay(
    row: RedoRow,
    series: Series,
    { entry, parts }: { entry: number; parts: { panes: boolean; watermarks: boolean; rules: boolean } },
  ): readonly Outcome[] {
    const { deduplicator, watermarks, guard } = this.#options;
    if ((row.flags & REDO_FLAG.keyOnly) !== 0) {
      deduplicator.recall(row.series, row.timeMs, row.value, entry);
      return [];
    }
    if ((row.flags & REDO_FLAG.hasOwnTime) !== 0)
      deduplicator.judge(row.series, row.timeMs, row.value, entry);
    if ((row.flags & REDO_FLAG.stale) !== 0) {
      if (parts.panes) this.#besidePane(series, row.timeMs);
      return [];
    }
    // They are in memory only: whatever is still in the log.
    this.#watch(series, row.timeMs, row.value, row.flags);
    if (parts.panes) this.#aggregate(series, row.timeMs, row.value, row.flags);
    // A pane's reading is observed on its way; the others only where the watermarks' own checkpoint is older.
    else if (parts.watermarks) watermarks.observe(series.index, Math.floor(row.timeMs), guard.steadyMs());
    if (!parts.rules || (row.flags & REDO_FLAG.judged) !== 0) return [];
    return this.judge(
      {
        series,
        sourceTimeMs: row.timeMs,
        value: row.value,
        quality: QUALITIES[row.flags & REDO_FLAG.qualityMask],
        hasOwnTime: true,
        isRetained: false,
        arrivedMonotonicMs: 0,
      },
      true,
    );
  }

  #watch(series: Series, sourceTimeMs: number, value: number, flags: number): void {
    if ((flags & REDO_FLAG.qualityMask) !== 0) return;
    this.#options.watched.add(series, Math.floor(sourceTimeMs), value);
  }

  #besidePane(series: Series, timeMs: number): "aggregated" | "ruleOnly" | "pane_cap" {
    const wholeMs = Math.floor(timeMs);
    const table = this.#options.tables.at(series.metric, wholeMs);
    if (table === undefined) return "ruleOnly";
    return table.addBeside(series.index, wholeMs, "bad") ? "aggregated" : "pane_cap";
  }

  #aggregate(
    series: Series,
    sourceTimeMs: number,
    value: number,
    flags: number,
  ): "aggregated" | "ruleOnly" | "pane_cap" {
    const { tables, watermarks, guard } = this.#options;
    const timeMs = Math.floor(sourceTimeMs);
    watermarks.observe(series.index, timeMs, guard.steadyMs());
    const table = tables.at(series.metric, timeMs);
    if (table === undefined) return "ruleOnly";
    const quality = QUALITIES[flags & REDO_FLAG.qualityMask];
    const isTaken =
      quality === "good"
        ? table.add(series.index, timeMs, value)
        : table.addBeside(series.index, timeMs, quality);
    if (!isTaken) return "pane_cap";
    if ((flags & REDO_FLAG.undeduplicated) !== 0) table.addBeside(series.index, timeMs, "undeduplicated");
    return "aggregated";
  }
}
