import { orNearest } from "@millrace/runtime";
import type { CentralConfig } from "./central-config.ts";
import type { Loaded } from "./load.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Problem } from "./problem.ts";

/** What does not go together: metrics of streams that central.yaml lacks (problems), and streams that no metric reads (warnings). */
export function recordProblems(
  central: Loaded<CentralConfig>,
  pipeline: Loaded<Pipeline>,
): { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] } {
  const streams = central.config.records.map(({ name }) => name);
  const read = new Set<string>();
  const problems: Problem[] = [];
  for (const { name, source } of pipeline.config.metrics) {
    if (source.kind !== "records") continue;
    read.add(source.stream);
    if (streams.includes(source.stream)) continue;
    const message = `central.yaml has no records ${source.stream}; ${orNearest(source.stream, streams)}`;
    problems.push(pipeline.problemAt(["metrics", name, "from", "records"], message));
  }
  const unread = streams.filter((stream) => !read.has(stream));
  const warnings = unread.map((stream) =>
    central.problemAt(["records", stream], `no metric reads records ${stream}: they are not taken`),
  );
  return { problems, warnings };
}
