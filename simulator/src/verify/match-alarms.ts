import type { CentralAlarm } from "./central-client.ts";

/** An alarm that central must have. */
export interface ExpectedAlarm {
  /** By the names in `by`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly activeAtMs: number;
  /** Null: it is active still when the truth ends. */
  readonly clearedAtMs: number | null;
  /** It need not be there. */
  readonly isUnsure?: boolean;
  /** Further words on it. */
  readonly note?: string;
}

export interface MatchAlarmsOptions<Expected extends ExpectedAlarm> {
  readonly rule: string;
  /** Labels that say where it is. */
  readonly by: readonly string[];
  readonly expected: readonly Expected[];
  /** Those of this rule are judged; one that was withdrawn is none. */
  readonly answers: readonly CentralAlarm[];
  /** By which begin and end may differ. */
  readonly toleranceMs?: number;
  /** Whether the truth knows all that happens there then: a later end is neither right nor wrong. */
  readonly isSettled: (alarm: Expected, timeMs: number) => boolean;
  /** What differs in one whose begin and end are right; null: nothing does. */
  readonly differenceOf?: (alarm: Expected, found: CentralAlarm) => string | null;
  /** One that is not there need not be. */
  readonly isExcused: (alarm: Expected) => boolean;
  /** Of one that should not be there. */
  readonly whyNone: string;
}

export interface AlarmMatches<Expected extends ExpectedAlarm> {
  readonly right: number;
  readonly missed: number;
  /** At central, though nothing makes it: of another time, once more, or with another end than it must have. */
  readonly wrong: number;
  readonly excused: readonly Expected[];
  readonly pairs: readonly (readonly [Expected, CentralAlarm])[];
  /** The first of them, in words. */
  readonly faults: readonly string[];
}

/** Told of one kind; further ones are counted. */
export const FAULTS_MAX = 5;

/**
 * Central's alarms of one rule beside those that must be there. One is right where place, begin and end are; where only the begin is, what
 * must be there is missed, and what is there is wrong.
 */
export function matchAlarms<Expected extends ExpectedAlarm>(
  options: MatchAlarmsOptions<Expected>,
): AlarmMatches<Expected> {
  const { rule, by, expected, answers, isExcused, differenceOf = () => null, whyNone } = options;
  const placeOf = (labels: Readonly<Record<string, string>>): string =>
    JSON.stringify(by.map((name) => labels[name] ?? ""));
  const left = Map.groupBy(
    answers.filter((alarm) => alarm.rule === rule && alarm.endReason !== "withdrawn"),
    ({ labels }) => placeOf(labels),
  );
  const faults: string[] = [];
  const pairs: (readonly [Expected, CentralAlarm])[] = [];
  const excused: Expected[] = [];
  let [right, missed, wrong] = [0, 0, 0];
  for (const alarm of expected) {
    const there = left.get(placeOf(alarm.labels)) ?? [];
    const begun = there.filter((found) => isNear(found.activeAtMs, alarm.activeAtMs, options));
    const found = begun.find((each) => endsWith(each, alarm, options)) ?? begun[0];
    if (found === undefined) {
      if (alarm.isUnsure === true) right += 1;
      else if (isExcused(alarm)) excused.push(alarm);
      else {
        missed += 1;
        faults.push(`${spanOf(rule, alarm)}: not seen`);
      }
      continue;
    }
    there.splice(there.indexOf(found), 1);
    const difference = endsWith(found, alarm, options)
      ? differenceOf(alarm, found)
      : `at central to ${timeText(found.clearedAtMs)}`;
    if (difference === null) {
      right += 1;
      pairs.push([alarm, found]);
      continue;
    }
    if (alarm.isUnsure !== true) missed += 1;
    wrong += 1;
    faults.push(`${spanOf(rule, alarm)}: ${difference}`);
  }
  for (const found of [...left.values()].flat()) {
    wrong += 1;
    faults.push(`${spanOf(rule, found)}: ${whyNone}`);
  }
  return { right, missed, wrong, excused, pairs, faults: faults.slice(0, FAULTS_MAX) };
}

function isNear(
  oneMs: number,
  otherMs: number,
  { toleranceMs = 0 }: { readonly toleranceMs?: number },
): boolean {
  return Math.abs(oneMs - otherMs) <= toleranceMs;
}

function endsWith<Expected extends ExpectedAlarm>(
  { clearedAtMs: foundMs }: CentralAlarm,
  alarm: Expected,
  options: MatchAlarmsOptions<Expected>,
): boolean {
  const { clearedAtMs: trueMs } = alarm;
  const isOpen = (timeMs: number | null): boolean => timeMs === null || !options.isSettled(alarm, timeMs);
  if (trueMs === null || foundMs === null) return isOpen(trueMs) && isOpen(foundMs);
  return isNear(foundMs, trueMs, options);
}

/** `overheating alpha/line-1/machine-2 from … to now (81.6 > 80)` */
function spanOf(
  rule: string,
  {
    labels,
    activeAtMs,
    clearedAtMs,
    note,
  }: Pick<ExpectedAlarm, "labels" | "activeAtMs" | "clearedAtMs" | "note">,
): string {
  const more = note === undefined ? "" : ` (${note})`;
  return `${rule} ${Object.values(labels).join("/")} from ${timeText(activeAtMs)} to ${timeText(clearedAtMs)}${more}`;
}

function timeText(ms: number | null): string {
  return ms === null ? "now" : new Date(ms).toISOString();
}
