import { formatVerdict } from "../../simulator/src/verify/format-verdict.ts";
import { verifyTruth, type Verdict } from "../../simulator/src/verify/verify-truth.ts";
import { centralLedger } from "./central-status.ts";
import { FACTS_AFTER_MS, fourFacts } from "./four-facts.ts";
import { LINE_AGENTS, type Line } from "./line.ts";
import { formatLedger, holds, ledgerRows } from "./loss-ledger.ts";
import { poll } from "./poll.ts";
import type { RunFolder } from "./run-folder.ts";
import type { StageLog } from "./stage-log.ts";

/** Central publishes a revision at most once a second. */
const SETTLE_MS_MAX = 15_000;
const SETTLE_POLL_MS = 500;
const REQUIRED_VALUES = ["count", "sum", "min", "max"];

export interface FinalReportOptions {
  readonly line: Line;
  readonly folder: RunFolder;
  readonly log: StageLog;
  readonly ranMs: number;
}

/** Prints verdict, ledger and facts once the sources have stopped; returns what failed, in words. */
export async function finalReport({ line, folder, log, ranMs }: FinalReportOptions): Promise<string[]> {
  const verdict = await settledVerdict(folder.truth, line);
  const central = await centralLedger(line.client);
  const rows = ledgerRows({
    truth: verdict.readings,
    agents: LINE_AGENTS.map((each) => ({
      ...each,
      ledger: line.finalLedger(each.agent),
      central: central.agents[each.agent],
    })),
  });
  const facts = fourFacts(verdict.alarmSteps, await line.client.alarms());
  const mustShowFacts = ranMs >= FACTS_AFTER_MS;

  log.line(`\nThe loss ledger\n${formatLedger(rows)}`);
  log.line(`\nThe windows, against the simulator's truth\n${formatVerdict(verdict)}`);
  log.line("\nThe facts");
  for (const { isTrue, text } of facts) log.line(`${isTrue ? "✓" : mustShowFacts ? "✗" : "–"} ${text}`);
  if (!mustShowFacts) log.line(`  (a run under ${FACTS_AFTER_MS / 1_000} s need not show them)`);

  const failures = rows
    .filter((row) => !holds(row))
    .map((row) => `the ledger does not add up at ${row.stage}: ${row.name}`);
  if (!verdict.readings.hasEnded) failures.push("the simulator did not end in order");
  if (verdict.readings.unacked > 0)
    failures.push(`${verdict.readings.unacked} readings were never acknowledged`);
  if (verdict.readings.generated === 0) failures.push("the simulator generated nothing");
  if (!verdict.isRight) failures.push("central's windows or alarms differ from the truth");
  for (const { window, compared } of verdict.windows) {
    const absent = REQUIRED_VALUES.filter((name) => !compared.includes(name));
    if (absent.length > 0) failures.push(`window ${window} says nothing of ${absent.join(", ")}`);
  }
  if (mustShowFacts) failures.push(...facts.filter((fact) => !fact.isTrue).map((fact) => fact.text));
  return failures;
}

/** The verdict once it is right, or as it stands when it has had its time. */
async function settledVerdict(truthPath: string, line: Line): Promise<Verdict> {
  const judge = (): Promise<Verdict> => verifyTruth({ truthPath, centralUrl: line.dashboardUrl });
  const options = { everyMs: SETTLE_POLL_MS, limitMs: SETTLE_MS_MAX, signal: new AbortController().signal };
  const right = await poll(async () => {
    const verdict = await judge();
    return verdict.isRight ? verdict : undefined;
  }, options);
  return right ?? judge();
}
