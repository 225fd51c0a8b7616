import type { ConfigReader } from "./config-reader.ts";
import type { PipelineFile, RuleFile } from "./pipeline-schema.ts";
import type { KeyPath } from "./yaml-source.ts";

const OWN_KEYS = ["state", "reportingAtLeast", "latch"] as const;

/** Central judges the rule: it says so, or is on records, which agents do not see. */
export function isOfCentral(
  { metric, window, at }: RuleFile,
  file: Pick<PipelineFile, "metrics" | "windows">,
): boolean {
  const name = metric ?? file.windows[window ?? ""]?.metric ?? "";
  return file.metrics[name]?.from.records !== undefined || (window !== undefined && at === "central");
}

/** Where a rule is judged, and what only means something of windows there. */
export function checkWindowRule(
  reader: ConfigReader,
  path: KeyPath,
  rule: RuleFile,
  file: Pick<PipelineFile, "metrics" | "windows">,
): void {
  const { metric, window, at, state, reportingAtLeast, action } = rule;
  const isCentral = isOfCentral(rule, file);
  if (isCentral && at === "agent")
    reader.problem([...path, "at"], "records come to central, and agents see none of them; remove at");
  if (!isCentral && at === "central" && metric !== undefined)
    reader.problem(
      [...path, "at"],
      "central has windows, and no single readings; give window and value instead of metric",
    );
  const isOnWindows = isCentral && window !== undefined;
  for (const key of OWN_KEYS)
    if (rule[key] !== undefined && !isOnWindows)
      reader.problem(
        [...path, key],
        `${key} belongs to a window that central judges; ${wayOut(rule)}`,
        "key",
      );
  if (!isOnWindows) return;
  if (action !== undefined)
    reader.problem([...path, "action"], "central judges the rule, and only agents act; remove action", "key");
  if (reportingAtLeast !== undefined && state !== undefined && state !== "complete")
    reader.problem(
      [...path, "reportingAtLeast"],
      `reportingAtLeast belongs to state complete, and this is ${state}; remove one of them`,
      "key",
    );
}

function wayOut({ window }: RuleFile): string {
  return window === undefined ? "remove it" : "give at: central, or remove it";
}
