import type { z } from "zod";
import type { KafkaIntakeConfig } from "./central-config.ts";
import type { centralSchema } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { resolveKafka } from "./resolve-kafka.ts";

/** `intake.kafka` of central.yaml; null without it. Its topic is for nothing else. */
export function resolveKafkaIntake(
  reader: ConfigReader,
  { intake, records, sinks }: z.output<typeof centralSchema>,
): KafkaIntakeConfig | null {
  const { kafka } = intake;
  if (kafka === undefined) return null;
  const path = ["intake", "kafka"];
  const refuse = (other: string) =>
    reader.problem(
      [...path, "topic"],
      `intake.kafka.topic is ${kafka.topic}, and so is ${other}; give each its own`,
    );
  if (sinks.kafka?.windowsTopic === kafka.topic) refuse("sinks.kafka.windowsTopic");
  if (sinks.kafka?.alarmsTopic === kafka.topic) refuse("sinks.kafka.alarmsTopic");
  for (const [name, stream] of Object.entries(records))
    if (stream.kafka?.topic === kafka.topic) refuse(`records.${name}.kafka.topic`);
  return { ...resolveKafka(reader, path, kafka), topic: kafka.topic };
}
