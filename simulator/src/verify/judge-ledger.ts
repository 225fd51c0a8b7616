import type { SiteLedger } from "./central-client.ts";
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
  readonly count: "received" | "aggregated" | "duplicates" | "too late" | "rejected" | "without effect";
  readonly min: number;
  readonly max: number;
  readonly found: number;
  /** What it is made of, in words, where central says so. */
  readonly reasons?: string;
  readonly isRight: boolean;
}

/** The ledger's counts beside the truth's, site by site. */
export function judgeLedger(
  expected: readonly ExpectedSite[],
  found: ReadonlyMap<string, SiteLedger>,
): readonly LedgerRow[] {
  return expected.flatMap((each) => {
    const ledger = found.get(each.site) ?? { received: 0, tooLate: 0, rejected: 0 };
    const { site } = each;
    return [
      ledgerRow({
        site,
        count: "received",
        min: each.receivedMin,
        max: each.receivedMax,
        found: ledger.received,
      }),
      ledgerRow({
        site,
        count: "too late",
        min: each.tooLateMin,
        max: each.tooLateMax,
        found: ledger.tooLate,
      }),
      ledgerRow({
        site,
        count: "rejected",
        min: each.rejectedMin,
        max: each.rejectedMax,
        found: ledger.rejected,
      }),
    ];
  });
}

export function ledgerRow(row: Omit<LedgerRow, "isRight">): LedgerRow {
  return { ...row, isRight: row.found >= row.min && row.found <= row.max };
}

/** Counts are since central's beginning: where others' readings may be among them, no more can be said than that so many are there. */
export function besideOthers(row: LedgerRow, { isAllowed, before, after }: OthersWindows): LedgerRow {
  return isAllowed && before + after > 0 ? ledgerRow({ ...row, max: Infinity }) : row;
}
