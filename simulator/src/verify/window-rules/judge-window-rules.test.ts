// Alarms of rules on windows: those of the true windows are right, others wrong, and what is not settled is not judged.
import { expect, test } from "vitest";
import type { CentralAlarm, WindowRule } from "../central-client.ts";
import { EarlierAlarms } from "../earlier-alarms.ts";
import { windowKey, type TrueWindow, type WindowDefinition } from "../window-oracle.ts";
import { judgeWindowRules } from "./judge-window-rules.ts";

const MINUTE_MS = 60_000;
const WINDOW: WindowDefinition = {
  name: "failed_1m",
  metric: "failed",
  sizeMs: MINUTE_MS,
  slideMs: MINUTE_MS,
  offsetMs: 0,
  by: ["region"],
  ratio: { side: "equal", limit: 1 },
};
const RULE: WindowRule = {
  name: "many_fail",
  on: "windows",
  window: "failed_1m",
  value: "ratio",
  state: "complete",
  when: { kind: "above", limit: 0.5, clear: 0.25, forAtLeastMs: 0 },
};

/** Of ten orders in each minute, so many failed. */
function truthOf(region: string, failed: readonly number[]): [string, TrueWindow][] {
  return failed.map((ratioCount, minute) => {
    const startMs = minute * MINUTE_MS;
    const window: TrueWindow = {
      window: "failed_1m",
      startMs,
      endMs: startMs + MINUTE_MS,
      group: [region],
      count: 10,
      unsureCount: 0,
      sum: ratioCount,
      sumAbsolute: ratioCount,
      squares: ratioCount,
      squaresMax: ratioCount,
      min: 0,
      max: 1,
      first: { timeMs: startMs, value: 0 },
      last: { timeMs: startMs, value: 1 },
      ratioCount,
      identities: new Set(),
      places: [],
    };
    return [windowKey("failed_1m", startMs, [region]), window];
  });
}

const alarm = (
  region: string,
  from: number,
  to: number | null,
  more: Partial<CentralAlarm> = {},
): CentralAlarm => ({
  id: `${region} ${from}`,
  rule: "many_fail",
  labels: { region },
  step: 1,
  activeAtMs: from * MINUTE_MS,
  clearedAtMs: to === null ? null : to * MINUTE_MS,
  timeMs: from * MINUTE_MS,
  value: 1,
  receivedAtMs: 0,
  action: "none",
  command: null,
  ...more,
});

function judge(
  answers: readonly CentralAlarm[],
  more: {
    readonly rule?: Partial<WindowRule>;
    readonly openFrom?: number;
    readonly toMs?: number;
    readonly earlier?: readonly CentralAlarm[];
  } = {},
) {
  return judgeWindowRules({
    rules: [{ ...RULE, ...more.rule }],
    definitions: [WINDOW],
    truth: new Map([...truthOf("北京", [0, 6, 4, 2, 9, 0]), ...truthOf("上海", [0, 0, 0, 0, 0, 8])]),
    open: { has: (_window, startMs) => startMs >= (more.openFrom ?? Infinity) * MINUTE_MS },
    answers,
    earlier: new EarlierAlarms(more.earlier ?? []),
    judgedToMs: more.toMs ?? Infinity,
  });
}

const ALL = [alarm("北京", 2, 4), alarm("北京", 5, 6), alarm("上海", 6, null)];

test("the alarms that the windows make are right; one that is missing, wrong or has other times is not", () => {
  expect(judge(ALL).verdicts).toMatchObject([{ right: 3, missed: 0, wrong: 0 }]);
  expect(judge(ALL.slice(1)).verdicts).toMatchObject([{ right: 2, missed: 1, wrong: 0 }]);
  expect(judge([...ALL, alarm("上海", 2, 3)]).verdicts).toMatchObject([{ right: 3, missed: 0, wrong: 1 }]);
  expect(judge([...ALL, alarm("广州", 2, 3)]).verdicts).toMatchObject([{ wrong: 1 }]);
  expect(judge([alarm("北京", 2, 3), ...ALL.slice(1)]).verdicts).toMatchObject([{ missed: 1, wrong: 1 }]);
  const withdrawn = alarm("上海", 2, 3, { endReason: "withdrawn" });
  expect(judge([...ALL, withdrawn]).verdicts).toMatchObject([{ right: 3, wrong: 0 }]);
});

test("what hangs on windows that may still change is not judged", () => {
  for (const more of [{ openFrom: 4 }, { toMs: 4 * MINUTE_MS }]) {
    expect(judge([ALL[0]], more).verdicts).toMatchObject([{ right: 1, missed: 0, wrong: 0 }]);
    expect(judge(ALL, more).verdicts).toMatchObject([{ right: 1, missed: 0, wrong: 0 }]);
    expect(judge([], more).verdicts).toMatchObject([{ missed: 1 }]);
  }
});

/** Nobody is sure of these windows of a group in which the second of two spells of two windows is true. */
function unsureAt(
  minutes: readonly number[],
  answers: readonly CentralAlarm[],
  rule: Partial<WindowRule> = {},
) {
  const truth = truthOf("北京", [0, 6, 0, 0, 9, 9, 0]).map(([key, window], minute): [string, TrueWindow] => [
    key,
    { ...window, unsureCount: minutes.includes(minute) ? 1 : 0 },
  ]);
  return judgeWindowRules({
    rules: [{ ...RULE, ...rule }],
    definitions: [WINDOW],
    truth: new Map(truth),
    open: { has: () => false },
    answers,
    earlier: new EarlierAlarms([]),
    judgedToMs: Infinity,
  });
}

