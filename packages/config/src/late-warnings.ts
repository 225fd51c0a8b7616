import { formatDuration } from "@millrace/runtime";
import { agentSchema } from "./agent-schema.ts";
import type { CentralConfig } from "./central-config.ts";
import type { Loaded } from "./load.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Problem } from "./problem.ts";

/**
 * Windows that allow less lateness than what is in time takes to come. It counts from a window's end by the clock, and not from
 * the watermark: such a window is final before it can be complete.
 */
export function lateWarnings(
  { config: central }: Loaded<CentralConfig>,
  { config, problemAt }: Loaded<Pipeline>,
): Problem[] {
  const neededBy = new Map<string, { readonly neededMs: number; readonly why: string }>();
  /** Of an agent that does not say. */
  const { outOfOrderness: agentsMs } = agentSchema().shape.limits.parse(undefined);
  const ofAgents = {
    neededMs: agentsMs + central.windows.graceMs,
    why: `an agent's readings come limits.outOfOrderness (${formatDuration(agentsMs)} where agent.yaml does not say) and the way later`,
  };
  for (const { name, source } of config.metrics) {
    if (source.kind !== "records") neededBy.set(name, ofAgents);
    else {
      const stream = central.records.find((each) => each.name === source.stream);
      if (stream === undefined) continue;
      const { name: records, outOfOrdernessMs: neededMs } = stream;
      const why = `records.${records}.outOfOrderness is ${formatDuration(neededMs)}`;
      neededBy.set(name, { neededMs, why });
    }
  }
  return config.windows.flatMap(({ name, metric, latenessMs }) => {
    const { neededMs, why } = neededBy.get(metric) ?? { neededMs: 0, why: "" };
    if (latenessMs >= neededMs) return [];
    const [own, least] = [formatDuration(latenessMs), formatDuration(neededMs)];
    const message = `late.allowed is ${own}, and ${why}: window ${name} becomes final before all that is in time has come, without it; allow ${least} at least`;
    return [problemAt(["windows", name, "late", "allowed"], message)];
  });
}
