// Alarms of rules on readings: place, begin, end and value must be those of the truth, each once; what the truth cannot know of is neither
// right nor wrong.
import { expect, test } from "vitest";
import type { TruthAlarm } from "../truth/truth-line.ts";
import type { CentralAlarm } from "./central-client.ts";
import { compareAlarms } from "./compare-alarms.ts";
import { EarlierAlarms } from "./earlier-alarms.ts";

const PLACE = { site: "alpha", line: "line-1", machine: "machine-1" };

function step(type: "alarm" | "cleared", time: number, value: number, machine = "machine-1"): TruthAlarm {
  const limit = type === "alarm" ? 80 : 75;
  return { type, ...PLACE, machine, rule: "hot", metric: "temperature", time, value, limit };
}

const STEPS = [
  step("alarm", 7_000, 81),
  step("alarm", 8_000, 90, "machine-2"),
  step("cleared", 9_000, 74),
  step("alarm", 12_000, 85),
];

function alarm(
  activeAtMs: number,
  clearedAtMs: number | null,
  more: Partial<CentralAlarm> = {},
): CentralAlarm {
  return {
    id: `${activeAtMs}`,
    rule: "hot",
    labels: PLACE,
    step: 1,
    activeAtMs,
    clearedAtMs,
    timeMs: 0,
    value: 0,
    receivedAtMs: activeAtMs + 10,
    action: "none",
    command: null,
    ...more,
  };
}

const ofOther = alarm(8_000, null, { labels: { ...PLACE, machine: "machine-2" } });
const [FIRST, LAST] = [alarm(7_000, 9_000), alarm(12_000, null)];
const ALL = [FIRST, ofOther, LAST];

function judge(
  answers: readonly CentralAlarm[],
  judgedToMs = Infinity,
  steps: readonly TruthAlarm[] = STEPS,
) {
  const { right, missed, wrong, faults } = compareAlarms({
    steps,
    answers,
    isOwn: () => true,
    rules: new Set(["hot"]),
    earlier: new EarlierAlarms([]),
    judgedToMs,
  });
  return { right, missed, wrong, faults };
}

test("alarms with the begin and the end of their readings are right", () => {
  expect(judge(ALL)).toEqual({ right: 3, missed: 0, wrong: 0, faults: [] });
  expect(judge([...ALL, alarm(7_500, 7_600, { rule: "other" })])).toMatchObject({ right: 3, wrong: 0 });
});

const others = [ofOther, LAST];

test.each([
  ["that is not there", others, { missed: 1, wrong: 0 }],
  ["that begins before its reading", [alarm(6_999, 9_000), ...others], { missed: 1, wrong: 1 }],
  ["that never ends", [alarm(7_000, null), ...others], { missed: 1, wrong: 1 }],
  ["that ends too late", [alarm(7_000, 3_609_000), ...others], { missed: 1, wrong: 1 }],
  ["that ends before it has begun", [alarm(7_000, 6_995), ...others], { missed: 1, wrong: 1 }],
  ["that ends though its readings do not", [FIRST, ofOther, alarm(12_000, 13_000)], { missed: 1, wrong: 1 }],
  ["that is there twice", [...ALL, { ...FIRST, id: "again" }], { missed: 0, wrong: 1 }],
  [
    "that says no site",
    [...ALL, alarm(7_000, 9_000, { labels: { line: "line-1" } })],
    { missed: 0, wrong: 1 },
  ],
  ["of another site", [...ALL, alarm(7_000, 9_000, { labels: { ...PLACE, site: "gamma" } })], { wrong: 1 }],
  ["that was withdrawn", [{ ...FIRST, endReason: "withdrawn" }, ...others], { missed: 1, wrong: 0 }],
  [
    "whose end has another value",
    [{ ...FIRST, timeMs: 9_000, value: 12 }, ...others],
    { missed: 1, wrong: 1 },
  ],
])("an alarm is found %s", (_how, answers, expected) => {
  expect(judge(answers)).toMatchObject(expected);
});

test("a fault names what central has and what must be", () => {
  expect(judge([alarm(7_000, null), ...others]).faults).toEqual([
    "hot alpha/line-1/machine-1 from 1970-01-01T00:00:07.000Z to 1970-01-01T00:00:09.000Z (81 > 80): at central to now",
  ]);
  expect(judge([{ ...FIRST, timeMs: 9_000, value: 12 }, ...others]).faults[0]).toContain(
    "at central with the value 12, should be 74",
  );
});

test("while the simulator runs, an end that may be on its way need not be there; one that is there must be right", () => {
  expect(judge([alarm(7_000, null), ofOther], 8_500)).toMatchObject({ right: 2, missed: 0, wrong: 0 });
  expect(judge([FIRST, ofOther], 8_500)).toMatchObject({ right: 2, missed: 0, wrong: 0 });
  expect(judge([alarm(7_000, 9_500), ofOther], 8_500)).toMatchObject({ missed: 1, wrong: 1 });
  // Its end may have been made since the truth was read.
  expect(judge([FIRST, alarm(8_000, 20_000, { labels: ofOther.labels })], 10_000)).toMatchObject({
    right: 2,
  });
  expect(judge([alarm(7_000, null), ofOther], 10_000)).toMatchObject({ missed: 1, wrong: 1 });
});

test("the delay of alarms: from the reading's true time to central's clock when it first had them", () => {
  const delaysMs = [100, 300, 5_000];
  const steps = delaysMs.map((_delayMs, at) => step("alarm", 7_000, 81, `machine-${at}`));
  const answers = delaysMs.map((delayMs, at) => {
    // Its end came a minute later.
    const times = { receivedAtMs: 67_000, firstReceivedAtMs: 7_000 + delayMs };
    return alarm(7_000, null, { ...times, labels: { ...PLACE, machine: `machine-${at}` } });
  });
  const options = { isOwn: () => true, earlier: new EarlierAlarms([]), judgedToMs: Infinity };
  const delayOf = (all: readonly TruthAlarm[], found: readonly CentralAlarm[]) =>
    compareAlarms({ ...options, rules: new Set(["hot"]), steps: all, answers: found }).delay;
  expect(delayOf(steps, answers)).toEqual({ p50Ms: 300, maxMs: 5_000 });
  expect(delayOf([], [])).toBeNull();
});