test("after a window of which nobody is sure a rule is judged again from the next that is normal on, and the gap is told", () => {
  const spells = [alarm("北京", 2, 3), alarm("北京", 5, 7)];
  expect(unsureAt([], spells)).toMatchObject({ verdicts: [{ right: 2, missed: 0, wrong: 0 }], unjudged: [] });
  const first = unsureAt([0], spells.slice(1));
  expect(first.verdicts).toMatchObject([{ right: 1, missed: 0, wrong: 0 }]);
  expect(first.unjudged).toEqual([
    {
      what: "rule many_fail from 1970-01-01T00:01:00.000Z to 1970-01-01T00:03:00.000Z",
      why: "nobody is sure of its windows there",
    },
  ]);
  expect(unsureAt([0], []).verdicts).toMatchObject([{ right: 0, missed: 1, wrong: 0 }]);
  const falses = [alarm("北京", 3, 4), alarm("北京", 4, 5), alarm("北京", 7, null)];
  expect(unsureAt([0], [...spells, ...falses]).verdicts).toMatchObject([{ right: 1, missed: 0, wrong: 3 }]);
  // It may have ended in a window that nobody is sure of, or in any until the next that is normal, and no later.
  for (const to of [6, 7])
    expect(unsureAt([5], [spells[0], alarm("北京", 5, to)]).verdicts).toMatchObject([{ right: 2, wrong: 0 }]);
  for (const to of [8, null])
    expect(unsureAt([5], [spells[0], alarm("北京", 5, to)]).verdicts).toMatchObject([{ right: 1, wrong: 1 }]);
});

test("a rule on the change from window to window is judged again from two that hardly differ on", () => {
  const when: WindowRule["when"] = {
    kind: "rateOfChange",
    slope: { kind: "above", limit: 0.65, clear: 0.65, forAtLeastMs: 0 },
    perMs: MINUTE_MS,
    overMs: null,
  };
  const risen = alarm("北京", 5, 6);
  expect(unsureAt([1], [risen], { when }).verdicts).toMatchObject([{ right: 1, missed: 0, wrong: 0 }]);
  expect(unsureAt([1], [], { when }).verdicts).toMatchObject([{ missed: 1 }]);
  // The change to the first window that is sure is not known.
  expect(unsureAt([2], [alarm("北京", 4, 5), risen], { when }).verdicts).toMatchObject([
    { right: 0, wrong: 0 },
  ]);
});

test("what begins while an alarm from before the truth is active is covered by it, and not missed", () => {
  const earlier = [alarm("北京", -9, 4)];
  expect(judge(ALL.slice(1), { earlier }).verdicts).toMatchObject([{ right: 2, missed: 0, covered: 1 }]);
  expect(judge(ALL.slice(2), { earlier }).verdicts).toMatchObject([{ right: 1, missed: 1, covered: 1 }]);
  expect(judge(ALL, { earlier }).verdicts).toMatchObject([{ right: 3, missed: 0, covered: 0, wrong: 0 }]);
});

test("levels are one alarm, a rate goes from window to window, and an on-delay needs its time", () => {
  const high = (limit: number) => ({ limit });
  const levels: WindowRule["when"] = {
    kind: "levels",
    levels: { high: high(0.3), highHigh: high(0.8) },
    hysteresis: 0.05,
    forAtLeastMs: 0,
  };
  const ofLevels = [alarm("北京", 2, 4), alarm("北京", 5, 6), alarm("上海", 6, null)];
  expect(judge(ofLevels, { rule: { when: levels } }).verdicts).toMatchObject([
    { right: 3, missed: 0, wrong: 0 },
  ]);
  const rate: WindowRule["when"] = {
    kind: "rateOfChange",
    slope: { kind: "above", limit: 0.65, clear: 0.65, forAtLeastMs: 0 },
    perMs: MINUTE_MS,
    overMs: null,
  };
  const ofRate = [alarm("北京", 5, 6), alarm("上海", 6, null)];
  expect(judge(ofRate, { rule: { when: rate } }).verdicts).toMatchObject([{ right: 2, missed: 0, wrong: 0 }]);
  const delayed: WindowRule["when"] = { kind: "above", limit: 0.35, clear: 0.35, forAtLeastMs: MINUTE_MS };
  expect(judge([alarm("北京", 3, 4)], { rule: { when: delayed } }).verdicts).toMatchObject([
    { right: 1, missed: 0, wrong: 0 },
  ]);
});

test.each([
  [{ value: "p99" }, "the truth holds no p99"],
  [{ state: "final" }, "it looks at final windows only"],
  [{ when: { kind: "stuck" } }, "it watches for values that stand still"],
  // Of silence there is no value.
  [
    { value: "", when: { kind: "missing", forMs: 1_000, forAtLeastMs: 0 } },
    "it watches for silence, by central's clock, which the truth does not know",
  ],
] as const)("%o: not judged, and why", (rule, why) => {
  expect(judge([], { rule })).toEqual({ verdicts: [], unjudged: [{ what: "rule many_fail", why }] });
});
