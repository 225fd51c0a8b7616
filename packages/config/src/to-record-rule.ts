import type { RecordCondition } from "@millrace/detect";
import type { PipelineFile, RuleFile } from "./pipeline-schema.ts";
import type { RecordRule } from "./pipeline.ts";
import { toRule } from "./to-rule.ts";

/** A rule on single records, resolved; the file has been checked. */
export function toRecordRule(
  name: string,
  rule: RuleFile,
  file: Pick<PipelineFile, "metrics" | "windows">,
): RecordRule {
  const { records = "", json } = file.metrics[rule.metric ?? ""]?.from ?? {};
  const zoneLabel = json?.zoneLabel ?? null;
  const { zone } = rule.when;
  const { window: _window, action: _action, when, ...spec } = toRule(name, rule, file);
  if (zone === undefined) return { stream: records, spec: { ...spec, when: plainOf(when) }, zoneLabel };
  const { in: inside, notIn = [] } = zone;
  const message =
    rule.message ?? (inside === undefined ? `is not in ${notIn.join(", ")}` : `is in ${inside.join(", ")}`);
  const condition = { kind: "zone", zones: inside ?? notIn, isIn: inside !== undefined } as const;
  return { stream: records, spec: { ...spec, unit: "", message, when: condition }, zoneLabel };
}

function plainOf(when: ReturnType<typeof toRule>["when"]): RecordCondition {
  if (when.kind === "above" || when.kind === "below" || when.kind === "missing") return when;
  throw new Error(`invariant: a checked rule on records is not ${when.kind}`);
}
