import type { DistinctRule, RecordRule } from "@millrace/config";
import type { RecordCondition, WindowRuleSpec } from "@millrace/detect";

/** A rule that central judges: enough to judge it elsewhere. */
export type RuleView = RecordRuleView | WindowRuleView;

interface RuleViewBase {
  readonly name: string;
  readonly metric: string;
  readonly severity: number;
}

/** On single records of a stream. */
export interface RecordRuleView extends RuleViewBase {
  readonly on: "records";
  readonly stream: string;
  /** The label that says where a series is, and no other series; null: its metric has no zones. */
  readonly zoneLabel: string | null;
  readonly when: RecordCondition | DistinctView;
}

/** So many new values of a key within a time, and where they stand in a record. */
export interface DistinctView {
  readonly kind: "distinct";
  readonly of: RecordPlace;
  readonly by: readonly RecordPlace[];
  readonly atLeast: number;
  readonly withinMs: number;
  readonly knownForMs: number;
}

interface RecordPlace {
  readonly name: string;
  readonly path: readonly (string | number)[];
}

/** On windows, one after another, by group. */
export interface WindowRuleView extends RuleViewBase {
  readonly on: "windows";
  readonly window: string;
  /** Which of its results; "" where it is the silence. */
  readonly value: string;
  readonly state: WindowRuleSpec["judgedAt"];
  readonly reportingAtLeast: number;
  readonly isLatched: boolean;
  readonly when: WindowRuleSpec["when"];
}

/** The rules of a pipeline that central judges. */
export function ruleViews({
  recordRules = [],
  distinctRules = [],
  windowRules = [],
}: {
  readonly recordRules?: readonly RecordRule[] | undefined;
  readonly distinctRules?: readonly DistinctRule[] | undefined;
  readonly windowRules?: readonly WindowRuleSpec[] | undefined;
}): RuleView[] {
  return [
    ...recordRules.map(ofRecords),
    ...distinctRules.map(ofNewValues),
    ...windowRules.map(ofWindows),
  ].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function ofRecords({ stream, spec, zoneLabel }: RecordRule): RecordRuleView {
  const { name, metric, severity, when } = spec;
  return { name, on: "records", stream, metric, severity, when, zoneLabel };
}

function ofNewValues({ stream, spec, key: by, value: of }: DistinctRule): RecordRuleView {
  const { name, metric, severity, atLeast, withinMs, knownForMs } = spec;
  const when = { kind: "distinct", of, by, atLeast, withinMs, knownForMs } as const;
  return { name, on: "records", stream, metric, severity, when, zoneLabel: null };
}

function ofWindows({
  name,
  metric,
  severity,
  window,
  judgedAt: state,
  reportingMin: reportingAtLeast,
  isLatched,
  when,
}: WindowRuleSpec): WindowRuleView {
  const looksAt = { window: window.name, value: window.value };
  return { name, on: "windows", metric, severity, ...looksAt, state, reportingAtLeast, isLatched, when };
}
