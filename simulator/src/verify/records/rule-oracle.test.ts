// The judge of rules on single records: what must have been raised, and each way in which central may differ from it.
import { expect, test } from "vitest";
import type { CentralAlarm, WatchRule } from "../central-client.ts";
import { EarlierAlarms } from "../earlier-alarms.ts";
import { judgeRuleAlarms } from "./judge-rule-alarms.ts";
import { RuleOracle } from "./rule-oracle.ts";

const rule = (when: WatchRule["when"]): WatchRule => ({
  name: "rule",
  stream: "trucks",
  metric: "m",
  zoneLabel: "zone",
  when,
});
const alarm = (activeAtMs: number, clearedAtMs: number | null, truck = "t1"): CentralAlarm => ({
  id: `${truck} ${activeAtMs}`,
  rule: "rule",
  labels: { truck },
  step: 2,
  activeAtMs,
  clearedAtMs,
  timeMs: activeAtMs,
  value: 1,
  receivedAtMs: 0,
  action: "none",
  command: null,
});

function oracleOf(
  when: WatchRule["when"],
  records: readonly [timeMs: number, value: number, zone?: string][],
) {
  const oracle = new RuleOracle(rule(when));
  for (const [timeMs, value, zone = "outside"] of records)
    oracle.add({ metric: "m", value, labels: { truck: "t1", zone } }, timeMs, timeMs);
  return oracle;
}

function judged(oracle: RuleOracle, answers: readonly CentralAlarm[], endMs = 1_000_000) {
  const earlier = new EarlierAlarms([]);
  const { right, missed, wrong } = judgeRuleAlarms(oracle, oracle.alarms(endMs), { answers, endMs, earlier });
  return { right, missed, wrong };
}

test("a limit: begin and end to the millisecond; a record that comes late counts nowhere", () => {
  const made = () =>
    oracleOf({ kind: "above", limit: 100, clear: 100, forAtLeastMs: 0 }, [
      [1, 90],
      [2, 101],
      [1.5, 50],
      [3, 100],
      [4, 120],
    ]);
  const right = [alarm(2, 3), alarm(4, null)];
  expect(judged(made(), right)).toEqual({ right: 2, missed: 0, wrong: 0 });
  expect(judged(made(), [alarm(2, 3)])).toEqual({ right: 1, missed: 1, wrong: 0 });
  expect(judged(made(), [...right, alarm(7, 8)])).toEqual({ right: 2, missed: 0, wrong: 1 });
  expect(judged(made(), [alarm(2, 3.5), alarm(4, null)])).toEqual({ right: 1, missed: 1, wrong: 1 });
  expect(judged(made(), [alarm(2, 3, "t2"), alarm(4, null)])).toEqual({ right: 1, missed: 1, wrong: 1 });
});

test("silence, within what who listens cannot know; about as long as allowed is either", () => {
  const made = () =>
    oracleOf({ kind: "missing", forMs: 120_000, forAtLeastMs: 0 }, [
      [0, 1],
      [300_000, 1],
      [425_000, 1],
      [900_000, 1],
    ]);
  const [first, second] = [alarm(118_000, 299_000), alarm(544_000, 900_000)];
  expect(judged(made(), [first, second], 950_000)).toEqual({ right: 3, missed: 0, wrong: 0 });
  expect(judged(made(), [first, alarm(420_000, 424_000), second], 950_000)).toEqual({
    right: 3,
    missed: 0,
    wrong: 0,
  });
  expect(judged(made(), [second], 950_000)).toEqual({ right: 2, missed: 1, wrong: 0 });
  expect(judged(made(), [first, second, alarm(1_020_000, null)], 950_000).wrong).toBe(0);
});

test("zones: an alarm for each that it comes into; where it must be in one, the others are alike", () => {
  const way: [number, number, string?][] = [
    [1, 5],
    [2, 5, "depot"],
    [3, 5, "city"],
    [4, 5, "city"],
    [5, 5],
    [6, 5, "port"],
    [7, 5, "depot"],
  ];
  const inside = oracleOf({ kind: "zone", zones: ["depot", "city"], isIn: true }, way);
  expect(judged(inside, [alarm(2, 3), alarm(3, 5), alarm(7, null)])).toMatchObject({
    right: 3,
    missed: 0,
    wrong: 0,
  });
  const outside = oracleOf({ kind: "zone", zones: ["depot", "city"], isIn: false }, way);
  expect(judged(outside, [alarm(1, 2), alarm(5, 7)])).toMatchObject({ right: 2, missed: 0, wrong: 0 });
});

test("a zone: from the record that is in it to the one that is not", () => {
  const oracle = oracleOf({ kind: "zone", zones: ["depot"], isIn: true }, [
    [1, 5],
    [2, 5, "depot"],
    [3, 5, "depot"],
    [4, 5, "city"],
  ]);
  expect(judged(oracle, [{ ...alarm(2, 4), labels: { truck: "t1", zone: "depot" } }])).toEqual({
    right: 1,
    missed: 0,
    wrong: 0,
  });
});

test("an alarm from before covers what begins while it is active; what begins afterwards must be there", () => {
  const oracle = oracleOf({ kind: "above", limit: 5, clear: 5, forAtLeastMs: 0 }, [
    [1_000, 6],
    [2_000, 1],
    [3_000, 6],
    [4_000, 1],
  ]);
  const truth = oracle.alarms(10_000);
  const judge = (earlier: readonly CentralAlarm[]) =>
    judgeRuleAlarms(oracle, truth, { answers: [], endMs: 10_000, earlier: new EarlierAlarms(earlier) });
  expect(judge([alarm(-5_000, 2_000)])).toMatchObject({ right: 0, missed: 1, covered: 1, wrong: 0 });
  expect(judge([alarm(-5_000, null)])).toMatchObject({ missed: 0, covered: 2 });
  expect(judge([alarm(-5_000, -4_000)])).toMatchObject({ missed: 2, covered: 0 });
  expect(judge([alarm(-5_000, 2_000, "t2")])).toMatchObject({ missed: 2, covered: 0 });
  expect(judge([{ ...alarm(-5_000, null), rule: "other" }])).toMatchObject({ missed: 2, covered: 0 });
});
