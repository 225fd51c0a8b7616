import type { TruthAlarm } from "../truth/truth-line.ts";
import { type AlarmDelay, alarmDelay } from "./alarm-delay.ts";
import type { CentralAlarm } from "./central-client.ts";
import type { EarlierAlarms } from "./earlier-alarms.ts";
import { type ExpectedAlarm, FAULTS_MAX, matchAlarms } from "./match-alarms.ts";

export interface AlarmVerdict {
  readonly right: number;
  readonly missed: number;
  /** At central, though no reading crossed the limit then, or with another end than the readings make. */
  readonly wrong: number;
  /**
   * Within an alarm that was latched still when it began once more: central shows it as one, by its last beginning. Neither right
   * nor missed.
   */
  readonly renewed: number;
  /** Began while one from before the truth was active: neither right nor missed. */
  readonly covered: number;
  /** To central's clock when it first had the alarm, of those that are right; null: none is. */
  readonly delay: AlarmDelay | null;
  readonly faults: readonly string[];
}

export interface CompareAlarmsOptions {
  /** Steps of the truth, in order. */
  readonly steps: readonly TruthAlarm[];
  /** Of whatever rule. */
  readonly answers: readonly CentralAlarm[];
  /** False of an alarm that others' readings may have raised. */
  readonly isOwn: (alarm: CentralAlarm) => boolean;
  /** The truth's. */
  readonly rules: ReadonlySet<string>;
  readonly earlier: EarlierAlarms;
  /** What happens later may not have come. */
  readonly judgedToMs: number;
}

interface Crossing extends ExpectedAlarm {
  readonly begin: TruthAlarm;
  readonly end: TruthAlarm | null;
}

/** Alarms of rules on readings: place, begin and end must be those of the readings that crossed the limits. */
export function compareAlarms(options: CompareAlarmsOptions): AlarmVerdict {
  const { steps, answers, isOwn, rules, earlier, judgedToMs } = options;
  const crossings = Map.groupBy(crossingsOf(steps), ({ begin }) => begin.rule);
  const faults: string[] = [];
  const delaysMs: number[] = [];
  let [right, missed, wrong, renewed, covered] = [0, 0, 0, 0, 0];
  for (const rule of rules) {
    const ofRule = answers.filter((alarm) => alarm.rule === rule && alarm.endReason !== "withdrawn");
    const isRenewed = ({ begin }: Crossing): boolean =>
      ofRule.some((alarm) => isSamePlace(alarm, begin) && isWithin(alarm, begin.time));
    const matches = matchAlarms({
      rule,
      by: ["site", "line", "machine"],
      expected: (crossings.get(rule) ?? []).filter(({ activeAtMs }) => activeAtMs <= judgedToMs),
      answers: ofRule.filter((alarm) => isOwn(alarm) && alarm.activeAtMs <= judgedToMs),
      isSettled: (_crossing, timeMs) => timeMs <= judgedToMs,
      differenceOf: valueDifference,
      isExcused: (crossing) =>
        isRenewed(crossing) || earlier.cover({ rule, labels: crossing.labels, timeMs: crossing.activeAtMs }),
      whyNone: "no reading crossed the limit then",
    });
    right += matches.right;
    missed += matches.missed;
    wrong += matches.wrong;
    const renewedCount = matches.excused.filter(isRenewed).length;
    renewed += renewedCount;
    covered += matches.excused.length - renewedCount;
    for (const fault of matches.faults) faults.push(fault);
    for (const [{ begin }, alarm] of matches.pairs)
      delaysMs.push((alarm.firstReceivedAtMs ?? alarm.receivedAtMs) - (begin.trueTime ?? begin.time));
  }
  return {
    right,
    missed,
    wrong,
    renewed,
    covered,
    delay: alarmDelay(delaysMs),
    faults: faults.slice(0, FAULTS_MAX),
  };
}

/** Each with the step that ends it, by rule and machine. */
function crossingsOf(steps: readonly TruthAlarm[]): Crossing[] {
  const crossings: Crossing[] = [];
  const active = new Map<string, number>();
  for (const step of steps) {
    const { type, rule, site, line, machine, time, value, limit } = step;
    const place = JSON.stringify([rule, site, line, machine]);
    if (type === "alarm") {
      active.set(place, crossings.length);
      const labels = { site, line, machine };
      const note = `${value} > ${limit}`;
      crossings.push({ labels, activeAtMs: time, clearedAtMs: null, note, begin: step, end: null });
      continue;
    }
    const at = active.get(place);
    active.delete(place);
    if (at !== undefined) crossings[at] = { ...crossings[at], clearedAtMs: time, end: step };
  }
  return crossings;
}

/** Of an alarm whose latest step is that of its begin or of its end. */
function valueDifference({ begin, end }: Crossing, { timeMs, value }: CentralAlarm): string | null {
  const step = [end, begin].find((each) => each?.time === timeMs);
  if (step === undefined || step === null || step.value === value) return null;
  return `at central with the value ${value}, should be ${step.value}`;
}

function isSamePlace({ labels }: CentralAlarm, { site, line, machine }: TruthAlarm): boolean {
  return labels.site === site && labels.line === line && labels.machine === machine;
}

function isWithin(alarm: CentralAlarm, timeMs: number): boolean {
  return firstBegunMs(alarm) <= timeMs && timeMs <= alarm.activeAtMs;
}

/** An agent's alarm keeps its id when it begins again, and the id ends with its first beginning (`RuleTable.nextId`). */
function firstBegunMs({ id, rule, activeAtMs }: CentralAlarm): number {
  if (!id.startsWith(`${rule}-`)) return activeAtMs;
  const [, text] = /^[0-9a-z]+-([0-9a-z]+)(?:-\d+)?$/.exec(id.slice(rule.length + 1)) ?? [];
  return text === undefined ? activeAtMs : Number.parseInt(text, 36);
}
