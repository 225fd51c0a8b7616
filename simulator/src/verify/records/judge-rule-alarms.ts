import type { CentralAlarm } from "../central-client.ts";
import type { EarlierAlarms } from "../earlier-alarms.ts";
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

const FAULTS_MAX = 5;

/**
 * An alarm is right when rule, labels, begin and end are those of the truth; of silence, within what whoever listens cannot know
 * better. `endMs`: the last record's time; alarms of later are not of this run.
 */
export function judgeRuleAlarms(
  { rule }: RuleOracle,
  truth: readonly TrueRuleAlarm[],
  {
    answers,
    endMs,
    earlier,
  }: {
    readonly answers: readonly CentralAlarm[];
    readonly endMs: number;
    readonly earlier: EarlierAlarms;
  },
): RuleAlarmVerdict {
  const toleranceMs = rule.when.kind === "missing" ? SILENCE_TOLERANCE_MS : 0;
  const faults: string[] = [];
  const left = new Set(answers.filter((alarm) => alarm.rule === rule.name && alarm.activeAtMs <= endMs));
  let [right, missed, covered] = [0, 0, 0];
  for (const alarm of truth) {
    const found = [...left].find((each) => isSame(each, alarm, toleranceMs, endMs));
    if (found !== undefined) left.delete(found);
    if (found !== undefined || alarm.isUnsure) {
      right += 1;
      continue;
    }
    if (earlier.cover({ rule: rule.name, labels: alarm.labels, timeMs: alarm.activeAtMs })) {
      covered += 1;
      continue;
    }
    missed += 1;
    faults.push(`${titleOf(rule.name, alarm)}: not seen`);
  }
  for (const alarm of left) faults.push(`${titleOf(rule.name, alarm)}: no records make it`);
  return { rule: rule.name, right, missed, wrong: left.size, covered, faults: faults.slice(0, FAULTS_MAX) };
}

function isSame(found: CentralAlarm, alarm: TrueRuleAlarm, toleranceMs: number, endMs: number): boolean {
  const hasLabels = Object.entries(alarm.labels).every(([name, value]) => found.labels[name] === value);
  if (!hasLabels || Math.abs(found.activeAtMs - alarm.activeAtMs) > toleranceMs) return false;
  // One that is active when the records end may have ended since.
  if (alarm.clearedAtMs === null) return found.clearedAtMs === null || found.clearedAtMs >= endMs;
  return found.clearedAtMs !== null && Math.abs(found.clearedAtMs - alarm.clearedAtMs) <= toleranceMs;
}

function titleOf(
  rule: string,
  { labels, activeAtMs, clearedAtMs }: Pick<CentralAlarm, "labels" | "activeAtMs" | "clearedAtMs">,
): string {
  const [from, to] = [activeAtMs, clearedAtMs].map((ms) =>
    ms === null ? "now" : new Date(ms).toISOString(),
  );
  return `${rule} ${Object.values(labels).join("/")} from ${from} to ${to}`;
}
