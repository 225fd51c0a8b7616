import type { Decoded } from "./decoded.ts";
import { Payload } from "./payload.ts";
import { payloadDecoder } from "./payload-decoder.ts";
import type { PayloadSpec } from "./payload-spec.ts";

export const NOW_MS = 1_700_000_000_000;

/** All that one payload gives: the metric's elements, then the payload's own failures. */
export function decodePayload(spec: PayloadSpec, content: string | Uint8Array): readonly Decoded[] {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const payload = new Payload(bytes, NOW_MS);
  return [...payloadDecoder(spec).decode(payload), ...payload.failures];
}
