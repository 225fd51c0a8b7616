import type { z } from "zod";
import type { centralSchema } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { pathText } from "./schema-problems.ts";
import type { KeyPath } from "./yaml-source.ts";

interface Topic {
  readonly path: KeyPath;
  readonly topic: string;
  readonly isWritten: boolean;
}

/**
 * What central writes to a topic is of one kind, and never what it reads elsewhere: its windows would be records of the next
 * ones. Brokers are not compared, since one cluster has many addresses.
 */
export function checkKafkaTopics(
  reader: ConfigReader,
  { intake, records, sinks }: z.output<typeof centralSchema>,
): void {
  const topics: Topic[] = [];
  const uses = (path: KeyPath, topic: string | undefined, isWritten: boolean): void => {
    if (topic !== undefined) topics.push({ path, topic, isWritten });
  };
  uses(["intake", "kafka", "topic"], intake.kafka?.topic, true);
  for (const [name, { kafka }] of Object.entries(records))
    uses(["records", name, "kafka", "topic"], kafka?.topic, false);
  uses(["sinks", "kafka", "windowsTopic"], sinks.kafka?.windowsTopic, true);
  if (sinks.kafka?.alarms === true) uses(["sinks", "kafka", "alarmsTopic"], sinks.kafka.alarmsTopic, true);
  for (const [index, own] of topics.entries()) {
    const other = topics
      .slice(0, index)
      .find(({ topic, isWritten }) => topic === own.topic && (isWritten || own.isWritten));
    if (other === undefined) continue;
    // One of them may be a default, that does not stand in the file.
    const [at, as] = reader.source.has(own.path) ? [own, other] : [other, own];
    const why =
      own.isWritten && other.isWritten ? "" : ", so that central would read as records what it writes there";
    reader.problem(
      at.path,
      `${pathText(at.path)} is ${own.topic}, and so is ${pathText(as.path)}${why}; give each its own`,
    );
  }
}
