import { formatDuration } from "@millrace/runtime";
import { windowLengths } from "@millrace/stream";
import type { CentralConfig } from "./central-config.ts";
import type { Loaded } from "./load.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Problem } from "./problem.ts";

/** What is doubtful in central.yaml about sinks, seen beside the pipeline: a Redis that is to keep more than it can be given again. */
export function sinkWarnings(
  { config, problemAt }: Loaded<CentralConfig>,
  pipeline: Pick<Pipeline, "windows">,
): Problem[] {
  const { redis } = config.sinks;
  if (redis === null) return [];
  const { retentionMs, windows: chosen } = redis;
  const short = pipeline.windows
    .filter(({ name }) => chosen === null || chosen.includes(name))
    .map((spec) => ({
      name: spec.name,
      keptMs: Math.max(config.windows.retainMs, spec.latenessMs + windowLengths(spec).sizeMs),
    }))
    .filter(({ keptMs }) => keptMs < retentionMs);
  if (short.length === 0) return [];
  const kept = formatDuration(Math.min(...short.map(({ keptMs }) => keptMs)));
  const names = short.map(({ name }) => name).join(" and ");
  const own = formatDuration(retentionMs);
  const [windows, whose] = short.length === 1 ? ["window", "its"] : ["windows", "their"];
  return [
    problemAt(
      ["sinks", "redis", "retention"],
      `Redis is to keep ${windows} ${names} for ${own}, and central keeps ${whose} results for ${kept} only: a Redis that was emptied gets no more of them back; raise windows.retain to ${own}, or lower sinks.redis.retention to ${kept}`,
    ),
  ];
}
