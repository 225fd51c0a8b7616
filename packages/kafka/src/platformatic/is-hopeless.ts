import { findErrorBy } from "@platformatic/kafka";
import { hasLostPlace } from "./has-lost-place.ts";

/** No waiting mends it. The library calls a lost place hopeless too; as another producer's it is not. */
export function isHopeless(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (!hasLostPlace(error)) return findErrorBy(error, "canRetry", false) !== null;
  return error instanceof AggregateError && error.errors.some(isHopeless);
}
