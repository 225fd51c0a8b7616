import { findErrorBy } from "@platformatic/kafka";
import { deepestError } from "./deepest-error.ts";

/** Whether a topic does not exist: told by the broker, or found by the client. */
export function isUnknownTopic(error: Error): boolean {
  return (
    findErrorBy(error, "apiId", "UNKNOWN_TOPIC_OR_PARTITION") !== null ||
    deepestError(error).message.startsWith("Unknown topic")
  );
}
