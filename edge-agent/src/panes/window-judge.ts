import { type Outcome, type RuleEngine, ruleInput } from "@millrace/detect";
import type { Clock } from "@millrace/runtime";
import type { SeriesWatermarks } from "@millrace/stream";
import type { ClockGuard } from "../clock-guard.ts";
import type { WatchedResult, WatchedWindows } from "./watched-windows.ts";

export interface WindowJudgeOptions {
  readonly rules: RuleEngine;
  readonly guard: ClockGuard;
  readonly clock: Clock;
  readonly watermarks: SeriesWatermarks;
  readonly watched: WatchedWindows;
}

/** Has the rules judge windows that the watermark has passed. */
export class WindowJudge {
  readonly #options: WindowJudgeOptions;

  constructor(options: WindowJudgeOptions) {
    this.#options = options;
  }

  /**
   * Those that have been passed by now. `isResumed`: they were passed before the start, and what was judged then is not judged
   * again.
   */
  judge(
    onOutcomes: (outcomes: readonly Outcome[]) => void,
    { isResumed = false }: { readonly isResumed?: boolean } = {},
  ): void {
    const { guard, watermarks, watched } = this.#options;
    const steadyMs = guard.steadyMs();
    const { watermarkMs } = watermarks.watermark(steadyMs, guard.isProven);
    for (const result of watched.take(watermarkMs, steadyMs)) this.#judge(result, { isResumed, onOutcomes });
  }

  /** A revision may raise an alarm or end it, and never acts. */
  #judge(
    { window, group, labels, endMs, values, isRevision }: WatchedResult,
    {
      isResumed,
      onOutcomes,
    }: { readonly isResumed: boolean; readonly onOutcomes: (outcomes: readonly Outcome[]) => void },
  ): void {
    const { rules, guard, clock } = this.#options;
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
}
