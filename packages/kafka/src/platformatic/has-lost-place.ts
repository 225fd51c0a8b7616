import { findErrorBy } from "@platformatic/kafka";

const LOST_PLACES: readonly unknown[] = ["OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID"];

/** The broker does not know where the producer is, or the producer itself: a new leader that has lost it, a topic made anew. */
export function hasLostPlace(error: unknown): boolean {
  return error instanceof Error && LOST_PLACES.some((id) => findErrorBy(error, "apiId", id) !== null);
}
