import { orNearest } from "@millrace/runtime";
import { OUTSIDE } from "@millrace/stream";
import type { ConfigReader } from "./config-reader.ts";
import type { PipelineFile, RuleFile } from "./pipeline-schema.ts";
import type { KeyPath } from "./yaml-source.ts";

const CONDITIONS = ["above", "below", "missing", "zone", "distinct"] as const;
const OTHERS = ["levels", "rateOfChange", "stuck"] as const;

/** What means nothing of a rule on single records, and zones that there are. */
export function checkRecordRule(
  reader: ConfigReader,
  path: KeyPath,
  rule: RuleFile,
  file: Pick<PipelineFile, "metrics" | "windows" | "zones">,
): void {
  if (file.metrics[rule.metric ?? ""]?.from.records === undefined) {
    if (rule.when.zone !== undefined)
      reader.problem(
        [...path, "when", "zone"],
        "zones are those of records; name a metric with zoneLabel",
        "key",
      );
    return;
  }
  for (const key of OTHERS)
    if (rule.when[key] !== undefined)
      reader.problem(
        [...path, "when", key],
        `of records central judges ${CONDITIONS.join(", ")}; ${key} is for readings`,
        "key",
      );
  if (rule.action !== undefined)
    reader.problem([...path, "action"], "records come to central, and only agents act; remove action", "key");
  checkZone(reader, [...path, "when", "zone"], rule, file);
  checkValue(reader, path, rule, file);
}

function checkZone(
  reader: ConfigReader,
  path: KeyPath,
  { metric = "", when }: RuleFile,
  { metrics, zones }: Pick<PipelineFile, "metrics" | "zones">,
): void {
  if (when.zone === undefined) return;
  const { in: inside, notIn } = when.zone;
  if (when.forAtLeast > 0)
    reader.problem(
      [...path.slice(0, -1), "forAtLeast"],
      "forAtLeast is for limits and silence; remove it",
      "key",
    );
  if ((inside === undefined) === (notIn === undefined)) {
    reader.problem(
      path,
      `zone has ${inside === undefined ? "neither" : "both"} in and notIn; give one of them`,
      "key",
    );
    return;
  }
  if (metrics[metric]?.from.json?.zoneLabel === undefined)
    reader.problem(path, `records of ${metric} have no zones; give it position and zoneLabel`, "key");
  const key = inside === undefined ? "notIn" : "in";
  const names = [...(metrics[metric]?.from.json?.zones ?? Object.keys(zones)), OUTSIDE];
  for (const [index, name] of (inside ?? notIn ?? []).entries()) {
    if (names.includes(name)) continue;
    const what = Object.hasOwn(zones, name)
      ? `records of ${metric} are never said to be in ${name}`
      : `there is no zone ${name}`;
    reader.problem([...path, key, index], `${what}; ${orNearest(name, names)}`);
  }
}

/** Positions and identities are no quantities. */
function checkValue(
  reader: ConfigReader,
  path: KeyPath,
  { metric = "", when }: RuleFile,
  { metrics }: Pick<PipelineFile, "metrics">,
): void {
  const { value, since } = metrics[metric]?.from.json ?? {};
  if (value !== undefined || since !== undefined) return;
  for (const key of ["above", "below"] as const)
    if (when[key] !== undefined)
      reader.problem(
        [...path, "when", key],
        `${metric} has no numbers to compare; name a metric with value`,
        "key",
      );
}
