import { beside } from "./accumulators/beside.ts";
import { setUnknown } from "./accumulators/set-unknown.ts";
import type { PaneLayout } from "./pane-layout.ts";
import type { PaneRows } from "./pane-rows.ts";
import type { Sketch } from "./sketch.ts";

/** What one pane holds, in the order of its layout. */
export interface PaneState {
  readonly fields: Float64Array;
  /** Null is unknown: readings went by that the sketch was not told of. */
  readonly sketches: (Sketch | null)[];
  /** Parts of a newer version, as they were stored: as long as nothing is merged that they do not know of. */
  unread?: readonly Uint8Array[] | undefined;
}

/** The pane of a layout in which nothing is. `fields`: where its numbers are to lie. */
export function emptyPane(
  layout: PaneLayout,
  fields: Float64Array = new Float64Array(layout.stride),
): PaneState {
  for (let index = 0; index < layout.accumulators.length; index++)
    layout.accumulators[index].identity(fields, layout.offsets[index]);
  return { fields, sketches: layout.sketches.map((kind) => kind.create()) };
}

/** Where a layout's parts stand in another: -1 where that lacks one. */
export interface LayoutMatch {
  readonly offsets: readonly number[];
  readonly sketches: readonly number[];
}

export function matchLayouts(layout: PaneLayout, from: PaneLayout): LayoutMatch {
  const offsets = new Map(from.accumulators.map(({ name }, index) => [name, from.offsets[index]]));
  const sketches = new Map(from.sketches.map(({ name }, index) => [name, index]));
  return {
    offsets: layout.accumulators.map(({ name }) => offsets.get(name) ?? -1),
    sketches: layout.sketches.map(({ name }) => sketches.get(name) ?? -1),
  };
}

/** Merges rows into a pane, one after another. What their layout lacks of the pane's becomes unknown. */
export function mergeRows(
  layout: PaneLayout,
  state: PaneState,
  from: Pick<PaneRows, "state" | "sketches" | "layout" | "isRetraction">,
  rows: ArrayLike<number>,
  match: LayoutMatch,
): void {
  if (from.isRetraction === true) return subtractRows(layout, state, from, rows, match);
  const { stride } = from.layout;
  const hasReadings = haveReadings(from.state, stride, rows);
  if (hasReadings && state.unread !== undefined) state.unread = undefined;
  for (let index = 0; index < layout.accumulators.length; index++) {
    const offset = match.offsets[index];
    const at = layout.offsets[index];
    const accumulator = layout.accumulators[index];
    if (offset < 0) {
      if (hasReadings) setUnknown(accumulator, state.fields, at);
    } else if (accumulator.mergeRows !== undefined) {
      accumulator.mergeRows(state.fields, at, { from: from.state, stride, offset }, rows);
    } else {
      for (let each = 0; each < rows.length; each++)
        accumulator.merge(state.fields, at, from.state, rows[each] * stride + offset);
    }
  }
  for (let index = 0; index < layout.sketches.length; index++) {
    const at = match.sketches[index];
    if (at >= 0)
      for (let each = 0; each < rows.length; each++)
        mergeSketch(state.sketches, index, from.sketches[at][rows[each]]);
    else if (hasReadings) state.sketches[index] = null;
  }
}

function haveReadings(state: Float64Array, stride: number, rows: ArrayLike<number>): boolean {
  for (let each = 0; each < rows.length; each++) if (state[rows[each] * stride] > 0) return true;
  return false;
}

/** What cannot be taken out of becomes unknown; a pane that nothing is left of is as it was before the first reading, to the bit. */
function subtractRows(
  layout: PaneLayout,
  state: PaneState,
  from: Pick<PaneRows, "state" | "layout">,
  rows: ArrayLike<number>,
  match: LayoutMatch,
): void {
  const { stride } = from.layout;
  for (let index = 0; index < layout.accumulators.length; index++) {
    const accumulator = layout.accumulators[index];
    const at = layout.offsets[index];
    const offset = match.offsets[index];
    if (offset < 0 || accumulator.subtract === undefined) setUnknown(accumulator, state.fields, at);
    else
      for (let each = 0; each < rows.length; each++)
        accumulator.subtract(state.fields, at, from.state, rows[each] * stride + offset);
  }
  state.sketches.fill(null);
  state.unread = undefined;
  if (state.fields[0] !== 0) return;
  const empty = emptyPane(layout);
  state.fields.set(empty.fields.subarray(0, layout.stride - beside.width));
  for (const [index, sketch] of empty.sketches.entries()) state.sketches[index] = sketch;
}

/** Merges one pane into another of the same layout. */
export function mergePane(layout: PaneLayout, state: PaneState, from: PaneState): void {
  if ((state.unread ?? from.unread) !== undefined && from.fields[0] > 0)
    state.unread = state.fields[0] > 0 ? undefined : from.unread;
  for (let index = 0; index < layout.accumulators.length; index++) {
    const offset = layout.offsets[index];
    layout.accumulators[index].merge(state.fields, offset, from.fields, offset);
  }
  for (let index = 0; index < layout.sketches.length; index++)
    mergeSketch(state.sketches, index, from.sketches[index]);
}

/** The unknown swallows. */
export function mergeSketch(sketches: (Sketch | null)[], index: number, from: Sketch | null): void {
  const into = sketches[index];
  if (into === null || from === null) sketches[index] = null;
  else into.merge(from);
}
