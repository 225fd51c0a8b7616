import type { WindowResult } from "@millrace/stream";

/** Everything of a revision, as the fields of its window's hash: names and texts in turn. */
export function redisFields(result: WindowResult, generation: number): string[] {
  const { completeness, beside, top, mergedIntoMs } = result;
  const fields: Record<string, string | number> = {
    generation,
    revision: result.revision,
    state: result.state,
    window: result.window,
    metric: result.metric,
    startMs: result.startMs,
    endMs: result.endMs,
    updatedAtMs: result.updatedAtMs,
    agentsExpected: completeness.agentsExpected,
    agentsReporting: completeness.agentsReporting,
    agentsMissing: JSON.stringify(completeness.agentsMissing),
    sitesExpected: completeness.sitesExpected,
    sitesReporting: completeness.sitesReporting,
    sitesMissing: JSON.stringify(completeness.sitesMissing),
    uncertain: beside.uncertain,
    bad: beside.bad,
    undeduplicated: beside.undeduplicated,
    ...result.values,
  };
  for (const [name, value] of Object.entries(result.group)) fields[`label.${name}`] = value;
  if (completeness.agentsWithLoss !== undefined)
    fields["agentsWithLoss"] = JSON.stringify(completeness.agentsWithLoss);
  if (completeness.agentsCoarse !== undefined)
    fields["agentsCoarse"] = JSON.stringify(completeness.agentsCoarse);
  if (top !== undefined) fields["top"] = JSON.stringify(top);
  if (mergedIntoMs !== undefined) fields["mergedIntoMs"] = mergedIntoMs;
  return Object.entries(fields).flatMap(([name, value]) => [name, String(value)]);
}
