import type { ReadingRun } from "./accumulator.ts";
import type { EventTimeMs } from "./event-time.ts";
import type { Sketch } from "./sketch.ts";

/**
 * Sketches of one kind, each at a slot: those of a table's open panes. One that is unknown (readings went by that it was not
 * told of) takes readings and stays unknown. Slots may be any small numbers; what was never opened is not to be read.
 */
export interface SketchSlots {
  /** The sketch of a slot becomes a new one. */
  open(slot: number): void;
  /** It is not needed any more. */
  close(slot: number): void;
  add(slot: number, value: number, timeMs: EventTimeMs): void;
  /** `add` for the readings `from` … `to - 1`, each to the sketch at its place. */
  addRun(run: ReadingRun, from: number, to: number): void;
  /** Takes in another of the kind, which stays as it is; null is unknown. */
  merge(slot: number, from: Sketch | null): void;
  /** A copy; null where it is unknown. */
  at(slot: number): Sketch | null;
}
