import type { EvidenceBounds } from "../evidence/evidence-topics.ts";

/** Whether a payload is too great for its topic. */
export function isOversizedOn(
  topic: string,
  payload: Uint8Array,
  bounds: { readonly payloadBytesMax: number; readonly evidence?: EvidenceBounds | undefined },
): boolean {
  const { payloadBytesMax, evidence } = bounds;
  return payload.length > payloadBytesMax && payload.length > (evidence?.bytesMax(topic) ?? 0);
}
