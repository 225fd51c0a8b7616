import type { CentralAlarm, WindowRule } from "../central-client.ts";
import type { EarlierAlarms } from "../earlier-alarms.ts";
import type { RuleAlarmVerdict } from "../records/judge-rule-alarms.ts";
import type { TrueWindow, WindowDefinition } from "../window-oracle.ts";
import type { OpenWindows } from "./open-windows.ts";
import {
  isDecided,
  type JudgedCondition,
  type TrueResult,
  trueWindowAlarms,
  type TrueWindowAlarm,
} from "./true-window-alarms.ts";

export interface JudgeWindowRulesOptions {
  readonly rules: readonly WindowRule[];
  /** Those whose windows were held against the truth. */
  readonly definitions: readonly WindowDefinition[];
  readonly truth: ReadonlyMap<string, TrueWindow>;
  readonly open: Pick<OpenWindows, "has">;
  readonly answers: readonly CentralAlarm[];
  readonly earlier: EarlierAlarms;
  /** Windows that reach beyond it may lack what has not come. */
  readonly judgedToMs: number;
  /** False of a group that others' values made. */
  readonly isOwn: (labels: Readonly<Record<string, string>>) => boolean;
}

export interface WindowRuleVerdicts {
  readonly verdicts: readonly RuleAlarmVerdict[];
  readonly unjudged: readonly { readonly what: string; readonly why: string }[];
}

const FAULTS_MAX = 5;
/** More different ones than these are estimated, not counted. */
const DISTINCT_EXACT_MAX = 64;

/** Alarms of rules on windows beside those that the true windows make, group by group, up to the first window that is not settled. */
export function judgeWindowRules(options: JudgeWindowRulesOptions): WindowRuleVerdicts {
  const verdicts: RuleAlarmVerdict[] = [];
  const unjudged: { what: string; why: string }[] = [];
  for (const rule of options.rules) {
    const definition = options.definitions.find(({ name }) => name === rule.window);
    // Its window was said to be unjudged.
    if (definition === undefined) continue;
    const { when } = rule;
    if (!isJudged(when)) {
      unjudged.push({ what: `rule ${rule.name}`, why: UNJUDGED[when.kind] });
      continue;
    }
    const why = whyNot(rule, definition);
    if (why === null) verdicts.push(judgeRule(rule, when, definition, options));
    else unjudged.push({ what: `rule ${rule.name}`, why });
  }
  return { verdicts, unjudged };
}

/** Why of conditions that no values of the truth decide. */
const UNJUDGED = {
  missing: "it watches for silence, by central's clock, which the truth does not know",
  stuck: "it watches for values that stand still",
  rateOfChange: "it looks at the change over several windows",
} as const;

function isJudged(when: WindowRule["when"]): when is JudgedCondition {
  if (when.kind === "rateOfChange") return when.overMs === null;
  return when.kind !== "missing" && when.kind !== "stuck";
}

function whyNot(
  { value, state }: WindowRule,
  { kind, sizeMs, slideMs, ratio }: WindowDefinition,
): string | null {
  if (kind === "session") return "its windows are sessions, which become longer and are merged";
  if (sizeMs !== slideMs)
    return "its windows overlap, and some of them are corrected only when they are final";
  if (state === "final") return "it looks at final windows only";
  const known = ["count", "sum", "mean", "min", "max", "range", "distinct"];
  if (!known.includes(value) && !(value === "ratio" && ratio != null)) return `the truth holds no ${value}`;
  return null;
}

function judgeRule(
  rule: WindowRule,
  when: JudgedCondition,
  definition: WindowDefinition,
  options: JudgeWindowRulesOptions,
): RuleAlarmVerdict {
  const { truth, answers, earlier, isOwn } = options;
  const groups = Map.groupBy(
    [...truth.values()].filter(({ window }) => window === rule.window),
    ({ group }) => JSON.stringify(group),
  );
  const faults: string[] = [];
  const left = new Set(
    answers.filter(
      (alarm) => alarm.rule === rule.name && alarm.endReason !== "withdrawn" && isOwn(alarm.labels),
    ),
  );
  let [right, missed, covered] = [0, 0, 0];
  for (const [key, windows] of groups) {
    const { group } = windows[0];
    const labels = Object.fromEntries(definition.by.map((name, at) => [name, group[at]]));
    const { results, settledToMs } = settled(windows, { rule, when, definition, options });
    const own = [...left].filter(
      ({ labels }) => JSON.stringify(definition.by.map((label) => labels[label] ?? "")) === key,
    );
    for (const alarm of trueWindowAlarms(when, results)) {
      const found = own.find((each) => isSame(each, alarm, settledToMs));
      if (found !== undefined) left.delete(found);
      if (found !== undefined) right += 1;
      else if (earlier.cover({ rule: rule.name, labels, timeMs: alarm.activeAtMs })) covered += 1;
      else {
        missed += 1;
        faults.push(`${rule.name} ${key} ${spanOf(alarm)}: not seen`);
      }
    }
    // What begins later hangs on windows that are not settled.
    for (const alarm of own) if (alarm.activeAtMs > settledToMs) left.delete(alarm);
  }
  for (const alarm of left)
    faults.push(`${rule.name} ${Object.values(alarm.labels).join("/")} ${spanOf(alarm)}: no windows make it`);
  return { rule: rule.name, right, missed, wrong: left.size, covered, faults: faults.slice(0, FAULTS_MAX) };
}

/** What a rule sees of a group's windows, up to the first that may still change. */
function settled(
  windows: readonly TrueWindow[],
  {
    rule,
    when,
    definition,
    options,
  }: {
    readonly rule: WindowRule;
    readonly when: JudgedCondition;
    readonly definition: WindowDefinition;
    readonly options: JudgeWindowRulesOptions;
  },
): { readonly results: readonly TrueResult[]; readonly settledToMs: number } {
  const results: TrueResult[] = [];
  let settledToMs = -Infinity;
  for (const window of windows.toSorted((a, b) => a.startMs - b.startMs)) {
    const endMs = window.startMs + definition.sizeMs;
    const value = valueOf(rule.value, window);
    const isOpen = options.open.has(window.window, window.startMs, window.group);
    const isSure = window.unsureCount === 0 && endMs <= options.judgedToMs && !isOpen && value !== null;
    if (!isSure || !isDecided(when, { endMs, value })) return { results, settledToMs };
    results.push({ endMs, value });
    settledToMs = endMs;
  }
  return { results, settledToMs: Infinity };
}

function valueOf(name: string, window: TrueWindow): number | null {
  const { count, sum, min, max, ratioCount, identities } = window;
  switch (name) {
    case "count":
      return count;
    case "sum":
      return sum;
    case "mean":
      return sum / count;
    case "min":
      return min;
    case "max":
      return max;
    case "range":
      return max - min;
    case "ratio":
      return ratioCount / count;
    default:
      return identities.size <= DISTINCT_EXACT_MAX ? identities.size : null;
  }
}

function isSame(found: CentralAlarm, alarm: TrueWindowAlarm, settledToMs: number): boolean {
  if (found.activeAtMs !== alarm.activeAtMs) return false;
  // One that is active after the last settled window may have ended since.
  if (alarm.clearedAtMs === null) return found.clearedAtMs === null || found.clearedAtMs > settledToMs;
  return found.clearedAtMs === alarm.clearedAtMs;
}

function spanOf({ activeAtMs, clearedAtMs }: TrueWindowAlarm): string {
  const [from, to] = [activeAtMs, clearedAtMs].map((ms) =>
    ms === null ? "now" : new Date(ms).toISOString(),
  );
  return `from ${from} to ${to}`;
}
