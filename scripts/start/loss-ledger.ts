import type { TruthCounts } from "../../simulator/src/verify/verify-truth.ts";
import { formatTable } from "../../simulator/src/verify/format-table.ts";
import type { AgentLedger } from "./agent-status.ts";
import type { CentralLedger } from "./central-status.ts";

/** One identity of the ledger: a total, and what it must be the sum of. */
export interface LedgerRow {
  readonly stage: string;
  readonly name: string;
  readonly total: number;
  readonly parts: readonly (readonly [name: string, count: number])[];
}

export interface LedgerInputs {
  readonly truth: TruthCounts;
  /** By agent; `isSimulated`: its readings come from the simulator alone, so that they can be held against the truth. */
  readonly agents: readonly {
    readonly agent: string;
    readonly site: string;
    readonly isSimulated: boolean;
    readonly ledger: AgentLedger | undefined;
    readonly central: CentralLedger | undefined;
  }[];
}

/** Every identity from the sensors to central's windows. */
export function ledgerRows({ truth, agents }: LedgerInputs): LedgerRow[] {
  const ackedTotal = [...truth.ackedBySite.values()].reduce((sum, count) => sum + count, 0);
  const rows: LedgerRow[] = [
    {
      stage: "simulator",
      name: "generated",
      total: truth.generated,
      parts: [
        ["acknowledged", ackedTotal],
        ["unacknowledged", truth.unacked],
        ...(truth.repeated === 0 ? [] : [["repeated by a clock that was set back", truth.repeated] as const]),
      ],
    },
  ];
  for (const { agent, site, isSimulated, ledger, central } of agents) {
    const stage = `agent ${agent}`;
    if (ledger === undefined) {
      rows.push({ stage, name: "no ledger", total: Number.NaN, parts: [] });
      continue;
    }
    const {
      received,
      aggregated,
      ruleOnly,
      duplicate,
      held,
      pending,
      open,
      queued,
      forwarded,
      evicted,
      damaged,
    } = ledger;
    const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
    if (isSimulated) {
      rows.push({
        stage,
        name: "from simulator",
        total: truth.ackedBySite.get(site) ?? 0,
        parts: [
          ["aggregated", aggregated],
          ["rules only", ruleOnly],
        ],
      });
    }
    rows.push(
      {
        stage,
        name: "received",
        total: received,
        parts: [
          ["aggregated", aggregated],
          ["rules only", ruleOnly],
          ["duplicate", duplicate],
          ["rejected", rejected],
          ...(held === 0 ? [] : [["held", held] as const]),
          ["pending", pending],
        ],
      },
      {
        stage,
        name: "aggregated",
        total: aggregated,
        parts: [
          ["forwarded", forwarded],
          ["open", open],
          ["queued", queued],
          ["evicted", evicted],
          ["damaged", damaged],
        ],
      },
    );
    rows.push(
      {
        stage: `central`,
        name: `from ${agent}`,
        total: forwarded,
        parts: [["received", central?.received ?? Number.NaN]],
      },
      {
        stage: `central`,
        name: `of ${agent}`,
        total: central?.received ?? Number.NaN,
        parts: [
          ["merged", central?.merged ?? Number.NaN],
          ["too late", central?.tooLate ?? 0],
          ["unwindowed", central?.unwindowed ?? 0],
          ["unreadable", central?.unreadable ?? 0],
          ["future", central?.future ?? 0],
          ["foreign site", central?.foreignSite ?? 0],
        ],
      },
    );
  }
  return rows;
}

export function holds(row: LedgerRow): boolean {
  return row.total === row.parts.reduce((sum, [, count]) => sum + count, 0);
}

export function formatLedger(rows: readonly LedgerRow[]): string {
  const number = (count: number): string => (Number.isNaN(count) ? "unknown" : count.toLocaleString("en-US"));
  return formatTable([
    ["", "stage", "readings", "", "are"],
    ...rows.map((row) => [
      holds(row) ? "✓" : "✗",
      row.stage,
      row.name,
      number(row.total).padStart(9),
      row.parts.map(([name, count]) => `${number(count)} ${name}`).join(" + "),
    ]),
  ]);
}
