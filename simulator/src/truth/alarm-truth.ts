import type { RulePlan } from "../plan/plan.ts";
import type { TruthAlarm, TruthReading } from "./truth-line.ts";

/** A reading that is older than the newest by no more than this may raise an alarm; `limits.actionMaxAge` of an agent. */
const RAISE_LATE_MS_MAX = 5_000;

/**
 * Which alarms must happen: the plan's rules applied to every reading, in the order in which they arrive. One that is
 * older than the newest of its sensor may raise an alarm and ends none.
 */
export class AlarmTruth {
  readonly #rules: readonly RulePlan[];
  /** Event time by rule and machine. */
  readonly #newestMs = new Map<string, number>();
  /** At most one entry per rule and machine. */
  readonly #active = new Set<string>();

  constructor(rules: readonly RulePlan[]) {
    this.#rules = rules;
  }

  /** Takes over an alarm step that an earlier process wrote. */
  restore(step: TruthAlarm): void {
    if (step.type === "alarm") this.#active.add(keyOf(step.rule, step));
    else this.#active.delete(keyOf(step.rule, step));
  }

  onReading(reading: TruthReading): readonly TruthAlarm[] {
    const steps: TruthAlarm[] = [];
    for (const rule of this.#rules) {
      if (rule.metric !== reading.metric) continue;
      const key = keyOf(rule.rule, reading);
      const isActive = this.#active.has(key);
      const lateMs = (this.#newestMs.get(key) ?? -Infinity) - reading.time;
      if (lateMs <= 0) this.#newestMs.set(key, reading.time);
      if (!isActive && reading.value > rule.above && lateMs <= RAISE_LATE_MS_MAX) {
        this.#active.add(key);
        steps.push({ ...reading, type: "alarm", rule: rule.rule, limit: rule.above });
      } else if (
        isActive &&
        lateMs <= 0 &&
        (reading.value < rule.clearBelow || (rule.clearBelow === rule.above && reading.value <= rule.above))
      ) {
        this.#active.delete(key);
        steps.push({ ...reading, type: "cleared", rule: rule.rule, limit: rule.clearBelow });
      }
    }
    return steps;
  }
}

function keyOf(
  rule: string,
  at: { readonly site: string; readonly line: string; readonly machine: string },
): string {
  return `${rule} ${at.site}/${at.line}/${at.machine}`;
}
