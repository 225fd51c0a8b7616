import { orNearest } from "@millrace/runtime";
import type { CentralConfig } from "./central-config.ts";
import type { Loaded } from "./load.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Problem } from "./problem.ts";

/** What is wrong in central.yaml about sinks, seen beside the pipeline: windows that it lacks, or that would share keys. */
export function sinkProblems(
  { config, problemAt }: Loaded<CentralConfig>,
  { windows }: Pick<Pipeline, "windows">,
): Problem[] {
  const { redis, kafka, file, prometheus } = config.sinks;
  const names = windows.map(({ name }) => name);
  const problems: Problem[] = [];
  for (const [sink, chosen] of Object.entries({ redis, kafka, file, prometheus }))
    for (const [index, name] of (chosen?.windows ?? []).entries())
      if (!names.includes(name))
        problems.push(
          problemAt(
            ["sinks", sink, "windows", index],
            `the pipeline has no window ${name}; ${orNearest(name, names)}`,
          ),
        );
  const count = redis?.windows?.length ?? names.length;
  if (redis !== null && count > 1 && !redis.prefix.includes("{window}"))
    problems.push(
      problemAt(
        ["sinks", "redis"],
        `${count} windows would share the keys ${redis.prefix}:…; name one under windows, or give a prefix with {window} in it, such as "${redis.prefix}:{window}"`,
      ),
    );
  return problems;
}
