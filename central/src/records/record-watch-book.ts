import type { RecordRule } from "@millrace/config";
import { RecordWatch } from "@millrace/detect";
import type { AlarmEvent, RecordSeries, RecordSeriesState } from "@millrace/detect";
import type { Change } from "@millrace/queue";
import type { IdVerdict, Labels } from "@millrace/stream";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import { isHistorical } from "./is-historical.ts";

/** Of one rule; about 0.5 KB each in memory. */
const SERIES_MAX = 100_000;

export const WATCHED_SERIES = new StoredJson<RecordSeriesState>({
  rule: "string",
  metric: "string",
  kind: "string",
  labels: { "*": "string" },
  newestMs: "number",
  heardAtMs: "number",
  brokenSinceMs: ["null", "number"],
  alarm: ["null", { id: "string", step: "number", activeAtMs: "number", labels: { "*": "string" } }],
});

/** A block of records that was read. */
export interface WatchedBlock {
  readonly rows: number;
  readonly verdicts: readonly IdVerdict[];
  readonly timeMs: Float64Array;
  /** By row: the greatest event time of its partition up to it. */
  readonly latestMs: Float64Array;
  /** Of the rule's metric. */
  readonly value: Float64Array;
  /** Of the metric's labels: what `labelsOf` tells of. */
  readonly series: Uint32Array;
  readonly labelsOf: (combination: number) => Labels;
  readonly nowMs: number;
}

interface Watched {
  readonly series: RecordSeries | null;
  readonly zone: string;
}

/** One rule on the records of a stream, and its series in the store. */
export class RecordWatchBook {
  readonly rule: RecordRule;
  readonly #watch: RecordWatch;
  /** By combination of labels, until the decoder forgets them. */
  #known: (Watched | undefined)[] = [];

  constructor(rule: RecordRule) {
    this.rule = rule;
    this.#watch = new RecordWatch(rule.spec, { seriesMax: SERIES_MAX });
  }

  get seriesCount(): number {
    return this.#watch.seriesCount;
  }

  get overLimitCount(): number {
    return this.#watch.overLimitCount;
  }

  restore(state: RecordSeriesState): void {
    this.#watch.restore(state);
  }

  /** Shows the rule what is fresh of a block. */
  take({ rows, verdicts, timeMs, latestMs, value, series, labelsOf, nowMs }: WatchedBlock): void {
    for (let row = 0; row < rows; row += 1) {
      // An optional value that is absent is NaN: the record is none of the metric's.
      if (verdicts[row] !== "fresh" || Number.isNaN(value[row])) continue;
      const watched = this.#watchedOf(series[row], labelsOf);
      this.#watch.observe(watched.series, {
        timeMs: timeMs[row],
        value: value[row],
        zone: watched.zone,
        heardAtMs: latestMs[row],
        isHistorical: isHistorical(timeMs[row], nowMs),
      });
    }
  }

  /** Time alone has passed: the stream's is `timeMs`. */
  tick(timeMs: number, nowMs: number): void {
    this.#watch.tick(timeMs, isHistorical(timeMs, nowMs));
  }

  /** Combinations of labels have other numbers from now on. */
  forgetLabels(): void {
    this.#known = [];
  }

  takeEvents(): AlarmEvent[] {
    return this.#watch.takeEvents();
  }

  /** What is to be committed with the positions. */
  takeChanges(): Change[] {
    const { name } = this.rule.spec;
    return Array.from(this.#watch.takeChanged(), ([key, state]): Change => {
      const stored = CENTRAL_KEYS.watched(name, key);
      return state === null ? { type: "del", key: stored } : WATCHED_SERIES.put(stored, state);
    });
  }

  #watchedOf(combination: number, labelsOf: (combination: number) => Labels): Watched {
    const known = this.#known[combination];
    // One too many may have room later.
    if (known !== undefined && known.series !== null) return known;
    const { zoneLabel } = this.rule;
    const all = labelsOf(combination);
    const labels = Object.fromEntries(Object.entries(all).filter(([name]) => name !== zoneLabel));
    const watched = { series: this.#watch.seriesOf(labels), zone: all[zoneLabel ?? ""] ?? "" };
    this.#known[combination] = watched;
    return watched;
  }
}
