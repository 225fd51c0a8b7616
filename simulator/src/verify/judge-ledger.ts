import type { SiteLedger } from "./central-client.ts";

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
  readonly site: string;
  readonly count: "received" | "too late" | "rejected";
  readonly min: number;
  readonly max: number;
  readonly found: number;
  readonly isRight: boolean;
}

/** The ledger's counts beside the truth's, site by site. */
export function judgeLedger(
  expected: readonly ExpectedSite[],
  found: ReadonlyMap<string, SiteLedger>,
): readonly LedgerRow[] {
  return expected.flatMap((each) => {
    const ledger = found.get(each.site) ?? { received: 0, tooLate: 0, rejected: 0 };
    const row = (count: LedgerRow["count"], min: number, max: number, of: number): LedgerRow => ({
      site: each.site,
      count,
      min,
      max,
      found: of,
      isRight: of >= min && of <= max,
    });
    return [
      row("received", each.receivedMin, each.receivedMax, ledger.received),
      row("too late", each.tooLateMin, each.tooLateMax, ledger.tooLate),
      row("rejected", each.rejectedMin, each.rejectedMax, ledger.rejected),
    ];
  });
}
