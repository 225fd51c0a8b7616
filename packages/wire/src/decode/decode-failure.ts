import type { DecodeFailure, DecodeFailureReason } from "./decoded.ts";

export function decodeFailure(reason: DecodeFailureReason, detail: string, count = 1): DecodeFailure {
  return { ok: false, reason, detail, count };
}
