import type { CentralAlarm } from "../central-client.ts";
import type { EarlierAlarms } from "../earlier-alarms.ts";
import { matchAlarms } from "../match-alarms.ts";
import { SILENCE_TOLERANCE_MS, type RuleOracle, type TrueRuleAlarm } from "./rule-oracle.ts";

export interface RuleAlarmVerdict {
  readonly rule: string;
  readonly right: number;
  readonly missed: number;
  /** At central, though no records make it. */
  readonly wrong: number;
  /** Began while one from before the truth was active: neither right nor missed. */
  readonly covered: number;
  readonly faults: readonly string[];
}

/** What central has of the rules on records, and what it is held against. */
export interface RecordRuleAnswers {
  readonly answers: readonly CentralAlarm[];
  /** The last record's time. */
  readonly endMs: number;
  readonly earlier: EarlierAlarms;
}

/**
 * An alarm is right when rule, labels, begin and end are those of the truth; of silence, within what whoever listens cannot know
 * better. Alarms of after the last record are not of this run.
 */
export function judgeRuleAlarms(
  { rule }: RuleOracle,
  truth: readonly TrueRuleAlarm[],
  { answers, endMs, earlier }: RecordRuleAnswers,
): RuleAlarmVerdict {
  const { name, when } = rule;
  const { right, missed, wrong, excused, faults } = matchAlarms({
    rule: name,
    by: Object.keys(truth[0]?.labels ?? {}),
    expected: truth,
    answers: answers.filter(({ activeAtMs }) => activeAtMs <= endMs),
    toleranceMs: when.kind === "missing" ? SILENCE_TOLERANCE_MS : 0,
    isSettled: (_alarm, timeMs) => timeMs < endMs,
    isExcused: ({ labels, activeAtMs }) => earlier.cover({ rule: name, labels, timeMs: activeAtMs }),
    whyNone: "no records make it",
  });
  return { rule: name, right, missed, wrong, covered: excused.length, faults };
}
