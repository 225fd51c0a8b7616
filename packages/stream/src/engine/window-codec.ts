import type { WindowResult } from "../window-result.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A stored result is its JSON, as it is served. */
export function encodeWindow(result: WindowResult): Uint8Array {
  return encoder.encode(JSON.stringify(result));
}

/** A result that `WindowEngine` has stored. Throws on bytes that it did not write, as far as that shows. */
export function decodeWindow(bytes: Uint8Array): WindowResult {
  const result: WindowResult = JSON.parse(decoder.decode(bytes));
  const { startMs, endMs, revision, state, group, values, completeness } = result;
  const isWhole =
    [startMs, endMs, revision].every(Number.isFinite) &&
    ["provisional", "complete", "final"].includes(state) &&
    [group, values, completeness].every((part) => typeof part === "object" && part !== null) &&
    Array.isArray(completeness.agentsMissing) &&
    Array.isArray(completeness.sitesMissing) &&
    Array.isArray(completeness.agentsWithLoss ?? []) &&
    Array.isArray(completeness.agentsCoarse ?? []);
  if (!isWhole) throw new Error("not a window's result");
  return result;
}
