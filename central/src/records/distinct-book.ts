import type { DistinctRule, RecordStreamConfig } from "@millrace/config";
import { DistinctDetector } from "@millrace/detect";
import type { AlarmEvent, DistinctKeyState } from "@millrace/detect";
import type { Change } from "@millrace/queue";
import type { IdVerdict } from "@millrace/stream";
import { PAIR_HASH_WORDS } from "@millrace/wire";
import type { PairTexts, RecordColumns } from "@millrace/wire";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import { IdLog } from "./id-log.ts";
import { isHistorical } from "./is-historical.ts";

/** Keys with new values of late; about 1 KB each in memory. */
const KEYS_MAX = 1_000_000;
/** Ids expire in steps of a 32nd of the horizon: a record may be taken that much later. */
const HORIZON_SHARE = 33 / 32;
/** Superseded pairs in the store, beside as many as are known. */
const SUPERSEDED_SPARE = 65_536;

/** What of a rule survives a restart, beside its pairs and keys. */
export interface DistinctRuleRecord {
  readonly rule: string;
  /** What it reads; of a rule that reads something else the state means nothing. */
  readonly reads: string;
  readonly forgotten: number;
}

export const DISTINCT_RULES = new StoredJson<DistinctRuleRecord>({
  rule: "string",
  reads: "string",
  forgotten: "number",
});
const FIRST = {
  value: "string",
  timeMs: "number",
  beforeMs: ["null", "number"],
  id: "string",
  measure: "number",
} as const;
const ALARM = {
  activeAtMs: "number",
  endMs: "number",
  event: { id: "string", step: "number", isActive: "boolean", activeAtMs: "number" },
} as const;
export const DISTINCT_KEYS = new StoredJson<DistinctKeyState>({
  key: ["string"],
  firsts: [FIRST],
  prunedToMs: ["null", "number"],
  alarms: [ALARM],
});

/** A block of records that was read. */
export interface DistinctBlock {
  readonly rows: number;
  readonly verdicts: readonly IdVerdict[];
  readonly columns: Pick<RecordColumns, "timeMs" | "values" | "pairs">;
  /** Of the rule's pair, and of its metric's measure. */
  readonly pair: number;
  readonly measure: number;
  readonly textsOf: (row: number) => PairTexts;
  readonly nowMs: number;
}

/**
 * One rule on the records of a stream, and its state in the store: the pairs that it knows as a log, whose first entries are
 * written again without what was superseded; and the keys that had something new of late.
 */
export class DistinctBook {
  readonly rule: DistinctRule;
  readonly #detector: DistinctDetector;
  readonly #log: IdLog;
  #forgottenCount = 0;
  #addedCount = 0;
  #tidiedCount = 0;
  #isDirty = true;

