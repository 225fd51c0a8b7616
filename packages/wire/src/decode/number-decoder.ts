import type { PayloadDecoder } from "./payload-decoder.ts";
import { readNumber } from "./read-number.ts";

/** The payload is one decimal number. */
export const numberDecoder: PayloadDecoder = {
  labelNames: [],
  timeUnit: null,
  decode(payload) {
    const text = payload.text();
    if (text === undefined) return [];
    const value = readNumber(text, "here");
    if (typeof value !== "number") return [value];
    return [
      { ok: true, value, timeMs: null, timeSubMsNs: 0, hasOwnTime: false, quality: "good", labels: [] },
    ];
  },
};
