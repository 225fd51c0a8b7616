import type { Accumulator } from "./accumulator.ts";
import { accumulatorNamed, ACCUMULATORS } from "./accumulators/table.ts";
import { assert } from "./assert.ts";
import type { SketchKind } from "./sketch.ts";
import { sketchNamed } from "./sketches/table.ts";

/** Which accumulators and sketches a pane of a metric holds, and where each begins in a row of float64 fields. */
export interface PaneLayout {
  readonly paneMs: number;
  /** In order of their numbers; always begins with `count` (the ledger needs it) and ends with `beside`. */
  readonly accumulators: readonly Accumulator[];
  /** Offset of each accumulator in a row, in float64 fields, same order as `accumulators`. */
  readonly offsets: readonly number[];
  /** Fields in a row. */
  readonly stride: number;
  /** In order of their numbers; a row has one sketch of each, beside its fields. */
  readonly sketches: readonly SketchKind[];
  /** The names of all of them: what `paneLayout` makes the same layout of. */
  readonly names: readonly string[];
  /** The same text for the same layout. */
  readonly key: string;
}

/** The layout of panes of `paneMs` with what is asked for by name, once each, plus `count` and `beside`. */
export function paneLayout(paneMs: number, accumulate: readonly string[]): PaneLayout {
  const parts = accumulate.map((name) => {
    const part = accumulatorNamed(name) ?? sketchNamed(name);
    assert(part !== undefined, `no accumulator ${name}`);
    return part;
  });
  return paneLayoutOf(paneMs, parts);
}

/** Those that were made last: every batch asks for one of a few. */
const RECENT_MAX = 16;
const recent: { readonly paneMs: number; readonly parts: readonly Part[]; readonly layout: PaneLayout }[] =
  [];

type Part = Accumulator | SketchKind;

/** The same of the parts themselves. For the same ones mostly the same object. */
export function paneLayoutOf(paneMs: number, parts: readonly Part[]): PaneLayout {
  for (const known of recent) if (known.paneMs === paneMs && isSame(known.parts, parts)) return known.layout;
  const layout = newLayout(paneMs, parts);
  if (recent.length === RECENT_MAX) recent.pop();
  recent.unshift({ paneMs, parts: [...parts], layout });
  return layout;
}

function isSame(a: readonly Part[], b: readonly Part[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

function newLayout(paneMs: number, parts: readonly Part[]): PaneLayout {
  const wanted = new Map<string, Part>([["count", ACCUMULATORS.count]]);
  for (const part of parts) wanted.set(part.name, part);
  wanted.delete("beside");
  const ordered = [...wanted.values()].sort((a, b) => a.id - b.id || compareText(a.name, b.name));
  const accumulators: Accumulator[] = [];
  const sketches: SketchKind[] = [];
  for (const part of ordered) {
    if ("create" in part) sketches.push(part);
    else accumulators.push(part);
  }
  accumulators.push(ACCUMULATORS.beside);
  const offsets: number[] = [];
  let stride = 0;
  for (const { width } of accumulators) {
    offsets.push(stride);
    stride += width;
  }
  const names = [...accumulators, ...sketches].map(({ name }) => name);
  return { paneMs, accumulators, offsets, stride, sketches, names, key: `${paneMs}:${names.join(";")}` };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
