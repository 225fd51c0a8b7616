import type { RuleEngineChanges } from "@millrace/detect";
import type { Change, Store } from "@millrace/queue";
import { numberKey, numberOfKey, parseJson, PREFIX, prefixRange, putJson } from "./agent-store.ts";

/** What the alarms' steps of one commit have changed. */
export interface RulesStep extends RuleEngineChanges {
  /** The series in it stand after the redo entries before this one. */
  readonly from: number;
}

/** With so many series in it the rules' part of the checkpoint is written anew. */
const SERIES_MAX = 10_000;

/**
 * What steps of alarms have changed since the rules' part of the checkpoint, one entry a commit: as durable as the alarm
 * itself, at the price of the series that it belongs to instead of all. The part takes the place of the entries before it.
 */
export class RulesJournal {
  #first = 1;
  #next = 1;
  #seriesCount = 0;

  get isFull(): boolean {
    return this.#seriesCount >= SERIES_MAX;
  }

  append(changes: Change[], step: RulesStep): void {
    changes.push(putJson(numberKey(PREFIX.rulesJournal, this.#next), step));
    this.#next += 1;
    this.#seriesCount += step.series.length;
  }

  /** The part of the checkpoint in these changes holds everything. */
  clear(changes: Change[]): void {
    for (; this.#first < this.#next; this.#first += 1)
      changes.push({ type: "del", key: numberKey(PREFIX.rulesJournal, this.#first) });
    this.#seriesCount = 0;
  }

  /** Reads the stored entries in order; a damaged one is given as `undefined`. */
  async *open(store: Store): AsyncIterable<RulesStep | undefined> {
    let isFirst = true;
    for await (const { key, value } of store.range(prefixRange(PREFIX.rulesJournal))) {
      const number = numberOfKey(key);
      if (isFirst) this.#first = number;
      isFirst = false;
      this.#next = number + 1;
      const step = parseJson(value);
      yield isStep(step) ? step : undefined;
    }
  }
}

function isStep(value: unknown): value is RulesStep {
  if (typeof value !== "object" || value === null) return false;
  if (!("from" in value && "series" in value && "commands" in value)) return false;
  const { from, series, commands } = value;
  return Number.isSafeInteger(from) && Array.isArray(series) && Array.isArray(commands);
}
