/** One payload of a request's body. */
export interface BodyPayload {
  /** Where it begins in the body, from 1. */
  readonly line: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Why it cannot be a payload. */
  readonly malformed?: string;
}
