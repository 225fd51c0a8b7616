import type { z } from "zod";
import type { KafkaIntakeConfig } from "./central-config.ts";
import type { centralSchema } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { resolveKafka } from "./resolve-kafka.ts";

/** `intake.kafka` of central.yaml; null without it. */
export function resolveKafkaIntake(
  reader: ConfigReader,
  { kafka }: z.output<typeof centralSchema>["intake"],
): KafkaIntakeConfig | null {
  if (kafka === undefined) return null;
  return {
    ...resolveKafka(reader, ["intake", "kafka"], kafka),
    topic: kafka.topic,
    patienceMs: kafka.patience,
  };
}
