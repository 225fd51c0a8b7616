import { findErrorBy } from "@platformatic/kafka";
import { RecordTooLargeError } from "../record-too-large.ts";
import { explainKafka } from "./explain-kafka.ts";

/** What a `send` rejects with. */
export function sendFailure(error: unknown, topics: readonly string[], brokers: readonly string[]): Error {
  const isTooLarge = error instanceof Error && findErrorBy(error, "apiId", "MESSAGE_TOO_LARGE") !== null;
  const Kind = isTooLarge ? RecordTooLargeError : Error;
  return new Kind(explainKafka(error, topics, brokers), { cause: error });
}
