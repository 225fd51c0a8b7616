import type { DistinctRule } from "../central-client.ts";
import { textAt } from "./record-reader.ts";

/** An alarm that must have been raised. */
export interface TrueAlarm {
  readonly key: readonly string[];
  readonly timeMs: number;
  /** Fewer are new then. */
  readonly endMs: number;
  /** In the order in which they came. */
  readonly values: readonly string[];
}

interface Payment {
  readonly timeMs: number;
  readonly key: readonly string[];
  readonly value: string;
}

/**
 * Which alarms a rule that counts new values must raise, by all records that came: one after another in order of event time, by the
 * definition. One alarm until there are fewer again.
 */
export class DistinctOracle {
  readonly rule: DistinctRule;
  readonly #payments: Payment[] = [];

  constructor(rule: DistinctRule) {
    this.rule = rule;
  }

  /** In any order. False: the record lacks what the rule reads. */
  add(json: string, timeMs: number): boolean {
    const payment = this.#read(json, timeMs);
    if (payment !== null) this.#payments.push(payment);
    return payment !== null;
  }

  /** `history`: records from before all others, in order of time; there may be far more of them than are to be remembered. */
  alarms(history: Iterable<{ readonly json: string | null; readonly timeMs: number }>): TrueAlarm[] {
    const { atLeast, withinMs, knownForMs } = this.rule;
    const own = new Set(this.#payments.map(pairOf));
    const lastMs = new Map<string, number>();
    const alarms: TrueAlarm[] = [];
    const keys = new Map<string, { recent: Payment[]; raisedAt: number | null }>();
    const isNew = (payment: Payment): boolean => {
      const pair = pairOf(payment);
      const beforeMs = lastMs.get(pair) ?? -Infinity;
      lastMs.set(pair, payment.timeMs);
      return payment.timeMs - beforeMs > knownForMs;
    };
    const meet = (payment: Payment): void => {
      if (!isNew(payment)) return;
      const { key, timeMs } = payment;
      const name = JSON.stringify(key);
      const state = keys.get(name) ?? { recent: [], raisedAt: null };
      keys.set(name, state);
      state.recent = state.recent.filter((each) => each.timeMs > timeMs - withinMs);
      if (state.recent.length < atLeast) state.raisedAt = null;
      state.recent.push(payment);
      if (state.recent.length < atLeast) return;
      const endMs = state.recent[state.recent.length - atLeast].timeMs + withinMs;
      if (state.raisedAt !== null) alarms[state.raisedAt] = { ...alarms[state.raisedAt], endMs };
      else {
        state.raisedAt = alarms.length;
        alarms.push({ key, timeMs, endMs, values: state.recent.map(({ value }) => value) });
      }
    };
    for (const { json, timeMs } of history) {
      const payment = json === null ? null : this.#read(json, timeMs);
      if (payment !== null && own.has(pairOf(payment))) isNew(payment);
    }
    for (const payment of this.#payments.toSorted((a, b) => a.timeMs - b.timeMs)) meet(payment);
    return alarms;
  }

  #read(json: string, timeMs: number): Payment | null {
    const record: unknown = JSON.parse(json);
    const key = this.rule.by.map(({ path }) => textAt(record, path));
    const value = textAt(record, this.rule.of.path);
    if (value === null || !key.every((part) => part !== null)) return null;
    return { timeMs, key, value };
  }
}

function pairOf({ key, value }: Payment): string {
  return JSON.stringify([...key, value]);
}
