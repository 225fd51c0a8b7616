import { type AlarmDelay, alarmDelay } from "../alarm-delay.ts";
import { matchAlarms } from "../match-alarms.ts";
import type { DistinctOracle, TrueAlarm } from "./distinct-oracle.ts";
import type { RecordRuleAnswers, RuleAlarmVerdict } from "./judge-rule-alarms.ts";

export interface RecordAlarmVerdict extends RuleAlarmVerdict {
  /** From the record's own time to central's clock when it had the alarm, of those that have not changed since; null: none. */
  readonly delay: AlarmDelay | null;
}

/** Central ends an alarm when a stream's time has passed its end, which is behind its latest record. */
const BEHIND_MS_MAX = 30_000;

/**
 * An alarm is right when rule, key, the time of the record that raised it, its end and the values that it names are those of the truth.
 */
export function judgeRecordAlarms(
  { rule }: DistinctOracle,
  truth: readonly TrueAlarm[],
  { answers, endMs, earlier }: RecordRuleAnswers,
): RecordAlarmVerdict {
  const by = rule.by.map(({ name }) => name);
  const expected = truth.map(({ key, timeMs, endMs: clearedAtMs, values }) => {
    const labels = Object.fromEntries(by.map((name, at) => [name, key[at]]));
    return { labels, activeAtMs: timeMs, clearedAtMs, values, note: values.join(", ") };
  });
  const { right, missed, wrong, excused, pairs, faults } = matchAlarms({
    rule: rule.name,
    by,
    expected,
    answers,
    isSettled: (_alarm, timeMs) => timeMs <= endMs - BEHIND_MS_MAX,
    differenceOf: ({ values }, { evidence = [] }) => {
      const named = evidence.map(({ labels }) => labels[rule.of.name] ?? "");
      const isSame = named.toSorted().join("\0") === values.toSorted().join("\0");
      return isSame ? null : `names ${named.join(", ")}`;
    },
    isExcused: ({ labels, activeAtMs }) => earlier.cover({ rule: rule.name, labels, timeMs: activeAtMs }),
    whyNone: "no records make it",
  });
  const delay = alarmDelay(
    pairs.flatMap(([{ activeAtMs }, { step, receivedAtMs }]) =>
      step === 1 ? [receivedAtMs - activeAtMs] : [],
    ),
  );
  return { rule: rule.name, right, missed, wrong, covered: excused.length, delay, faults };
}
