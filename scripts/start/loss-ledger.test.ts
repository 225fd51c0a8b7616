// The ledger's table holds each identity by itself: one reading lost anywhere shows where.
import { expect, test } from "vitest";
import type { AgentLedger } from "./agent-status.ts";
import { formatLedger, holds, ledgerRows } from "./loss-ledger.ts";

const agent: AgentLedger = {
  received: 105,
  aggregated: 100,
  ruleOnly: 0,
  duplicate: 4,
  rejected: { malformed: 1 },
  held: 0,
  pending: 0,
  open: 0,
  queued: 0,
  forwarded: 100,
  evicted: 0,
  damaged: 0,
};
const central = {
  received: 100,
  merged: 99,
  tooLate: 1,
  unwindowed: 0,
  unreadable: 0,
  future: 0,
  foreignSite: 0,
  skipped: 0,
};
const truth = {
  generated: 100,
  unacked: 0,
  repeated: 0,
  lost: 0,
  spoilt: 0,
  again: 0,
  hasEnded: true,
  ackedBySite: new Map([["alpha", 100]]),
};
const rowsOf = (changes: Partial<AgentLedger>, centralChanges: Partial<typeof central> = {}) =>
  ledgerRows({
    truth,
    agents: [
      {
        agent: "a",
        site: "alpha",
        isSimulated: true,
        ledger: { ...agent, ...changes },
        central: { ...central, ...centralChanges },
      },
    ],
  });
const broken = (rows: ReturnType<typeof rowsOf>) =>
  rows.filter((row) => !holds(row)).map((row) => `${row.stage}: ${row.name}`);

test("a whole ledger adds up, and each loss breaks the identity of its stage", () => {
  expect(broken(rowsOf({}))).toEqual([]);
  expect(broken(rowsOf({ received: 106 }))).toEqual(["agent a: received"]);
  expect(broken(rowsOf({ aggregated: 99, received: 104 }))).toEqual([
    "agent a: from simulator",
    "agent a: aggregated",
  ]);
  expect(broken(rowsOf({}, { received: 99 }))).toEqual(["central: from a", "central: of a"]);
  expect(broken(rowsOf({}, { merged: 98 }))).toEqual(["central: of a"]);
  expect(formatLedger(rowsOf({}))).toContain(
    "✓  agent a    received              105  100 aggregated + 0 rules only + 4 duplicate + 1 rejected + 0 pending",
  );
});

test("an agent without a last word does not add up", () => {
  const rows = ledgerRows({
    truth,
    agents: [{ agent: "a", site: "alpha", isSimulated: true, ledger: undefined, central }],
  });
  expect(broken(rows)).toEqual(["agent a: no ledger"]);
});
