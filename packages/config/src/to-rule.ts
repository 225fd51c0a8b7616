import type {
  Condition,
  ConfirmMatch,
  LevelName,
  LevelSpec,
  LimitCondition,
  RuleSpec,
} from "@millrace/detect";
import { formatDuration } from "@millrace/runtime";
import { parseJsonPath } from "@millrace/wire";
import type { PipelineFile, RuleFile } from "./pipeline-schema.ts";

/** Added to the severity of an alarm whose command stayed unconfirmed. */
const ESCALATION = 100;
const SEVERITY_MAX = 1000;

/** A rule as the file has it, resolved; the file has been checked. */
export function toRule(
  name: string,
  rule: RuleFile,
  file: Pick<PipelineFile, "metrics" | "windows">,
): RuleSpec {
  const when = toCondition(rule);
  const { window, value = "" } = rule;
  const metric = rule.metric ?? file.windows[window ?? ""]?.metric ?? "";
  const metricUnit = file.metrics[metric]?.unit ?? "";
  const unit = window !== undefined && !isInMetricUnit(value) ? "" : metricUnit;
  const what = window === undefined ? metric : value === "" ? window : `${value} of ${window}`;
  return {
    name,
    metric,
    ...(window === undefined ? {} : { window: { name: window, value, by: file.windows[window]?.by ?? [] } }),
    when,
    severity: rule.severity,
    ...(unit === metricUnit ? {} : { unit }),
    ...unitOf(when, unit),
    message: rule.message ?? `${what} ${inWords(when, unit)}`.trimEnd(),
    action: toAction(rule, when),
  };
}

function toCondition({ when, severity }: RuleFile): Condition {
  const { levels, rateOfChange, stuck, missing, forAtLeast: forAtLeastMs } = when;
  if (levels !== undefined) {
    const own: Partial<Record<LevelName, LevelSpec>> = {};
    for (const [name, level] of levelsOf(levels))
      own[name] = { limit: level.limit, severity: level.severity ?? severity };
    return { kind: "levels", levels: own, hysteresis: when.hysteresis ?? 0, forAtLeastMs };
  }
  if (rateOfChange !== undefined) {
    const { per: perMs, over: overMs = null } = rateOfChange;
    return { kind: "rateOfChange", slope: toLimit(rateOfChange, forAtLeastMs), perMs, overMs };
  }
  if (stuck !== undefined) return { kind: "stuck", forMs: stuck.for, within: stuck.within, forAtLeastMs };
  if (missing !== undefined) return { kind: "missing", forMs: missing.for, forAtLeastMs };
  return toLimit(when, forAtLeastMs);
}

/** The levels that the file gives, by name. */
export function levelsOf(
  levels: NonNullable<RuleFile["when"]["levels"]>,
): readonly (readonly [LevelName, NonNullable<(typeof levels)[LevelName]>])[] {
  const names = ["lowLow", "low", "high", "highHigh"] as const;
  return names.flatMap((name) => {
    const level = levels[name];
    return level === undefined ? [] : [[name, level] as const];
  });
}

function toLimit(
  limits: Pick<RuleFile["when"], "above" | "below" | "clearAbove" | "clearBelow">,
  forAtLeastMs: number,
): LimitCondition {
  const { above, below, clearAbove, clearBelow } = limits;
  const kind = above === undefined ? "below" : "above";
  const limit = above ?? below ?? 0;
  return { kind, limit, clear: (kind === "above" ? clearBelow : clearAbove) ?? limit, forAtLeastMs };
}

function toAction({ action, severity }: RuleFile, when: Condition): RuleSpec["action"] {
  if (action === undefined) return null;
  const { confirm } = action;
  const severities = when.kind === "levels" ? Object.values(when.levels).map((level) => level.severity) : [];
  return {
    topicTemplate: action.publish,
    payload: action.payload,
    confirm:
      confirm === undefined
        ? null
        : {
            topic: confirm.topic,
            equals: confirm.equals,
            withinMs: confirm.within,
            match: toMatch(confirm),
          },
    retryMax: action.retry,
    validForMs: action.validFor,
    isLatched: action.latch,
    isArmed: action.armed,
    escalateSeverity:
      action.escalateSeverity ?? Math.min(SEVERITY_MAX, Math.max(severity, ...severities) + ESCALATION),
    perMinuteMax: action.atMostPerMinute ?? null,
    atLevels: action.atLevels ?? null,
  };
}

function toMatch({
  id,
  value,
  correlation,
}: NonNullable<NonNullable<RuleFile["action"]>["confirm"]>): ConfirmMatch | null {
  if (correlation) return { kind: "correlation" };
  const [idPath, valuePath] = [parseJsonPath(id ?? ""), parseJsonPath(value ?? "")];
  return idPath === undefined || valuePath === undefined
    ? null
    : { kind: "json", id: idPath, value: valuePath };
}

/** Results of windows that are values of the metric; the others are counts and shares. */
function isInMetricUnit(value: string): boolean {
  return /^(?:sum|min|max|range|mean|stddev|first|last|timeMean|increase|p\d+)$/.test(value);
}

/** Where what is compared is no value of the metric. */
function unitOf(when: Condition, unit: string): Pick<RuleSpec, "unit"> {
  if (when.kind === "rateOfChange") return { unit: `${unit}/${formatDuration(when.perMs)}` };
  return when.kind === "missing" ? { unit: "s" } : {};
}

function inWords(when: Condition, unit: string): string {
  switch (when.kind) {
    case "above":
    case "below":
      return `is ${when.kind} ${withUnit(when.limit, unit)}`;
    case "levels":
      return "is out of its limits";
    case "rateOfChange":
      return `changes by ${when.slope.kind === "above" ? "more" : "less"} than ${withUnit(when.slope.limit, unit)} per ${formatDuration(when.perMs)}`;
    case "stuck":
      return `has not moved${when.within === 0 ? "" : ` by more than ${withUnit(when.within, unit)}`} for ${formatDuration(when.forMs + when.forAtLeastMs)}`;
    case "missing":
      return `has sent nothing for ${formatDuration(when.forMs + when.forAtLeastMs)}`;
  }
}

/** A number without a dimension has the unit 1 (UCUM): nobody says it. */
function withUnit(value: number, unit: string): string {
  return unit === "1" || unit === "" ? String(value) : `${value} ${unit}`;
}
