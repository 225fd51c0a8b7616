import type { TruthAlarm } from "../truth/truth-line.ts";
import type { CentralAlarm } from "./central-client.ts";

export interface AlarmVerdict {
  readonly right: number;
  readonly missed: number;
  /** At central, though no reading crossed the limit then. */
  readonly wrong: number;
  /**
   * Within an alarm that was latched still when it began once more: central shows it as one, by its last beginning. Neither right
   * nor missed.
   */
  readonly renewed: number;
  /** From a reading's own time to central's clock when it first had the alarm, of those that are right; null: none is. */
  readonly delay: { readonly p50Ms: number; readonly maxMs: number } | null;
  readonly faults: readonly string[];
}

export interface AlarmScope {
  readonly sites: ReadonlySet<string>;
  readonly rules: ReadonlySet<string>;
  /** False of an alarm that others' readings may have raised. */
  readonly isOwn: (alarm: CentralAlarm) => boolean;
}

/** An alarm is right when rule, machine and the event time of the crossing are those of the truth. */
export function compareAlarms(
  truth: readonly TruthAlarm[],
  answers: readonly CentralAlarm[],
  scope: AlarmScope,
): AlarmVerdict {
  const raised = truth.filter((step) => step.type === "alarm");
  const expected = new Map(raised.map((step) => [keyOf(step.rule, step, step.time), step]));
  const found = new Map(
    answers
      .filter((alarm) => scope.sites.has(alarm.labels.site ?? "") && scope.rules.has(alarm.rule))
      .map((alarm) => [keyOf(alarm.rule, alarm.labels, alarm.activeAtMs), alarm]),
  );
  const begunAgain = Map.groupBy(
    [...found.values()].filter((alarm) => firstBegunMs(alarm) < alarm.activeAtMs),
    ({ rule, labels }) => keyOf(rule, labels, 0),
  );
  const faults: string[] = [];
  const delaysMs: number[] = [];
  let renewed = 0;
  for (const [key, step] of expected) {
    const alarm = found.get(key);
    if (alarm !== undefined) {
      found.delete(key);
      delaysMs.push((alarm.firstReceivedAtMs ?? alarm.receivedAtMs) - (step.trueTime ?? step.time));
    } else if (begunAgain.get(keyOf(step.rule, step, 0))?.some((each) => isWithin(each, step.time)))
      renewed++;
    else
      faults.push(
        `${step.rule} ${step.site}/${step.line}/${step.machine} at ${new Date(step.time).toISOString()} (${step.value} > ${step.limit}): not seen`,
      );
  }
  const wrong = [...found.values()].filter(scope.isOwn);
  for (const alarm of wrong) {
    faults.push(
      `${alarm.rule} ${Object.values(alarm.labels).join("/")} at ${new Date(alarm.activeAtMs).toISOString()}: no reading crossed the limit then`,
    );
  }
  delaysMs.sort((one, other) => one - other);
  const right = delaysMs.length;
  return {
    right,
    missed: expected.size - right - renewed,
    renewed,
    wrong: wrong.length,
    delay: right === 0 ? null : { p50Ms: delaysMs[Math.floor((right - 1) / 2)], maxMs: delaysMs[right - 1] },
    faults: faults.slice(0, 5),
  };
}

function isWithin(alarm: CentralAlarm, timeMs: number): boolean {
  return firstBegunMs(alarm) <= timeMs && timeMs < alarm.activeAtMs;
}

/** An agent's alarm keeps its id when it begins again, and the id ends with its first beginning (`RuleTable.nextId`). */
function firstBegunMs({ id, rule, activeAtMs }: CentralAlarm): number {
  if (!id.startsWith(`${rule}-`)) return activeAtMs;
  const [, text] = /^[0-9a-z]+-([0-9a-z]+)(?:-\d+)?$/.exec(id.slice(rule.length + 1)) ?? [];
  return text === undefined ? activeAtMs : Number.parseInt(text, 36);
}

function keyOf(
  rule: string,
  at: { readonly site?: string; readonly line?: string; readonly machine?: string },
  timeMs: number,
): string {
  return `${rule} ${at.site ?? ""}/${at.line ?? ""}/${at.machine ?? ""} ${timeMs}`;
}
