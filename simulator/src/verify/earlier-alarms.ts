import type { CentralAlarm } from "./central-client.ts";

/** A rule, where it is, and when. */
export interface AlarmPlace {
  readonly rule: string;
  readonly labels: Readonly<Record<string, string | undefined>>;
  readonly timeMs: number;
}

/** Alarms from before a truth's begin: as long as one is active, its rule raises no other there. */
export class EarlierAlarms {
  readonly #byRule: ReadonlyMap<string, readonly CentralAlarm[]>;

  constructor(alarms: readonly CentralAlarm[]) {
    this.#byRule = Map.groupBy(
      alarms.filter(({ endReason }) => endReason !== "withdrawn"),
      ({ rule }) => rule,
    );
  }

  /** Whether one of them was active there then. */
  cover({ rule, labels, timeMs }: AlarmPlace): boolean {
    const isThere = (alarm: CentralAlarm): boolean =>
      Object.entries(labels).every(([name, value = ""]) => (alarm.labels[name] ?? "") === value);
    return (this.#byRule.get(rule) ?? []).some(
      (alarm) => (alarm.clearedAtMs === null || alarm.clearedAtMs > timeMs) && isThere(alarm),
    );
  }
}
