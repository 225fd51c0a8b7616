import type { RecordRefusal, RecordRefusalReason } from "@millrace/wire";
import type { RecordOutcome } from "./record-batch.ts";
import { NO_RECORDS } from "./record-totals.ts";
import type { RecordTotals } from "./record-totals.ts";

/** A record that is in no window, for the quarantine. */
export interface RefusedRecord {
  readonly reason: RecordRefusalReason | "set_aside" | "too_late" | "unreadable";
  readonly detail: string;
  readonly partition: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

type Counts = Omit<RecordTotals, "rejected" | "tooLateByMetric">;

type Writable = { -readonly [Name in keyof RecordTotals]: RecordTotals[Name] };

/** What became of a stream's records, and those that the quarantine is to be shown. */
export class RecordLedger {
  #totals: RecordTotals = NO_RECORDS;
  #refused: RefusedRecord[] = [];

  restore(totals: RecordTotals): void {
    this.#totals = { ...NO_RECORDS, ...totals };
  }

  get totals(): RecordTotals {
    return this.#totals;
  }

  add(counts: Partial<Counts>): void {
    const totals: Writable = { ...this.#totals };
    for (const name of COUNTERS) totals[name] += counts[name] ?? 0;
    this.#totals = totals;
  }

  /** Values of a metric that are in no window of it. */
  tooLateOf(metric: string, count: number): void {
    const before = this.#totals.tooLateByMetric;
    const tooLateByMetric = { ...before, [metric]: (before[metric] ?? 0) + count };
    this.#totals = { ...this.#totals, tooLateByMetric };
  }

  /** One that is rejected: counted here, too. */
  reject(refused: RefusedRecord & RecordRefusal): void {
    const { reason } = refused;
    const rejected = { ...this.#totals.rejected, [reason]: (this.#totals.rejected[reason] ?? 0) + 1 };
    this.#totals = { ...this.#totals, rejected };
    this.leaveOut(refused);
  }

  /** One that the caller counts. */
  leaveOut(refused: RefusedRecord): void {
    this.#refused.push(refused);
  }

  /** Since the last call: no more than a commit takes. */
  takeRefused(): readonly RefusedRecord[] {
    const refused = this.#refused;
    this.#refused = [];
    return refused;
  }

  /** What has come since these were the totals, and which of it is told one by one. */
  outcomeSince(before: RecordTotals, told: Pick<RecordOutcome, "rejected" | "aside">): RecordOutcome {
    const after = this.#totals;
    const gained = (name: keyof Counts) => after[name] - before[name];
    return {
      received: gained("received"),
      taken: gained("aggregated") + gained("unwindowed"),
      duplicates: gained("duplicates"),
      setAside: gained("setAside"),
      tooLate: gained("tooLate"),
      noEffect: gained("noEffect"),
      rejectedCount: rejectedOf(after) - rejectedOf(before),
      lost: gained("lost"),
      ...told,
    };
  }
}

const { rejected: _, tooLateByMetric: __, ...COUNTS } = NO_RECORDS;
const COUNTERS = Object.keys(COUNTS).filter((name): name is keyof Counts => name in COUNTS);

function rejectedOf({ rejected }: RecordTotals): number {
  return Object.values(rejected).reduce((sum, count) => sum + count, 0);
}
