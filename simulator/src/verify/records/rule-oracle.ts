import type { WatchRule } from "../central-client.ts";
import type { RecordValue } from "./record-reader.ts";

/** An alarm that a rule on single records must have raised. */
export interface TrueRuleAlarm {
  /** Without where it is. */
  readonly labels: Readonly<Record<string, string>>;
  readonly activeAtMs: number;
  /** Null: it is active when the records end. */
  readonly clearedAtMs: number | null;
  /** It need not be there: the silence was about as long as is allowed. */
  readonly isUnsure: boolean;
}

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  newestMs: number;
  sentMs: number;
  brokenSinceMs: number | null;
  activeAtMs: number | null;
  /** Where it was then. */
  zone: string;
}

/** Silence counts by the clock of whoever listens, who knows what time it is from the records of all others: so far that may be off. */
export const SILENCE_TOLERANCE_MS = 15_000;

/** The alarms of one rule, told by all records that came, in the order in which they left. */
export class RuleOracle {
  readonly rule: WatchRule;
  readonly #series = new Map<string, Series>();
  readonly #alarms: TrueRuleAlarm[] = [];

  constructor(rule: WatchRule) {
    this.rule = rule;
  }

  add({ value, labels: all }: RecordValue, timeMs: number, sentMs: number): void {
    if (value === null) return;
    const { zoneLabel, when } = this.rule;
    const labels = Object.fromEntries(Object.entries(all).filter(([name]) => name !== zoneLabel));
    const key = JSON.stringify(labels);
    const known = this.#series.get(key);
    const series = known ?? {
      labels,
      newestMs: -Infinity,
      sentMs,
      brokenSinceMs: null,
      activeAtMs: null,
      zone: "",
    };
    this.#series.set(key, series);
    if (when.kind === "missing") this.#hear(series, sentMs, when.forMs + when.forAtLeastMs, false);
    else if (timeMs > series.newestMs) {
      const number = typeof value === "number" ? value : NaN;
      if (when.kind === "zone") {
        const zone = all[zoneLabel ?? ""] ?? "";
        const isMet = when.zones.includes(zone) === when.isIn;
        if (when.isIn && zone !== series.zone) this.#end(series, timeMs);
        this.#step(series, timeMs, { isMet, isNormal: !isMet, forMs: 0 });
        series.zone = zone;
      } else {
        const side = when.kind === "above" ? 1 : -1;
        const isMet = side * number > side * when.limit;
        const isNormal = when.clear === when.limit ? !isMet : side * number < side * when.clear;
        this.#step(series, timeMs, { isMet, isNormal, forMs: when.forAtLeastMs });
      }
    }
    series.newestMs = Math.max(series.newestMs, timeMs);
    series.sentMs = sentMs;
  }

  /** All of them, once nothing more comes. */
  alarms(endMs: number): readonly TrueRuleAlarm[] {
    const { when } = this.rule;
    for (const series of this.#series.values()) {
      if (when.kind === "missing") this.#hear(series, endMs, when.forMs + when.forAtLeastMs, true);
      else if (series.activeAtMs !== null) this.#end(series, null);
    }
    return this.#alarms;
  }

  #hear({ labels, sentMs: beforeMs }: Series, sentMs: number, forMs: number, isEnd: boolean): void {
    const silentMs = sentMs - beforeMs;
    if (silentMs <= forMs - SILENCE_TOLERANCE_MS) return;
    const isUnsure = silentMs <= forMs + SILENCE_TOLERANCE_MS;
    const clearedAtMs = isEnd ? null : sentMs;
    this.#alarms.push({ labels, activeAtMs: beforeMs + forMs, clearedAtMs, isUnsure });
  }

  #step(
    series: Series,
    timeMs: number,
    {
      isMet,
      isNormal,
      forMs,
    }: { readonly isMet: boolean; readonly isNormal: boolean; readonly forMs: number },
  ): void {
    if (series.activeAtMs !== null) {
      if (isNormal) this.#end(series, timeMs);
      return;
    }
    series.brokenSinceMs = isMet ? (series.brokenSinceMs ?? timeMs) : null;
    if (series.brokenSinceMs === null || timeMs - series.brokenSinceMs < forMs) return;
    series.activeAtMs = timeMs;
    series.brokenSinceMs = null;
  }

  #end(series: Series, clearedAtMs: number | null): void {
    const { labels, activeAtMs } = series;
    if (activeAtMs !== null) this.#alarms.push({ labels, activeAtMs, clearedAtMs, isUnsure: false });
    series.activeAtMs = null;
  }
}
