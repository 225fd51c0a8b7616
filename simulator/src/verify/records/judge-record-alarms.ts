import type { CentralAlarm } from "../central-client.ts";
import type { EarlierAlarms } from "../earlier-alarms.ts";
import type { DistinctOracle, TrueAlarm } from "./distinct-oracle.ts";

export interface RecordAlarmVerdict {
  readonly rule: string;
  readonly right: number;
  readonly missed: number;
  /** At central, though no records make it. */
  readonly wrong: number;
  /** Began while one from before the truth was active: neither right nor missed. */
  readonly covered: number;
  /** From the record's own time to central's clock when it had the alarm, of those that have not changed since; null: none. */
  readonly delay: { readonly p50Ms: number; readonly maxMs: number } | null;
  readonly faults: readonly string[];
}

const FAULTS_MAX = 5;

/** An alarm is right when rule, key, the time of the record that raised it and the values that it names are those of the truth. */
export function judgeRecordAlarms(
  { rule }: DistinctOracle,
  truth: readonly TrueAlarm[],
  { answers, earlier }: { readonly answers: readonly CentralAlarm[]; readonly earlier: EarlierAlarms },
): RecordAlarmVerdict {
  const faults: string[] = [];
  const delaysMs: number[] = [];
  let [right, covered] = [0, 0];
  const found = new Map(
    answers
      .filter((alarm) => alarm.rule === rule.name && alarm.endReason !== "withdrawn")
      .map((alarm) => [
        titleOf(
          rule.by.map(({ name }) => alarm.labels[name] ?? ""),
          alarm.activeAtMs,
        ),
        alarm,
      ]),
  );
  for (const { key, timeMs, values } of truth) {
    const title = titleOf(key, timeMs);
    const alarm = found.get(title);
    if (alarm === undefined) {
      const labels = Object.fromEntries(rule.by.map(({ name }, at) => [name, key[at]]));
      if (earlier.cover({ rule: rule.name, labels, timeMs })) {
        covered += 1;
        continue;
      }
      faults.push(`${rule.name} ${title} (${values.join(", ")}): not seen`);
      continue;
    }
    const named = (alarm.evidence ?? []).map(({ labels }) => labels[rule.of.name] ?? "");
    if (named.toSorted().join("\0") !== values.toSorted().join("\0")) {
      faults.push(`${rule.name} ${title}: names ${named.join(", ")} instead of ${values.join(", ")}`);
      continue;
    }
    found.delete(title);
    right += 1;
    if (alarm.step === 1) delaysMs.push(alarm.receivedAtMs - timeMs);
  }
  for (const title of found.keys()) faults.push(`${rule.name} ${title}: no records make it`);
  delaysMs.sort((one, other) => one - other);
  return {
    rule: rule.name,
    right,
    missed: truth.length - right - covered,
    wrong: found.size,
    covered,
    delay:
      delaysMs.length === 0
        ? null
        : { p50Ms: delaysMs[Math.floor((delaysMs.length - 1) / 2)], maxMs: delaysMs[delaysMs.length - 1] },
    faults: faults.slice(0, FAULTS_MAX),
  };
}

function titleOf(key: readonly string[], timeMs: number): string {
  return `${key.join("/")} at ${new Date(timeMs).toISOString()}`;
}
