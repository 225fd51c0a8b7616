import type { Lane, TimeRange } from "@millrace/stream";
import { encodeSkippedBatch, sealBatch, type SkippedRange, WIRE_VERSION } from "@millrace/wire";
import { epochOf, type EpochStart } from "./load-lanes.ts";

/** The batch that stands under sequence `from` for all of from–to, which were given up. */
export function sealSkipped(
  place: { readonly storeId: string; readonly lane: Lane; readonly epochs: readonly EpochStart[] },
  skipped: SkippedRange & TimeRange & { readonly sealedAtMs: number },
): Uint8Array {
  const { storeId, lane, epochs } = place;
  const { from, to, readings, reason, startMs, endMs, sealedAtMs } = skipped;
  const body = encodeSkippedBatch({ from, to, readings, reason });
  return sealBatch({
    wireVersion: WIRE_VERSION,
    lane,
    kind: "skipped",
    storeId,
    epoch: epochOf(epochs, from),
    sequence: from,
    sealedAtMs,
    readingCount: readings,
    startMs,
    endMs,
    body,
    isCompressed: false,
    bodyBytesRaw: body.length,
  });
}
