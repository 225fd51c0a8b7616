import { JsonFields, parseJsonBytes } from "./json-fields.ts";
import type { Parsed } from "./parsed.ts";

/**
 * The body of a batch of kind `skipped` (JSON, UTF-8): these sequences of its lane were given up and never come.
 * The batch itself takes the first of them as its own sequence (`from` is its sequence), so that it arrives in order;
 * whoever holds it holds the whole of from–to, and moves its mark on to `to`.
 */
export interface SkippedRange {
  readonly from: number;
  readonly to: number;
  /** Readings lost with them; also in the batch's header. */
  readonly readings: number;
  readonly reason: SkippedReason;
}

/**
 * evicted: the outbox was full; damaged: the stored bytes failed their checksum, or were gone; coarsened: nothing is lost, the
 * batches just before hold the same readings in coarser panes.
 */
export const SKIPPED_REASONS = ["evicted", "damaged", "coarsened"] as const;
export type SkippedReason = (typeof SKIPPED_REASONS)[number];

export function encodeSkippedBatch(skipped: SkippedRange): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(skipped));
}

/** Never throws. */
export function decodeSkippedBatch(bytes: Uint8Array): Parsed<SkippedRange> {
  const json = parseJsonBytes(bytes, 1024);
  if (!json.ok) return json;
  const fields = new JsonFields(json.message);
  const from = fields.integer("from", 1);
  return fields.result({
    from,
    to: fields.integer("to", from),
    readings: fields.integer("readings", 0),
    reason: fields.oneOf("reason", SKIPPED_REASONS),
  });
}
