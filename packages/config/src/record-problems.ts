import { orNearest } from "@millrace/runtime";
import { canRetract } from "@millrace/stream";
import type { CentralConfig } from "./central-config.ts";
import { columnWarnings } from "./column-warnings.ts";
import type { Loaded } from "./load.ts";
import { ofTable } from "./of-table.ts";
import type { Pipeline, PipelineMetric } from "./pipeline.ts";
import type { Problem } from "./problem.ts";

/**
 * What does not go together: metrics of streams that central.yaml lacks, or that cannot follow a table's changes (problems), and
 * streams, and columns of them, that no metric reads (warnings).
 */
export function recordProblems(
  central: Loaded<CentralConfig>,
  pipeline: Loaded<Pipeline>,
): { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] } {
  const streams = central.config.records.map(({ name }) => name);
  const tables = new Set(central.config.records.flatMap(({ name, debezium }) => (debezium ? [name] : [])));
  const read = new Set<string>();
  const problems: Problem[] = [];
  for (const metric of pipeline.config.metrics) {
    const { name, source } = metric;
    if (source.kind !== "records") continue;
    read.add(source.stream);
    if (tables.has(source.stream))
      for (const problem of changeProblems(metric, source.stream, pipeline)) problems.push(problem);
    if (streams.includes(source.stream)) continue;
    const message = `central.yaml has no records ${source.stream}; ${orNearest(source.stream, streams)}`;
    problems.push(pipeline.problemAt(["metrics", name, "from", "records"], message));
  }
  const { distinctRules, recordRules } = pipeline.config;
  for (const { stream, spec } of [...distinctRules, ...recordRules])
    if (tables.has(stream)) problems.push(ruleProblem(spec.name, stream, pipeline));
  const unread = streams.filter((stream) => !read.has(stream));
  const warnings = unread.map((stream) =>
    central.problemAt(["records", stream], `no metric reads records ${stream}: they are not taken`),
  );
  return { problems, warnings: [...warnings, ...columnWarnings(central, pipeline)] };
}

function ruleProblem(rule: string, stream: string, { problemAt }: Loaded<Pipeline>): Problem {
  return problemAt(
    ["rules", rule, "when"],
    `${ofTable(stream)}: a rule on records cannot take back what it made of a row that changes; give it a window instead`,
  );
}

/** What of a metric and its windows cannot take back what a row said before it changed. */
function changeProblems(
  { name, accumulate }: PipelineMetric,
  stream: string,
  { config, problemAt }: Loaded<Pipeline>,
): Problem[] {
  const why = ofTable(stream);
  const sessions = config.windows.filter(({ kind, metric }) => kind === "session" && metric === name);
  const ofWindows = sessions.map((window) =>
    problemAt(
      ["windows", window.name, "session"],
      `${why}: a session cannot be taken apart again when a row changes; give the window a size`,
    ),
  );
  // Sessions bring accumulators of their own.
  if (ofWindows.length > 0) return ofWindows;
  return accumulate.flatMap((accumulator, index) =>
    canRetract(accumulator)
      ? []
      : [
          problemAt(
            ["metrics", name, "accumulate", index],
            `${why}: ${accumulator} cannot take back what a row said before it changed; keep of count, sum, mean, ratio and histogram what is wanted`,
          ),
        ],
  );
}
