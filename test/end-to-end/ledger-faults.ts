import type { AgentLedger } from "../../scripts/start/agent-status.ts";
import { holds, ledgerRows } from "../../scripts/start/loss-ledger.ts";
import type { CentralHarness } from "./central-harness.ts";
import type { SiteHarness } from "./site-harness.ts";

/**
 * Every identity of the ledger from the agent's input to central's windows that does not hold, and everything that was
 * counted as lost, in words. `madeCount`: the site's readings, each counted once.
 */
export async function ledgerFaults(options: {
  readonly site: SiteHarness;
  readonly central: CentralHarness;
  readonly ledger: AgentLedger | undefined;
  readonly madeCount: number;
}): Promise<string[]> {
  const { site, central, ledger, madeCount } = options;
  const ofCentral = await central.ledger(site.agent);
  const truth = {
    generated: madeCount,
    unacked: 0,
    repeated: 0,
    lost: 0,
    spoilt: 0,
    again: 0,
    hasEnded: true,
    ackedBySite: new Map([[site.site, madeCount]]),
  };
  const agent = { agent: site.agent, site: site.site, isSimulated: true, ledger, central: ofCentral };
  const faults = ledgerRows({ truth, agents: [agent] })
    .filter((row) => !holds(row))
    .map((row) => `${row.stage}, ${row.name}: ${row.total} is not ${JSON.stringify(row.parts)}`);
  const lost = {
    evicted: ledger?.evicted,
    damaged: ledger?.damaged,
    pending: ledger?.pending,
    ...ledger?.rejected,
    tooLate: ofCentral?.tooLate,
    unwindowed: ofCentral?.unwindowed,
    unreadable: ofCentral?.unreadable,
    future: ofCentral?.future,
    foreignSite: ofCentral?.foreignSite,
    skipped: ofCentral?.skipped,
    ...ofCentral?.rejected,
  };
  for (const [name, count] of Object.entries(lost))
    if (count !== 0) faults.push(`${site.agent}: ${name} is ${count}`);
  return faults;
}
