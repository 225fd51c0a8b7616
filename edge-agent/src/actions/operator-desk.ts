import type { AgentConfig, Pipeline } from "@millrace/config";
import { hasLabels, type RuleEngine } from "@millrace/detect";
import type { Labels, SeriesWatermarks } from "@millrace/stream";
import type { ClockGuard } from "../clock-guard.ts";
import type { CommitLoop } from "../durability/commit-loop.ts";
import { LAZY_COMMIT_MS } from "../durability/durability-waits.ts";
import type { SeriesRegistry } from "../intake/series-registry.ts";
import type { AlarmDesk } from "./alarm-desk.ts";
import { checkLabels, type LabelCheck } from "./label-check.ts";
import type { RuleOutcomes } from "./rule-outcomes.ts";

export interface OperatorDeskOptions {
  readonly inputs: AgentConfig["inputs"];
  /** The one that runs. */
  pipeline(): Pipeline;
  readonly rules: RuleEngine;
  readonly guard: ClockGuard;
  readonly series: SeriesRegistry;
  readonly watermarks: SeriesWatermarks;
  readonly alarmDesk: AlarmDesk;
  readonly outcomes: RuleOutcomes;
  readonly commits: Pick<CommitLoop, "request">;
}

/** What people ask of the agent, at the gateway or by central. `by` goes into the audit trail. */
export class OperatorDesk {
  readonly #options: OperatorDeskOptions;

  constructor(options: OperatorDeskOptions) {
    this.#options = options;
  }

  /** Ends latched alarms whose condition is over; those that still hold stay. `all` means all. */
  resetAlarms(which: string, by: string): { readonly resetCount: number } {
    const { rules, guard, outcomes } = this.#options;
    const ended = rules.reset(which, guard.nowMs());
    outcomes.handle(ended, by);
    return { resetCount: ended.filter(({ type }) => type === "event").length };
  }

  /** Series with these labels that are silent are missed no longer, until they are heard again: their alarms end. */
  forgetSeries(labels: Labels, by: string): { readonly forgottenCount: number } {
    const { rules, guard, series, watermarks, outcomes } = this.#options;
    const steadyMs = guard.steadyMs();
    const speaking = [...series.withLabels(labels)].filter(
      ({ index }) => !watermarks.isIdle(index, steadyMs),
    );
    const ended = rules.forget(
      labels,
      guard.nowMs(),
      (metric, own) => !speaking.some((one) => one.metric === metric && hasLabels(one.labels, own)),
    );
    outcomes.handle(ended, by);
    return { forgottenCount: ended.length };
  }

  /** A line of the audit trail that is no alarm's. */
  audit(line: object): void {
    const { alarmDesk, commits } = this.#options;
    alarmDesk.audit(line);
    commits.request(LAZY_COMMIT_MS);
  }

  /** Whether anything can have these labels, and how many series do: a slip of the pen must not pass for a maintenance. */
  checkLabels(labels: Labels): LabelCheck {
    const { inputs, pipeline, series } = this.#options;
    const ofHost = inputs.host === null ? [] : [...Object.keys(inputs.host.labels), "sensor"];
    return checkLabels(labels, {
      names: ["site", ...pipeline().labelNames, ...ofHost],
      series: series.labels(),
    });
  }
}
