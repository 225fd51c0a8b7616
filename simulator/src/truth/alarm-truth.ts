import type { RulePlan } from "../plan/plan.ts";
import type { TruthAlarm, TruthReading } from "./truth-line.ts";

/** Which alarms must happen: the plan's rules applied to every reading, in event time order per machine. */
export class AlarmTruth {
  readonly #rules: readonly RulePlan[];
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
      if (!isActive && reading.value > rule.above) {
        this.#active.add(key);
        steps.push({ ...reading, type: "alarm", rule: rule.rule, limit: rule.above });
      } else if (
        isActive &&
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
