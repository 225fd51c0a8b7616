import type { Compression } from "./compression.ts";
import type { Rejected } from "./parsed.ts";
import type { RowRoom } from "./row-room.ts";
import { BODY_BYTES_RAW_MAX, type SealedBatch } from "./sealed-batch.ts";

export type PackedBody = Pick<SealedBatch, "body" | "isCompressed" | "bodyBytesRaw">;

/** Compresses a body where that makes it smaller. */
export function packBody(raw: Uint8Array, compression: Compression | undefined): PackedBody {
  const compressed = compression?.compress(raw);
  if (compressed === undefined || compressed.length >= raw.length) {
    return { body: raw, isCompressed: false, bodyBytesRaw: raw.length };
  }
  return { body: compressed, isCompressed: true, bodyBytesRaw: raw.length };
}

/** The body as it was before `packBody`; it may lie in the room. Never throws. */
export function unpackBody(
  batch: PackedBody,
  compression: Compression | undefined,
  room?: RowRoom,
): { readonly ok: true; readonly body: Uint8Array } | Rejected {
  if (!batch.isCompressed) return { ok: true, body: batch.body };
  if (batch.bodyBytesRaw > BODY_BYTES_RAW_MAX) {
    return {
      ok: false,
      reason: "oversized",
      detail: `${batch.bodyBytesRaw} bytes, at most ${BODY_BYTES_RAW_MAX}`,
    };
  }
  if (compression === undefined)
    return { ok: false, reason: "malformed", detail: "compressed, and nothing here decompresses" };
  try {
    const body = compression.decompress(batch.body, batch.bodyBytesRaw, room);
    if (body.length === batch.bodyBytesRaw) return { ok: true, body };
    return {
      ok: false,
      reason: "malformed",
      detail: `${body.length} bytes instead of ${batch.bodyBytesRaw}`,
    };
  } catch (error) {
    return {
      ok: false,
      reason: "malformed",
      detail: error instanceof Error ? error.message : "cannot decompress",
    };
  }
}
