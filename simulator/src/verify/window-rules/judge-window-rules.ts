import type { CentralAlarm, WindowRule } from "../central-client.ts";
import type { EarlierAlarms } from "../earlier-alarms.ts";
import { type ExpectedAlarm, matchAlarms } from "../match-alarms.ts";
import type { RuleAlarmVerdict } from "../records/judge-rule-alarms.ts";
import type { TrueWindow, WindowDefinition } from "../window-oracle.ts";
import type { OpenWindows } from "./open-windows.ts";
import {
  isDecided,
  isNormal,
  type JudgedCondition,
  type TrueResult,
  trueWindowAlarms,
  windowsLookedAt,
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
}

export interface WindowRuleVerdicts {
  readonly verdicts: readonly RuleAlarmVerdict[];
  readonly unjudged: readonly { readonly what: string; readonly why: string }[];
}

/** More different ones than these are estimated, not counted. */
const DISTINCT_EXACT_MAX = 64;

/** Alarms of rules on windows beside those that the true windows make, group by group, but for those that hang on windows that are not settled. */
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
    if (why === null) {
      const { verdict, gaps } = judgeRule(rule, when, definition, options);
      verdicts.push(verdict);
      for (const why of [UNSURE, MAY_CHANGE]) {
        const times = gapsText(gaps.filter((gap) => gap.why === why));
        if (times !== null) unjudged.push({ what: `rule ${rule.name} ${times}`, why });
      }
    } else unjudged.push({ what: `rule ${rule.name}`, why });
  }
  return { verdicts, unjudged };
}

/** Why of conditions that no values of the truth decide. */
const UNJUDGED = {
  missing: "it watches for silence, by central's clock, which the truth does not know",
  stuck: "it watches for values that stand still",
  rateOfChange: "it looks at the change over several windows",
} as const;

const MAY_CHANGE = "its windows from then on may change still";
const UNSURE = "nobody is sure of its windows there";

/** When a rule is not judged, in words. */
function gapsText(gaps: readonly Gap[]): string | null {
  const [first] = gaps.toSorted((one, other) => one.fromMs - other.fromMs);
  if (first === undefined) return null;
  const from = `from ${new Date(first.fromMs).toISOString()}`;
  const when = first.toMs === Infinity ? `${from} on` : `${from} to ${new Date(first.toMs).toISOString()}`;
  return gaps.length === 1 ? when : `${when}, and ${gaps.length - 1} times more`;
}

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
): { readonly verdict: RuleAlarmVerdict; readonly gaps: readonly Gap[] } {
  const { truth, answers, earlier } = options;
  const { by } = definition;
  const groups = Map.groupBy(
    [...truth.values()].filter(({ window }) => window === rule.window),
    ({ group }) => JSON.stringify(group),
  );
  const expected: WindowAlarm[] = [];
  const gaps = new Map<string, readonly Gap[]>();
  for (const [key, windows] of groups) {
    const { group } = windows[0];
    const labels = Object.fromEntries(by.map((name, at) => [name, group[at]]));
    const course = courseOf(windows, { rule, when, definition, options });
    gaps.set(
      key,
      course.flatMap(({ gap }) => gap ?? []),
    );
    for (const { results, gap } of course)
      for (const alarm of trueWindowAlarms(when, results)) expected.push({ ...alarm, labels, gap });
  }
  const isKnown = ({ labels, activeAtMs }: CentralAlarm): boolean => {
    const ofGroup = gaps.get(JSON.stringify(by.map((label) => labels[label] ?? ""))) ?? [];
    return !ofGroup.some(({ fromMs, toMs }) => activeAtMs >= fromMs && activeAtMs < toMs);
  };
  const { right, missed, wrong, excused, faults } = matchAlarms({
    rule: rule.name,
    by,
    expected,
    answers: answers.filter(isKnown),
    isSettled: ({ gap }, timeMs) => gap === null || timeMs < gap.fromMs || timeMs > gap.toMs,
    differenceOf: ({ clearedAtMs, gap }, found) =>
      clearedAtMs === null && gap !== null && (found.clearedAtMs ?? Infinity) > gap.toMs
        ? "active still, though its windows are normal since"
        : null,
    isExcused: ({ labels, activeAtMs }) => earlier.cover({ rule: rule.name, labels, timeMs: activeAtMs }),
    whyNone: "no windows make it",
  });
  return {
    verdict: { rule: rule.name, right, missed, wrong, covered: excused.length, faults },
    gaps: [...gaps.values()].flat(),
  };
}

interface WindowAlarm extends ExpectedAlarm {
  /** What follows on the windows that make it. */
  readonly gap: Gap | null;
}

/** Ends of windows by which nobody can tell how a rule stands. */
interface Gap {
  readonly fromMs: number;
  /** The rule is normal by the window that ends then, whatever was before; Infinity: by none any more. */
  readonly toMs: number;
  readonly why: string;
}

/** Windows one after another that a rule has seen as the truth has them, normal at their begin. */
interface Stretch {
  readonly results: readonly TrueResult[];
  /** What follows. */
  readonly gap: Gap | null;
}

interface CourseOptions {
  readonly rule: WindowRule;
  readonly when: JudgedCondition;
  readonly definition: WindowDefinition;
  readonly options: JudgeWindowRulesOptions;
}

/** What a rule sees of a group's windows. Where it is not known of one, nobody knows how the rule stands until it is normal again. */
function courseOf(
  windows: readonly TrueWindow[],
  { rule, when, definition, options }: CourseOptions,
): Stretch[] {
  const stretches: Stretch[] = [];
  let results: TrueResult[] = [];
  /** Since when nobody knows, and what was before. */
  let unknown: { readonly fromMs: number; readonly before: readonly TrueResult[] } | null = null;
  for (const window of windows.toSorted((a, b) => a.startMs - b.startMs)) {
    const endMs = window.startMs + definition.sizeMs;
    // A rule may hear of a window that waits for somebody after those behind it.
    if (options.open.has(window.window, window.startMs, window.group) || endMs > options.judgedToMs) {
      const { fromMs, before } = unknown ?? { fromMs: endMs, before: results };
      return [...stretches, { results: before, gap: { fromMs, toMs: Infinity, why: MAY_CHANGE } }];
    }
    const value = window.unsureCount > 0 ? null : valueOf(rule.value, window);
    const result = value === null ? null : { endMs, value };
    if (result === null || !isDecided(when, result)) {
      unknown ??= { fromMs: endMs, before: results };
      results = [];
      continue;
    }
    if (unknown === null) {
      results.push(result);
      continue;
    }
    results = [...results, result].slice(-windowsLookedAt(when));
    if (!isNormal(when, results)) continue;
    stretches.push({ results: unknown.before, gap: { fromMs: unknown.fromMs, toMs: endMs, why: UNSURE } });
    unknown = null;
  }
  if (unknown === null) return [...stretches, { results, gap: null }];
  const { fromMs, before } = unknown;
  return [...stretches, { results: before, gap: { fromMs, toMs: Infinity, why: UNSURE } }];
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
