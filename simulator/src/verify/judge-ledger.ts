import { NO_LEDGER, type SiteLedger } from "./central-client.ts";
import type { OthersWindows } from "./others-windows.ts";

/** What one site's agents and central must have counted; a count that nobody can be sure of has bounds. */
export interface ExpectedSite {
  readonly site: string;
  readonly receivedMin: number;
  readonly receivedMax: number;
  readonly tooLateMin: number;
  readonly tooLateMax: number;
  readonly rejectedMin: number;
  readonly rejectedMax: number;
}

export interface LedgerRow {
  /** Or the stream of records. */
  readonly site: string;
  readonly count:
    | "received"
    | "merged"
    | "aggregated"
    | "duplicates"
    | "too late"
    | "rejected"
    | "without effect"
    | "given up"
    | "accounted for";
  readonly min: number;
  readonly max: number;
  readonly found: number;
  /** What it is made of, in words, where central says so. */
  readonly reasons?: string;
  readonly isRight: boolean;
}

/** The ledger's counts beside the truth's, site by site, and what central says of each reading that it received. */
export function judgeLedger(
  expected: readonly ExpectedSite[],
  found: ReadonlyMap<string, SiteLedger>,
): readonly LedgerRow[] {
  return expected.flatMap((each) => {
    const { site, receivedMin, receivedMax, tooLateMin, tooLateMax } = each;
    const { received, merged, tooLate, rejected, skipped, ...further } = found.get(site) ?? NO_LEDGER;
    const { unwindowed, unreadable, future, foreignSite } = further;
    const accounted = merged + tooLate + unwindowed + unreadable + future + foreignSite;
    const reasons = reasonsOf({ merged, tooLate, unwindowed, unreadable, future, foreignSite });
    return [
      ledgerRow({ site, count: "received", min: receivedMin, max: receivedMax, found: received }),
      ledgerRow({
        site,
        count: "merged",
        min: receivedMin - tooLateMax,
        max: receivedMax - tooLateMin,
        found: merged,
      }),
      ledgerRow({ site, count: "too late", min: tooLateMin, max: tooLateMax, found: tooLate }),
      ledgerRow({ site, count: "rejected", min: each.rejectedMin, max: each.rejectedMax, found: rejected }),
      // What an agent gave up cannot have been received.
      ledgerRow({
        site,
        count: "given up",
        min: 0,
        max: Math.max(0, receivedMax - received),
        found: skipped,
      }),
      ledgerRow({ site, count: "accounted for", min: received, max: received, found: accounted, reasons }),
    ];
  });
}

/** `merged 12, future 3` */
export function reasonsOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(", ");
}

export function ledgerRow(row: Omit<LedgerRow, "isRight">): LedgerRow {
  return { ...row, isRight: row.found >= row.min && row.found <= row.max };
}

/**
 * Counts are since central's beginning: where others' readings may be among them, no more can be said than that so many are there. All that
 * came must be accounted for, whosever it is.
 */
export function besideOthers(row: LedgerRow, { isAllowed, before, after }: OthersWindows): LedgerRow {
  const areAmong = isAllowed && before + after > 0 && row.count !== "accounted for";
  return areAmong ? ledgerRow({ ...row, max: Infinity }) : row;
}
