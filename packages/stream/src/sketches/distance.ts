import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import { greatCircleKm } from "../geo/great-circle.ts";
import { unpackPosition } from "../geo/position.ts";
import type { Sketch, SketchInput, SketchKind } from "../sketch.ts";
import { numberInput } from "./number-input.ts";
import { type Gain, Runs } from "./runs.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

const FORMAT = 1;
/** So many positions are kept one by one, so that one that comes late finds its place between two others. */
export const POSITIONS_MAX = 512;

/** From place to place. */
const wayGain: Gain = {
  step: (from, to) => greatCircleKm(unpackPosition(from), unpackPosition(to)),
  rest: (before, run) => wayGain.step(before.lastValue, run.lastValue, 0),
};

/**
 * The way from the first position to the last, in km, position by position in the order of event time, each pair along the great
 * circle; the inputs are positions packed into numbers. Up to 512 positions it is the same to the bit in whatever order they
 * came, and a position that is told twice changes nothing. Of more, those that are nearest in time are joined: what comes
 * between joined ones later is counted as `inexact`, and only what it leads beyond them counts.
 */
export class Distance implements Sketch {
  readonly name = "distance";
  readonly #runs: Runs;

  constructor(runs = new Runs(wayGain, POSITIONS_MAX)) {
    this.#runs = runs;
  }

  add(input: SketchInput, timeMs: EventTimeMs): void {
    this.#runs.add(numberInput(input), timeMs);
  }

  merge(from: Sketch): void {
    assert(from instanceof Distance, "distance merges with distance");
    this.#runs.merge(from.#runs);
  }

  copy(): Distance {
    return new Distance(this.#runs.copy());
  }

  results(): Readonly<Record<string, number>> {
    const run = this.#runs.joined();
    if (run === undefined) return {};
    const inexact = this.#runs.inexactCount;
    const distance = run.gained + run.lost;
    return Number.isFinite(distance) ? { distance: distance + 0, inexact } : { inexact };
  }

  /**
   *   u8    format (1)
   *   runs  (Runs.write), at most 512
   */
  encode(): Uint8Array {
    const writer = new StateWriter();
    writer.byte(FORMAT);
    this.#runs.write(writer);
    return writer.bytes();
  }
}

export const distanceKind: SketchKind = {
  name: "distance",
  id: 17,
  hasRuns: true,
  results: ["distance", "inexact"],
  create: () => new Distance(),
  decode(bytes) {
    const reader = new StateReader(bytes);
    reader.require(reader.byte() === FORMAT);
    const runs = Runs.read(reader, wayGain, POSITIONS_MAX);
    return reader.isWhole ? new Distance(runs) : undefined;
  },
};
