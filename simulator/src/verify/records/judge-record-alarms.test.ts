// The judge of alarms on records: its oracle finds what the truth of a plan says, and what central differs in is found.
import { expect, test } from "vitest";
import type { BusinessRecord } from "../../business/business-record.ts";
import { parsePlan } from "../../plan/load-plan.ts";
import { RecordedWorld } from "../../recorded-world.ts";
import type { TruthLine } from "../../truth/truth-line.ts";
import type { CentralAlarm, DistinctRule } from "../central-client.ts";
import { EarlierAlarms } from "../earlier-alarms.ts";
import { DistinctOracle } from "./distinct-oracle.ts";
import { judgeRecordAlarms } from "./judge-record-alarms.ts";

const START_MS = 1_767_571_200_000;
const RULE: DistinctRule = {
  name: "pays_strangers",
  stream: "transfers",
  of: { name: "payee", path: ["to"] },
  by: [{ name: "account", path: ["from"] }],
  atLeast: 5,
  withinMs: 60_000,
  knownForMs: 90 * 86_400_000,
};
const PLAN = `version: 1
seed: 19
business:
  transfers:
    perSecond: 50
    accounts: 500
    circle: [3, 8]
    history: true
    strangers: 0.02
    alarm: { strangers: 5, within: 1m }
    rings:
      - { at: 30s, every: 40s, payees: 5, within: 35s }
      - { at: 40s, every: 70s, payees: 5, within: 61s }
      - { at: 20s, every: 50s, payees: 5, within: 40s, to: known }
`;

function minutes(text = PLAN) {
  const lines: TruthLine[] = [];
  const world = new RecordedWorld({
    plan: parsePlan(text, "plan"),
    startMs: START_MS,
    recovery: null,
    record: (line) => lines.push(line),
    hasRecords: true,
  });
  const sent: BusinessRecord[] = [];
  while (world.nextTimeMs < START_MS + 300_000) sent.push(...world.step());
  return { world, sent, fraud: lines.filter((line) => line.type === "fraud") };
}

function oracleOf(records: readonly BusinessRecord[]): DistinctOracle {
  const oracle = new DistinctOracle(RULE);
  // In no order of time.
  for (const { json, timeMs } of records.toReversed()) oracle.add(json ?? "", timeMs);
  return oracle;
}

test("the alarms are those that the truth of the plan has, with their payees", () => {
  const { world, sent, fraud } = minutes();
  const alarms = oracleOf(sent).alarms(world.history());
  expect(alarms.length).toBeGreaterThan(5);
  expect(alarms.map(({ key, timeMs, values }) => [key[0], timeMs, values])).toEqual(
    fraud.map(({ account, time, payees }) => [account, time, payees]),
  );
});

test("without the history payees of the circle are strangers", () => {
  const { sent, fraud } = minutes();
  expect(oracleOf(sent).alarms([]).length).toBeGreaterThan(fraud.length);
});

test("an alarm that is missing, that is none, or that names others, is found; one that was withdrawn is none", () => {
  const { world, sent } = minutes();
  const oracle = oracleOf(sent);
  const truth = oracle.alarms(world.history());
  const answers: CentralAlarm[] = truth.map(({ key, timeMs, endMs, values }) => ({
    id: `${key[0]}:${timeMs}`,
    rule: RULE.name,
    labels: { account: key[0] },
    step: 1,
    activeAtMs: timeMs,
    clearedAtMs: endMs,
    timeMs,
    value: 5,
    receivedAtMs: timeMs + 20,
    action: "none",
    command: null,
    evidence: values.map((value) => ({ labels: { payee: value } })),
  }));
  const judge = (
    alarms: readonly CentralAlarm[],
    earlier: readonly CentralAlarm[] = [],
    endMs = START_MS + 900_000,
  ) =>
    judgeRecordAlarms(oracle, truth, {
      answers: alarms,
      endMs,
      earlier: new EarlierAlarms(earlier),
    });
  expect(judge(answers)).toEqual({
    rule: RULE.name,
    right: truth.length,
    missed: 0,
    wrong: 0,
    covered: 0,
    delay: { p50Ms: 20, maxMs: 20 },
    faults: [],
  });
  const [first, ...rest] = answers;
  expect(judge(rest)).toMatchObject({ missed: 1, wrong: 0 });
  expect(judge([...answers, { ...first, activeAtMs: 5 }])).toMatchObject({ missed: 0, wrong: 1 });
  expect(judge([...answers, { ...first, id: "again" }])).toMatchObject({ missed: 0, wrong: 1 });
  expect(judge([{ ...first, clearedAtMs: null }, ...rest])).toMatchObject({ missed: 1, wrong: 1 });
  expect(judge([{ ...first, clearedAtMs: truth[0].endMs + 1 }, ...rest])).toMatchObject({
    missed: 1,
    wrong: 1,
  });
  // The records' time has not passed its end when they end.
  expect(judge([{ ...first, clearedAtMs: null }, ...rest], [], truth[0].endMs)).toMatchObject({
    missed: 0,
    wrong: 0,
  });
  const withdrawn = { ...first, activeAtMs: 5, endReason: "withdrawn" };
  expect(judge([...answers, withdrawn])).toMatchObject({ missed: 0, wrong: 0 });
  const before = { ...first, activeAtMs: 5, clearedAtMs: first.activeAtMs + 1 };
  expect(judge(rest, [before])).toMatchObject({ right: rest.length, missed: 0, covered: 1, wrong: 0 });
  expect(judge([{ ...first, evidence: [] }, ...rest])).toMatchObject({ missed: 1, wrong: 1 });
});
