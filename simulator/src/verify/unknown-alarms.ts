import type { CentralAlarm } from "./central-client.ts";

export interface Unjudged {
  readonly what: string;
  readonly why: string;
}

export interface UnknownAlarmsOptions {
  readonly answers: readonly CentralAlarm[];
  /** Rules whose alarms are judged. */
  readonly judgedRules: ReadonlySet<string>;
  /** False of one of another site, of which the truth says nothing. */
  readonly isOfTruth: (alarm: CentralAlarm) => boolean;
}

/** Alarms that nobody has judged, rule by rule, and why. */
export function unknownAlarms({ answers, judgedRules, isOfTruth }: UnknownAlarmsOptions): Unjudged[] {
  const whyOf = (alarm: CentralAlarm): string | null => {
    if (alarm.id.startsWith("central:")) return "they are central's own, about its agents";
    if (!judgedRules.has(alarm.rule)) return "the truth does not tell when there must be any";
    return isOfTruth(alarm) ? null : "they are of other sites";
  };
  const counts = new Map<string, { readonly why: string; readonly rule: string; count: number }>();
  for (const alarm of answers) {
    const why = whyOf(alarm);
    if (why === null) continue;
    const key = `${alarm.rule} ${why}`;
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { why, rule: alarm.rule, count: 1 });
    else known.count += 1;
  }
  return [...counts.values()].map(({ rule, count, why }) => ({ what: `alarms of ${rule} (${count})`, why }));
}
