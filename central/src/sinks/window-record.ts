import type { WindowResult } from "@millrace/stream";

/** A revision as other programs read it: docs/schema/millrace.windows.v1.json. */
export function windowRecord(result: WindowResult, generation: number): Readonly<Record<string, unknown>> {
  const { window, metric, group, startMs, endMs, revision, state, values, top, mergedIntoMs } = result;
  const { beside, completeness, updatedAtMs } = result;
  return {
    window,
    metric,
    group,
    startMs,
    endMs,
    generation,
    revision,
    state,
    values,
    ...(top === undefined ? {} : { top }),
    ...(mergedIntoMs === undefined ? {} : { mergedIntoMs }),
    beside,
    completeness,
    updatedAtMs,
  };
}
