import type { DecodeFailure } from "./decoded.ts";
import { decodeFailure } from "./decode-failure.ts";
import { shownText } from "./shown-text.ts";

/** Decimal notation only: no hex, no "NaN", no "Infinity", nothing behind the number. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A finite number from a number, its decimal text, or true and false as 1 and 0. `place` is for the message. */
export function readNumber(source: unknown, place: string): number | DecodeFailure {
  if (typeof source === "boolean") return source ? 1 : 0;
  if (typeof source === "string") {
    const text = source.trim();
    if (!NUMBER.test(text)) return decodeFailure("malformed", `no number ${place}: ${shownText(source)}`);
    return finite(Number(text), source);
  }
  if (typeof source !== "number") return decodeFailure("malformed", `no number ${place}`);
  return finite(source, String(source));
}

function finite(value: number, source: string): number | DecodeFailure {
  if (Number.isFinite(value)) return value;
  return decodeFailure("not_finite", `beyond the greatest number: ${shownText(source)}`);
}
