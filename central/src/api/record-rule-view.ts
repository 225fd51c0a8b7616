import type { DistinctRule } from "@millrace/config";

/** What a rule on records counts, and where it reads it. */
export interface RecordRuleView {
  readonly name: string;
  readonly stream: string;
  readonly metric: string;
  readonly severity: number;
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

export function recordRuleView({ stream, spec, key, value }: DistinctRule): RecordRuleView {
  const { name, metric, severity, atLeast, withinMs, knownForMs } = spec;
  return { name, stream, metric, severity, of: value, by: key, atLeast, withinMs, knownForMs };
}
