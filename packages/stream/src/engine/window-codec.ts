import type { WindowResult } from "../window-result.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A stored result is its JSON, as it is served. */
export function encodeWindow(result: WindowResult): Uint8Array {
  return encoder.encode(JSON.stringify(result));
}

/** A result that `WindowEngine` has stored. Throws on bytes that it did not write. */
export function decodeWindow(bytes: Uint8Array): WindowResult {
  const result: WindowResult = JSON.parse(decoder.decode(bytes));
  return result;
}
