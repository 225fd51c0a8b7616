import type { BusinessRecord } from "../../business/business-record.ts";
import type { RecordMetric } from "../central-client.ts";
import type { WindowOracle } from "../window-oracle.ts";
import type { DistinctOracle } from "./distinct-oracle.ts";
import type { JudgedStream } from "./judged-stream.ts";
import { readRecord } from "./record-reader.ts";
import type { RuleOracle } from "./rule-oracle.ts";

export interface PlainStreamOptions {
  readonly metrics: readonly RecordMetric[];
  readonly watches: readonly RuleOracle[];
  readonly rules: readonly DistinctOracle[];
  readonly oracle: WindowOracle;
}

/** Records that each stand for themselves. */
export class PlainStream implements JudgedStream {
  readonly watches: readonly RuleOracle[];
  readonly rules: readonly DistinctOracle[];
  readonly expected = { good: 0, maybeLate: 0, again: 0, refused: 0, noEffect: null };
  readonly #metrics: readonly RecordMetric[];
  readonly #oracle: WindowOracle;
  #latestMs = -Infinity;

  constructor({ metrics, watches, rules, oracle }: PlainStreamOptions) {
    this.#metrics = metrics;
    this.watches = watches;
    this.rules = rules;
    this.#oracle = oracle;
  }

  get latestMs(): number {
    return this.#latestMs;
  }

  arrive({ fate, json, timeMs, sentMs }: BusinessRecord, isBefore: boolean): void {
    const { expected } = this;
    if (fate === "again") {
      expected.again += 1;
      return;
    }
    const values = fate === "spoilt" || json === null ? null : readRecord({ json, timeMs }, this.#metrics);
    if (values === null || json === null || !this.rules.every((rule) => rule.add(json, timeMs))) {
      expected.refused += 1;
      return;
    }
    expected.good += 1;
    this.#latestMs = Math.max(this.#latestMs, timeMs);
    // A stream's own time is not beyond its latest record, and its windows end by it.
    const arrival = { earliestMs: -Infinity, latestMs: this.#latestMs, isUnsure: false };
    for (const read of values)
      for (const watch of this.watches)
        if (watch.rule.metric === read.metric) watch.add(read, timeMs, sentMs);
    if (isBefore) return;
    let isMaybeLate = false;
    for (const { metric, value, labels } of values) {
      if (value === null) continue;
      const labelOf = (label: string): string => labels[label] ?? "";
      const place = this.#oracle.addValue({ metric, time: timeMs, value, labelOf }, arrival);
      isMaybeLate ||= place === "unsure";
    }
    if (isMaybeLate) expected.maybeLate += 1;
  }

  /** Each record was in its windows at once. */
  finish(): void {}
}
