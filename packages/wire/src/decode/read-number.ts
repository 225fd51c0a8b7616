import type { DecodeFailure } from "./decoded.ts";
import { DECIMAL_NUMBER } from "./decimal-number.ts";
import { decodeFailure } from "./decode-failure.ts";
import { shownText } from "./shown-text.ts";

/** A finite number from a number, its decimal text, or true and false as 1 and 0. `place` is for the message. */
export function readNumber(source: unknown, place: string): number | DecodeFailure {
  if (typeof source === "boolean") return source ? 1 : 0;
  if (typeof source === "string") {
    const text = source.trim();
    if (!DECIMAL_NUMBER.test(text))
      return decodeFailure("malformed", `no number ${place}: ${shownText(source)}`);
    return finite(Number(text), source);
  }
  if (typeof source !== "number") return decodeFailure("malformed", `no number ${place}`);
  return finite(source, String(source));
}

function finite(value: number, source: string): number | DecodeFailure {
  if (Number.isFinite(value)) return value;
  return decodeFailure("not_finite", `beyond the greatest number: ${shownText(source)}`);
}
