import type { TopicTemplate } from "@millrace/wire";
import type { AgentConfig } from "./agent-config.ts";
import type { Loaded } from "./load.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Problem } from "./problem.ts";
import { topicsMeet } from "./topics-meet.ts";

/** Warnings of agent.yaml: files whose lines nothing of the pipeline reads, so that each is counted and thrown away. */
export function unreadFiles({ config, problemAt }: Loaded<AgentConfig>, pipeline: Pipeline): Problem[] {
  const read = readTopics(pipeline);
  return config.inputs.files.flatMap(({ topic }, index) =>
    read.some(({ filter }) => topicsMeet(topic.filter, filter))
      ? []
      : problemAt(
          ["inputs", "files", index, "topic"],
          `no metric reads ${topic.text}: every line of these files would be thrown away; let a metric's from.topic match it`,
        ),
  );
}

function readTopics({ metrics, evidence, maintenance }: Pipeline): readonly TopicTemplate[] {
  return [
    ...metrics.flatMap(({ source }) => (source.kind === "topic" ? source.topic : [])),
    ...evidence.map(({ topic }) => topic),
    ...(maintenance === null ? [] : [maintenance.topic]),
  ];
}
