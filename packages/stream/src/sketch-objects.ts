import type { ReadingRun } from "./accumulator.ts";
import type { EventTimeMs } from "./event-time.ts";
import type { Sketch, SketchKind } from "./sketch.ts";
import type { SketchSlots } from "./sketch-slots.ts";

/** Sketches by slot, each an object. */
export class SketchObjects implements SketchSlots {
  readonly #kind: SketchKind;
  readonly #sketches: (Sketch | null)[] = [];

  constructor(kind: SketchKind) {
    this.#kind = kind;
  }

  open(slot: number): void {
    while (this.#sketches.length < slot) this.#sketches.push(null);
    this.#sketches[slot] = this.#kind.create();
  }

  close(slot: number): void {
    this.#sketches[slot] = null;
  }

  add(slot: number, value: number, timeMs: EventTimeMs): void {
    this.#sketches[slot]?.add(value, timeMs);
  }

  addRun({ place, value, timeMs }: ReadingRun, from: number, to: number): void {
    for (let at = from; at < to; at++) this.#sketches[place[at]]?.add(value[at], timeMs[at]);
  }

  merge(slot: number, from: Sketch | null): void {
    if (from === null) this.#sketches[slot] = null;
    else this.#sketches[slot]?.merge(from);
  }

  at(slot: number): Sketch | null {
    return this.#sketches[slot]?.copy() ?? null;
  }
}
