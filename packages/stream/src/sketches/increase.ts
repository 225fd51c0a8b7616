import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import type { Sketch, SketchInput, SketchKind } from "../sketch.ts";
import { numberInput } from "./number-input.ts";
import { type Gain, Runs } from "./runs.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

const FORMAT = 1;

/** A counter that fell was reset to 0 in between: it counts as its new value. Nothing is extrapolated to the ends of a window. */
const counterGain: Gain = {
  step: (fromValue, toValue) => (toValue >= fromValue ? toValue - fromValue : toValue),
  rest: (before, run) => counterGain.step(before.lastValue, run.lastValue, 0),
};

/**
 * By how much one counter rose from its first to its last reading, resets included, and how much that is a second (no
 * `rate` where all readings have one time). `inexact` counts the readings and runs that fell inside a run of others, as in
 * `Runs`: while it is 0 the increase is exact, within 1e-12 of Σ|x|.
 */
export class Increase implements Sketch {
  readonly name = "increase";
  readonly #runs: Runs;

  constructor(runs = new Runs(counterGain)) {
    this.#runs = runs;
  }

  add(input: SketchInput, timeMs: EventTimeMs): void {
    this.#runs.add(numberInput(input), timeMs);
  }

  merge(from: Sketch): void {
    assert(from instanceof Increase, "increase merges with increase");
    this.#runs.merge(from.#runs);
  }

  copy(): Increase {
    return new Increase(this.#runs.copy());
  }

  results(): Readonly<Record<string, number>> {
    const run = this.#runs.joined();
    if (run === undefined) return {};
    const results: Record<string, number> = { inexact: this.#runs.inexactCount };
    const increase = run.gained + run.lost;
    const rate = increase / ((run.lastMs - run.firstMs) / 1_000);
    if (Number.isFinite(increase)) results.increase = increase + 0;
    if (run.lastMs > run.firstMs && Number.isFinite(rate)) results.rate = rate + 0;
    return results;
  }

  /**
   *   u8    format (1)
   *   runs  (Runs.write)
   */
  encode(): Uint8Array {
    const writer = new StateWriter();
    writer.byte(FORMAT);
    this.#runs.write(writer);
    return writer.bytes();
  }
}

export const increaseKind: SketchKind = {
  name: "increase",
  id: 11,
  hasRuns: true,
  results: ["increase", "rate", "inexact"],
  create: () => new Increase(),
  decode(bytes) {
    const reader = new StateReader(bytes);
    reader.require(reader.byte() === FORMAT);
    const runs = Runs.read(reader, counterGain);
    return reader.isWhole ? new Increase(runs) : undefined;
  },
};