  constructor(rule: DistinctRule, { dedupeHorizonMs }: Pick<RecordStreamConfig, "dedupeHorizonMs">) {
    this.rule = rule;
    const latenessMs = Math.ceil(dedupeHorizonMs * HORIZON_SHARE) + 1;
    this.#detector = new DistinctDetector(rule.spec, {
      latenessMs,
      keysMax: KEYS_MAX,
      knownMax: rule.knownMax,
    });
    const { name } = rule.spec;
    this.#log = new IdLog({
      words: PAIR_HASH_WORDS,
      keyOf: (number) => CENTRAL_KEYS.distinctPairs(name, number),
    });
  }

  /** See `DistinctRuleRecord.reads`. */
  get reads(): string {
    const { stream, key, value } = this.rule;
    return JSON.stringify([stream, key, value]);
  }

  get knownCount(): number {
    return this.#detector.known.count;
  }

  get keyCount(): number {
    return this.#detector.keyCount;
  }

  /** Pairs forgotten, and keys dropped, before their time because there were too many. */
  get forgottenCount(): number {
    return this.#forgottenCount + this.#detector.droppedCount;
  }

  restore({ forgotten }: DistinctRuleRecord): void {
    this.#forgottenCount = forgotten;
    this.#isDirty = false;
  }

  restorePairs(number: number, bytes: Uint8Array): void {
    const { hashes, timesMs, count } = this.#log.restore(number, bytes);
    for (let pair = 0; pair < count; pair += 1)
      this.#detector.known.note(hashes, pair * PAIR_HASH_WORDS, timesMs[pair]);
  }

  restoreKey(state: DistinctKeyState): void {
    this.#detector.restore(state);
  }

  /** Judges what is fresh of a block. */
  take({ rows, verdicts, columns, pair, measure, textsOf, nowMs }: DistinctBlock): void {
    const { timeMs, values, pairs } = columns;
    const hashes = pairs[pair];
    for (let row = 0; row < rows; row += 1) {
      const value = values[measure][row];
      // An optional value that is absent is NaN: the record is none of the metric's.
      if (verdicts[row] !== "fresh" || value !== value) continue;
      const at = row * PAIR_HASH_WORDS;
      const fate = this.#detector.judge(hashes, at, timeMs[row]);
      if (fate === "known") continue;
      if (fate !== "late") {
        this.#log.add(hashes, at, timeMs[row]);
        this.#addedCount += 1;
      }
      if (fate === "later") continue;
      const record = {
        ...textsOf(row),
        timeMs: timeMs[row],
        measure: value,
        isHistorical: isHistorical(timeMs[row], nowMs),
      };
      this.#detector.take(record, hashes, at);
    }
  }

  /** Forgets what is too old to matter. `judged`: records since the last call. */
  forget(watermarkMs: number, judged: number): void {
    this.#detector.forget(watermarkMs, judged);
  }

  /** Ends alarms that were raised in commits before this one. */
  end(timeMs: number): void {
    this.#detector.end(timeMs);
  }

  takeEvents(): AlarmEvent[] {
    return this.#detector.takeEvents();
  }

  /** The entry of pairs that is to be read and tidied with this commit; null where there is none. */
  get untidyKey(): Uint8Array | null {
    const { first, count } = this.#log;
    if (first === null || this.#tidiedCount > 2 * this.#addedCount + SUPERSEDED_SPARE) return null;
    const isCrowded = count > 2 * this.knownCount + SUPERSEDED_SPARE;
    const isExpired = first.latestMs < this.#detector.expiredToMs;
    return isCrowded || isExpired || this.#isOverFull ? first.key : null;
  }

  /** Takes what still stands of the first entry into the last one. `bytes`: undefined where the store has lost it. */
  tidy(bytes: Uint8Array | undefined): void {
    const { known, expiredToMs } = this.#detector;
    const { hashes, timesMs, count } = this.#log.read(bytes ?? new Uint8Array(0));
    this.#tidiedCount += Math.max(1, count);
    for (let pair = 0; pair < count; pair += 1) {
      const at = pair * PAIR_HASH_WORDS;
      const timeMs = timesMs[pair];
      if (known.get(hashes, at) !== timeMs) continue;
      const isExpired = timeMs < expiredToMs;
      if (!isExpired && !this.#isOverFull) {
        this.#log.add(hashes, at, timeMs);
        continue;
      }
      known.forget(hashes, at);
      if (isExpired) continue;
      this.#forgottenCount += 1;
      this.#isDirty = true;
    }
    this.#log.dropFirst();
  }

  /** What is to be committed with the positions. */
  takeChanges(): Change[] {
    const { name } = this.rule.spec;
    const keyOf = CENTRAL_KEYS.distinctKeys(name);
    const changes = this.#log.takeChanges(-Infinity);
    this.#addedCount = 0;
    this.#tidiedCount = 0;
    for (const [key, state] of this.#detector.takeChanged()) {
      const stored = keyOf(key);
      changes.push(state === null ? { type: "del", key: stored } : DISTINCT_KEYS.put(stored, state));
    }
    if (this.#isDirty) {
      this.#isDirty = false;
      const record = { rule: name, reads: this.reads, forgotten: this.#forgottenCount };
      changes.push(DISTINCT_RULES.put(CENTRAL_KEYS.distinctRule(name), record));
    }
    return changes;
  }

  get #isOverFull(): boolean {
    return this.knownCount > this.rule.knownMax;
  }
}
