import type { CentralStream } from "../central-client.ts";
import { ledgerRow, type LedgerRow, reasonsOf } from "../judge-ledger.ts";

/** What central must have counted of one stream. */
export interface ExpectedStream {
  readonly good: number;
  /** Of the good ones, those that central may have found too late for their windows. */
  readonly maybeLate: number;
  readonly again: number;
  /** Spoilt, or without what a metric must have. */
  readonly refused: number;
  /** Of a table: changes of nothing that is there. Null: each record stands for itself. */
  readonly noEffect: number | null;
  /** So many may have come once more. */
  readonly againMax: number;
}

export function judgeStreamLedger(
  { good, maybeLate, again, refused, noEffect, againMax }: ExpectedStream,
  { stream: site, totals }: CentralStream,
): readonly LedgerRow[] {
  const { received, aggregated, unwindowed, duplicates, setAside, tooLate, rejected } = totals;
  const reasons = reasonsOf(rejected);
  const rejections = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  const sent = good + again + refused + (noEffect ?? 0);
  return [
    ledgerRow({ site, count: "received", min: sent, max: sent + againMax, found: received }),
    ledgerRow({
      site,
      count: "aggregated",
      min: good - maybeLate,
      max: good,
      found: aggregated + unwindowed,
    }),
    ledgerRow({ site, count: "duplicates", min: again, max: again + againMax, found: duplicates }),
    ledgerRow({ site, count: "too late", min: 0, max: maybeLate, found: tooLate + setAside }),
    ledgerRow({ site, count: "rejected", min: refused, max: refused + againMax, found: rejections, reasons }),
    ...(noEffect === null
      ? []
      : [
          ledgerRow({
            site,
            count: "without effect",
            min: noEffect,
            max: noEffect + againMax,
            found: totals.noEffect,
          }),
        ]),
    accountedFor(site, totals),
  ];
}

/** What came must all be somewhere. Others' records change nothing in it. */
function accountedFor(site: string, totals: CentralStream["totals"]): LedgerRow {
  const { received, aggregated, unwindowed, duplicates, setAside, tooLate, noEffect, rejected } = totals;
  const parts = { aggregated, unwindowed, duplicates, setAside, tooLate, noEffect, ...rejected };
  const found = Object.values(parts).reduce((sum, count) => sum + count, 0);
  return ledgerRow({
    site,
    count: "accounted for",
    min: received,
    max: received,
    found,
    reasons: reasonsOf(parts),
  });
}
