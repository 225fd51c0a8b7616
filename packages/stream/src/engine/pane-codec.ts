import type { Accumulator } from "../accumulator.ts";
import { setUnknown } from "../accumulators/set-unknown.ts";
import { accumulatorById } from "../accumulators/table.ts";
import type { PaneLayout } from "../pane-layout.ts";
import { emptyPane } from "../pane-state.ts";
import type { PaneState } from "../pane-state.ts";
import type { SketchKind } from "../sketch.ts";
import { sketchById } from "../sketches/table.ts";

const VERSION = 2;

/**
 * One pane on disk:
 *
 *   u8   version (2)
 *   u8   count of parts, then of each:
 *     u8   number of the accumulator or sketch
 *     u8   count of its parameters, then f64 each
 *     u32  count of bytes, then the state: f64 fields, or what the sketch encodes; none where a sketch is unknown
 *
 * All little-endian. It names its parts, so that it can be read when the metric accumulates others by now. One of an unknown
 * number is written again as it came, as long as the pane has taken no reading since. Version 1 had
 * accumulators without parameters only: u8 version, u8 count, u8 numbers, then all their f64 fields.
 *
 * `roomFor`: where so many bytes are written, and returned; by default memory of their own.
 */
export function encodePane(
  layout: PaneLayout,
  { fields, sketches, unread = [] }: PaneState,
  roomFor: (length: number) => Uint8Array = (length) => new Uint8Array(length),
): Uint8Array {
  const encoded = layout.sketches.map((_, index) => sketches[index]?.encode() ?? NOTHING);
  let length = 2;
  for (const { params, width } of layout.accumulators) length += HEAD_BYTES + 8 * (params.length + width);
  for (const { length: bytes } of encoded) length += HEAD_BYTES + bytes;
  for (const { length: bytes } of unread) length += bytes;
  const bytes = roomFor(length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  bytes[0] = VERSION;
  bytes[1] = layout.accumulators.length + encoded.length + unread.length;
  let at = 2;
  for (let index = 0; index < layout.accumulators.length; index++) {
    const { id, params, width } = layout.accumulators[index];
    bytes[at++] = id;
    bytes[at++] = params.length;
    for (const param of params) at = putFloat(view, at, param);
    view.setUint32(at, 8 * width, true);
    at += 4;
    const offset = layout.offsets[index];
    for (let field = 0; field < width; field++) at = putFloat(view, at, fields[offset + field]);
  }
  for (const [index, { id }] of layout.sketches.entries()) {
    bytes[at++] = id;
    bytes[at++] = 0;
    view.setUint32(at, encoded[index].length, true);
    bytes.set(encoded[index], at + 4);
    at += 4 + encoded[index].length;
  }
  for (const part of unread) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The state in this layout: what the bytes lack is unknown (if there are readings), what the layout lacks is left out. Null on bad bytes. */
export function decodePane(layout: PaneLayout, bytes: Uint8Array): PaneState | null {
  const unread: Uint8Array[] = [];
  const parts = bytes[0] === 1 ? readVersion1(bytes) : bytes[0] === VERSION ? readParts(bytes, unread) : null;
  if (parts === null) return null;
  const state = emptyPane(layout);
  if (unread.length > 0) state.unread = unread;
  const found = new Set<string>();
  for (const { kind, at, length } of parts) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
    found.add(kind.name);
    if ("create" in kind) {
      const index = layout.sketches.indexOf(kind);
      if (index < 0) continue;
      const sketch = length === 0 ? null : kind.decode(bytes.subarray(at, at + length));
      if (sketch === undefined) return null;
      state.sketches[index] = sketch;
      continue;
    }
    if (length !== 8 * kind.width) return null;
    const index = layout.accumulators.findIndex(({ name }) => name === kind.name);
    for (let field = 0; index >= 0 && field < kind.width; field++)
      state.fields[layout.offsets[index] + field] = view.getFloat64(8 * field, true);
  }
  if (!(state.fields[0] > 0)) return state;
  for (const [index, accumulator] of layout.accumulators.entries())
    if (!found.has(accumulator.name)) setUnknown(accumulator, state.fields, layout.offsets[index]);
  for (const [index, { name }] of layout.sketches.entries())
    if (!found.has(name)) state.sketches[index] = null;
  return state;
}

interface Part {
  readonly kind: Accumulator | SketchKind;
  readonly at: number;
  readonly length: number;
}

const NOTHING = new Uint8Array(0);
/** Of a part: number, count of parameters, count of bytes. */
const HEAD_BYTES = 6;

function readParts(bytes: Uint8Array, unread: Uint8Array[]): readonly Part[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Part[] = [];
  let at = 2;
  for (let left = bytes[1] ?? 0; left > 0; left--) {
    if (at + HEAD_BYTES > bytes.length) return null;
    const from = at;
    const id = bytes[at];
    const paramsEnd = at + 2 + 8 * bytes[at + 1];
    if (paramsEnd + 4 > bytes.length) return null;
    const params: number[] = [];
    for (at += 2; at < paramsEnd; at += 8) params.push(view.getFloat64(at, true));
    const length = view.getUint32(at, true);
    at += 4;
    if (at + length > bytes.length) return null;
    const kind = accumulatorById(id, params) ?? sketchById(id);
    if (kind !== undefined) parts.push({ kind, at, length });
    at += length;
    if (kind === undefined) unread.push(bytes.slice(from, at));
  }
  return at === bytes.length ? parts : null;
}

function readVersion1(bytes: Uint8Array): readonly Part[] | null {
  const parts: Part[] = [];
  const count = bytes[1] ?? 0;
  let at = 2 + count;
  for (let index = 0; index < count; index++) {
    const kind = accumulatorById(bytes[2 + index] ?? 0);
    if (kind === undefined || at + 8 * kind.width > bytes.length) return null;
    parts.push({ kind, at, length: 8 * kind.width });
    at += 8 * kind.width;
  }
  return at === bytes.length ? parts : null;
}

function putFloat(view: DataView, at: number, value: number): number {
  view.setFloat64(at, value, true);
  return at + 8;
}
