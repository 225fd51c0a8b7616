import { formatDuration } from "@millrace/runtime";
import type { RecordLabel } from "@millrace/wire";
import type { RuleFile } from "./pipeline-schema.ts";
import type { DistinctRule } from "./pipeline.ts";
import { toPath } from "./to-metric-source.ts";

/** A rule with `distinct` as the file has it, resolved; the file has been checked. */
export function toDistinctRule(name: string, rule: RuleFile, stream: string): DistinctRule {
  const { distinct } = rule.when;
  const { metric, severity } = rule;
  if (distinct === undefined || metric === undefined)
    throw new Error("invariant: a checked rule with distinct has a metric");
  const { atLeast, within: withinMs, knownFor: knownForMs, knownMax } = distinct;
  const key = toLabels(distinct.by);
  const [value] = toLabels(distinct.of);
  const message =
    rule.message ??
    `at least ${atLeast} different ${value.name} within ${formatDuration(withinMs)}, none of them known for ${formatDuration(knownForMs)}`;
  const by = key.map((label) => label.name);
  const spec = { name, metric, by, of: value.name, atLeast, withinMs, knownForMs, severity, message };
  return { stream, spec, key, value, knownMax };
}

function toLabels(paths: Readonly<Record<string, string>>): readonly RecordLabel[] {
  return Object.entries(paths).map(([name, path]) => ({ name, path: toPath(path) }));
}
