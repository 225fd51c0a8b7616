import type { WindowRuleSpec } from "@millrace/detect";
import type { PipelineFile, RuleFile } from "./pipeline-schema.ts";
import { toRule } from "./to-rule.ts";

/** A rule on windows that central judges, resolved; the file has been checked. */
export function toWindowRule(
  name: string,
  rule: RuleFile,
  file: Pick<PipelineFile, "metrics" | "windows">,
): WindowRuleSpec {
  const { window, action: _, ...spec } = toRule(name, rule, file);
  if (window === undefined) throw new Error("invariant: a rule on windows names one");
  const { state = "complete", reportingAtLeast = 0, latch = false } = rule;
  return {
    ...spec,
    window: { name: window.name, value: window.value },
    action: null,
    judgedAt: state,
    reportingMin: reportingAtLeast,
    isLatched: latch,
  };
}
