import { formatDuration, orNearest } from "@millrace/runtime";
import { paneLayout, PANE_MS_MIN, resultNames } from "@millrace/stream";
import { accumulatorNames } from "./accumulator-names.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { PipelineFile, RuleFile, WindowFile } from "./pipeline-schema.ts";
import { isOfCentral } from "./window-rule-checks.ts";
import type { KeyPath } from "./yaml-source.ts";

/** Longest window that an agent's rules watch: for so long its redo log keeps the readings, for a restart. */
export const WATCHED_MS_MAX = 600_000;

/** What comes of a window that is not shown while it fills may be so late. */
const SILENCE_MS_MIN = 30_000;

/** What a rule looks at: a metric, or a result of a window. */
export function checkRuleInput(
  reader: ConfigReader,
  path: KeyPath,
  rule: RuleFile,
  { file, windowNames }: { readonly file: PipelineFile; readonly windowNames: readonly string[] },
): void {
  const { metric, window, value, when } = rule;
  if ((metric === undefined) === (window === undefined)) {
    const what = metric === undefined ? "neither metric nor window" : "both metric and window";
    reader.problem(path, `the rule has ${what}; it must have one of them`, "key");
    return;
  }
  if (window === undefined) {
    if (value !== undefined) reader.problem([...path, "value"], "value belongs to window; remove it", "key");
    return;
  }
  const spec = file.windows[window];
  if (!windowNames.includes(window)) {
    const message = `there is no window ${window}; ${orNearest(window, windowNames)}`;
    reader.problem([...path, "window"], message);
  }
  if (spec === undefined) return;
  if (isOfCentral(rule, file)) checkMissing(reader, path, rule, spec);
  else {
    if (when.missing !== undefined)
      reader.problem(
        [...path, "when", "missing"],
        "of windows only central judges silence; give at: central, or metric instead of window",
        "key",
      );
    checkWatchable(reader, [...path, "window"], window, spec);
  }
  if (when.missing === undefined) checkValue(reader, path, value, file.metrics[spec.metric]);
}

/** A group is heard by its windows: between two of them it is not silent. */
function checkMissing(
  reader: ConfigReader,
  path: KeyPath,
  { window, value, when }: RuleFile,
  spec: WindowFile,
): void {
  if (when.missing === undefined) return;
  if (value !== undefined)
    reader.problem([...path, "value"], "missing looks at no result; remove value", "key");
  const leastMs = Math.max(SILENCE_MS_MIN, 2 * (spec.session?.gap ?? spec.slide ?? spec.size ?? 0));
  if (when.missing.for < leastMs)
    reader.problem(
      [...path, "when", "missing", "for"],
      `for ${formatDuration(when.missing.for)} is too short to tell silence from the next of ${window} that is still to come; it must be at least ${formatDuration(leastMs)}`,
    );
}

function checkWatchable(reader: ConfigReader, path: KeyPath, name: string, window: WindowFile): void {
  const { session, timeZone, size = 0 } = window;
  const longest = formatDuration(WATCHED_MS_MAX);
  if (session === undefined && timeZone === undefined && size <= WATCHED_MS_MAX) return;
  const what =
    session !== undefined
      ? "has sessions"
      : timeZone !== undefined
        ? "has days"
        : `is ${formatDuration(size)} long`;
  reader.problem(
    path,
    `${name} ${what}; an agent's rules watch windows with a size of at most ${longest}; give at: central`,
  );
}

function checkValue(
  reader: ConfigReader,
  path: KeyPath,
  value: string | undefined,
  metric: PipelineFile["metrics"][string] | undefined,
): void {
  if (metric === undefined) return;
  const names = resultNames(paneLayout(PANE_MS_MIN, accumulatorNames(metric)));
  if (value === undefined)
    reader.problem(path, `the rule has a window and no value; it must be one of ${names.join(", ")}`, "key");
  else if (!names.includes(value))
    reader.problem([...path, "value"], `the window has no ${value}; ${orNearest(value, names)}`);
}
