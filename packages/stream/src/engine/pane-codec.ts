import { setUnknown } from "../accumulators/set-unknown.ts";
import { accumulatorById, ACCUMULATORS } from "../accumulators/table.ts";
import type { PaneLayout } from "../pane-layout.ts";

const VERSION = 1;

/**
 * One pane on disk:
 *
 *   u8  version (1)
 *   u8  number of accumulators
 *   u8  × number: their ids, ascending
 *   f64 × fields, little-endian: their states, in that order
 *
 * It names its accumulators, so that it can be read when the metric accumulates others by now.
 */
export function encodePane(layout: PaneLayout, state: Float64Array): Uint8Array {
  const head = 2 + layout.accumulators.length;
  const bytes = new Uint8Array(head + 8 * layout.stride);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  bytes[1] = layout.accumulators.length;
  for (const [index, name] of layout.accumulators.entries()) bytes[2 + index] = ACCUMULATORS[name].id;
  for (let field = 0; field < layout.stride; field++) view.setFloat64(head + 8 * field, state[field], true);
  return bytes;
}

/** The state in this layout: what the bytes lack is unknown (if there are readings), what the layout lacks is left out. Null on bad bytes. */
export function decodePane(layout: PaneLayout, bytes: Uint8Array): Float64Array | null {
  if (bytes.length < 2 || bytes[0] !== VERSION) return null;
  const count = bytes[1];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const state = new Float64Array(layout.stride);
  for (const [index, name] of layout.accumulators.entries())
    ACCUMULATORS[name].identity(state, layout.offsets[index]);
  let at = 2 + count;
  for (let index = 0; index < count; index++) {
    const accumulator = accumulatorById(bytes[2 + index] ?? 0);
    if (accumulator === undefined || at + 8 * accumulator.width > bytes.length) return null;
    const target = layout.accumulators.indexOf(accumulator.name);
    if (target >= 0) {
      const offset = layout.offsets[target];
      for (let field = 0; field < accumulator.width; field++)
        state[offset + field] = view.getFloat64(at + 8 * field, true);
    }
    at += 8 * accumulator.width;
  }
  if (at !== bytes.length) return null;
  const stored = new Set(bytes.subarray(2, 2 + count));
  for (const [index, name] of layout.accumulators.entries()) {
    if (state[0] > 0 && !stored.has(ACCUMULATORS[name].id))
      setUnknown(ACCUMULATORS[name], state, layout.offsets[index]);
  }
  return state;
}
