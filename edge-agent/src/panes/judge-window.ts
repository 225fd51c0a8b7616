import { type Outcome, type RuleEngine, ruleInput } from "@millrace/detect";
import type { Clock } from "@millrace/runtime";
import type { ClockGuard } from "../clock-guard.ts";
import type { WatchedResult } from "./watched-windows.ts";

/** What the rules make of a window's results. A revision may raise an alarm or end it, and never acts. */
export function judgeWindow(
  { window, group, labels, endMs, values, isRevision }: WatchedResult,
  options: {
    readonly rules: RuleEngine;
    readonly guard: ClockGuard;
    readonly clock: Clock;
    /** It was passed before the start: what was judged then is not judged again. */
    readonly isResumed?: boolean;
    readonly onOutcomes: (outcomes: readonly Outcome[]) => void;
  },
): void {
  const { rules, guard, clock, isResumed = false, onOutcomes } = options;
  const monotonicMs = clock.monotonicMs();
  for (const [name, value] of Object.entries(values)) {
    const metric = ruleInput({ metric: "", window: { name: window, value: name } });
    if (!rules.watches(metric)) continue;
    const reading = { metric, labels, timeMs: endMs, value, quality: "good" } as const;
    const arrival = {
      nowMs: guard.nowMs(),
      ageNowMs: guard.ageNowMs(),
      monotonicMs,
      arrivedMonotonicMs: monotonicMs,
      isRetained: false,
      isReplayed: isRevision || isResumed,
      isResumed,
    };
    onOutcomes(rules.onReading(group, reading, arrival));
  }
}
