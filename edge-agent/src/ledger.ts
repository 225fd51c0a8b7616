/** Why a reading did not enter a pane. Closed: the names are in metrics, the status and `docs/metrics.md`. */
export const REJECTION_REASONS = [
  "malformed",
  "too_many",
  "no_reading",
  "oversized",
  "not_finite",
  "not_numeric",
  "null_value",
  "no_birth",
  "bad_time",
  "unknown_topic",
  "future",
  "before_floor",
  "wrong_site",
  "series_cap",
  "pane_cap",
  "no_room",
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** The agent's loss ledger, in readings, since its store was made. */
export interface LedgerTotals {
  received: number;
  aggregated: number;
  /** Read by rules only: the metric is in no window. */
  ruleOnly: number;
  duplicate: number;
  rejected: Record<RejectionReason, number>;
  /** Kept until the clock is proven: their own time is ahead of it. Goes down when they are judged. */
  held: number;
  /** Acknowledged by central. */
  forwarded: number;
  /** Given up to stay within `outbox.bytesMax`. */
  evicted: number;
  /** Lost to damage of the store. */
  damaged: number;
  /** Batches of alarms given up because alarms had more than their share of the outbox. Beside the sums: no readings. */
  alarmBatchesEvicted: number;
  /** Parts of evidence: sealed = queued (in the outbox) + acknowledged by central + evicted + damaged. Beside the sums. */
  evidencePartsSealed: number;
  evidencePartsEvicted: number;
  evidencePartsDamaged: number;
}

/**
 * Counters that add up, at two stages:
 *
 *   received   = aggregated + ruleOnly + duplicate + Σ rejected + held           (+ pending: not yet durable)
 *   aggregated = open (in panes) + queued (in the outbox) + forwarded + evicted + damaged
 *
 * A payload that cannot be decoded counts as one reading, and so does each element, line or record of one that can.
 */
export class Ledger {
  readonly totals: LedgerTotals;

  constructor(totals?: LedgerTotals) {
    this.totals = totals ?? {
      received: 0,
      aggregated: 0,
      ruleOnly: 0,
      duplicate: 0,
      rejected: noRejections(),
      held: 0,
      forwarded: 0,
      evicted: 0,
      damaged: 0,
      alarmBatchesEvicted: 0,
      evidencePartsSealed: 0,
      evidencePartsEvicted: 0,
      evidencePartsDamaged: 0,
    };
  }

  reject(reason: RejectionReason, count = 1): void {
    this.totals.received += count;
    this.totals.rejected[reason] += count;
  }

  /** A held reading is judged: it was received when it came. */
  rejectHeld(reason: RejectionReason): void {
    this.totals.held -= 1;
    this.totals.rejected[reason] += 1;
  }

  static parse(value: unknown): Ledger {
    const ledger = new Ledger();
    if (typeof value !== "object" || value === null) return ledger;
    const stored: Partial<LedgerTotals> = value;
    const { totals } = ledger;
    for (const name of [
      "received",
      "aggregated",
      "ruleOnly",
      "duplicate",
      "held",
      "forwarded",
      "evicted",
      "damaged",
      "alarmBatchesEvicted",
      "evidencePartsSealed",
      "evidencePartsEvicted",
      "evidencePartsDamaged",
    ] as const) {
      totals[name] = stored[name] ?? 0;
    }
    for (const reason of REJECTION_REASONS) totals.rejected[reason] = stored.rejected?.[reason] ?? 0;
    return ledger;
  }
}

function noRejections(): Record<RejectionReason, number> {
  return {
    malformed: 0,
    too_many: 0,
    no_reading: 0,
    oversized: 0,
    not_finite: 0,
    not_numeric: 0,
    null_value: 0,
    no_birth: 0,
    bad_time: 0,
    unknown_topic: 0,
    future: 0,
    before_floor: 0,
    wrong_site: 0,
    series_cap: 0,
    pane_cap: 0,
    no_room: 0,
  };
}
