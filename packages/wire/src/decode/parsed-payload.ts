import type { DecodeFailure } from "./decoded.ts";

/** What a parser made of a payload, and what of it could not be read, whichever metric asks. */
export interface ParsedPayload<Part> {
  readonly parts: readonly Part[];
  readonly failures: readonly DecodeFailure[];
}
