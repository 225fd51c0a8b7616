import { findErrorBy } from "@platformatic/kafka";
import { deepestError } from "./deepest-error.ts";
import { isUnknownTopic } from "./is-unknown-topic.ts";
import { refusedTime } from "./refused-time.ts";

/** What a person can do comes first. */
export function explainKafka(error: unknown, topics: readonly string[]): string {
  if (!(error instanceof Error)) return String(error);
  const has = (property: string, value: unknown) => findErrorBy(error, property, value) !== null;
  const named = `topic ${topics.join(", ")}`;
  const reason = deepestError(error).message;
  if (isUnknownTopic(error)) return `Kafka has no ${named}; create it (docs/operations.md)`;
  if (has("apiId", "TOPIC_AUTHORIZATION_FAILED"))
    return `Kafka does not let this user read from or write to ${named}`;
  if (has("apiId", "GROUP_AUTHORIZATION_FAILED")) return "Kafka does not let this user read as this group";
  if (has("apiId", "NOT_ENOUGH_REPLICAS") || has("apiId", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"))
    return `${named} has too few replicas in sync: nothing is acknowledged`;
  if (has("apiId", "MESSAGE_TOO_LARGE"))
    return `a record is larger than ${named} takes; set its max.message.bytes higher (1 MiB at least)`;
  if (/authentication failed/i.test(error.message) || /authentication failed/i.test(reason))
    return "Kafka refuses the login (sasl)";
  return refusedTime(error, named) ?? reason;
}
