import { formatDuration } from "@millrace/runtime";
import type { ConfigReader } from "./config-reader.ts";
import type { PipelineFile, RuleFile } from "./pipeline-schema.ts";
import type { KeyPath } from "./yaml-source.ts";

/** What the schema cannot see of a rule with `distinct`. */
export function checkDistinct(
  reader: ConfigReader,
  path: KeyPath,
  { metric, window, when, action }: RuleFile,
  { metrics }: PipelineFile,
): void {
  const { distinct } = when;
  if (distinct === undefined) return;
  const own = [...path, "when", "distinct"];
  if (window !== undefined)
    reader.problem([...path, "window"], "distinct watches records; give metric instead of window", "key");
  else if (
    metric !== undefined &&
    metrics[metric] !== undefined &&
    metrics[metric].from.records === undefined
  )
    reader.problem([...path, "metric"], `${metric} is made of readings, and distinct watches records`);
  if (action !== undefined)
    reader.problem([...path, "action"], "a rule on records has no action; remove it", "key");
  if (when.forAtLeast > 0)
    reader.problem(
      [...path, "when", "forAtLeast"],
      "distinct is raised with the record that makes it so; remove forAtLeast",
      "key",
    );
  const names = Object.keys(distinct.of);
  if (names.length !== 1)
    reader.problem([...own, "of"], `of has ${names.length} names; one kind of thing is counted, give one`);
  if (Object.keys(distinct.by).length === 0)
    reader.problem([...own, "by"], "by is empty; give what it is counted for, such as { account: $.from }");
  for (const name of names)
    if (name in distinct.by) reader.problem([...own, "of", name], `${name} is in by too; call it otherwise`);
  if (distinct.knownFor < distinct.within)
    reader.problem(
      [...own, "knownFor"],
      `knownFor ${formatDuration(distinct.knownFor)} is shorter than within ${formatDuration(distinct.within)}: one could be new twice in a window; it must be at least that`,
    );
}
