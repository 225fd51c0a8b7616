import type { RecordRule } from "@millrace/config";

/** A rule on single records: enough to judge it elsewhere. */
export interface RecordRuleOfPipeline {
  readonly name: string;
  readonly stream: string;
  readonly metric: string;
  readonly severity: number;
  readonly when: RecordRule["spec"]["when"];
  /** The label that says where a series is, and no other series; null: its metric has no zones. */
  readonly zoneLabel: string | null;
}

export function recordRuleOfPipeline({ stream, spec, zoneLabel }: RecordRule): RecordRuleOfPipeline {
  const { name, metric, severity, when } = spec;
  return { name, stream, metric, severity, when, zoneLabel };
}
