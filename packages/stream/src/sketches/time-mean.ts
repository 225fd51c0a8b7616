import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import type { Sketch, SketchInput, SketchKind } from "../sketch.ts";
import { numberInput } from "./number-input.ts";
import { type Gain, Runs } from "./runs.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

const FORMAT = 1;

/** A value holds until the next reading. */
const heldGain: Gain = {
  step: (fromValue, _toValue, lastedMs) => fromValue * lastedMs,
  rest(before, run) {
    const beyondMs = run.lastMs - before.lastMs;
    return beyondMs === 0 ? 0 : (run.gained + run.lost) * (beyondMs / (run.lastMs - run.firstMs));
  },
};

/**
 * The mean over time from the first to the last reading, each value holding until the next; where all have one time, their
 * `last`. `inexact` counts the readings and runs that fell inside a run of others, as in `Runs` (and is the same as that of an
 * `increase` that was told the same): while it is 0 the mean is exact, within 1e-12 of Σ|x|, each weighted by how long it held.
 */
export class TimeMean implements Sketch {
  readonly name = "timeMean";
  readonly #runs: Runs;

  constructor(runs = new Runs(heldGain)) {
    this.#runs = runs;
  }

  add(input: SketchInput, timeMs: EventTimeMs): void {
    this.#runs.add(numberInput(input), timeMs);
  }

  merge(from: Sketch): void {
    assert(from instanceof TimeMean, "timeMean merges with timeMean");
    this.#runs.merge(from.#runs);
  }

  copy(): TimeMean {
    return new TimeMean(this.#runs.copy());
  }

  results(): Readonly<Record<string, number>> {
    const run = this.#runs.joined();
    if (run === undefined) return {};
    const inexact = this.#runs.inexactCount;
    const durationMs = run.lastMs - run.firstMs;
    const timeMean = durationMs === 0 ? run.lastValue : (run.gained + run.lost) / durationMs;
    return Number.isFinite(timeMean) ? { timeMean: timeMean + 0, inexact } : { inexact };
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

export const timeMeanKind: SketchKind = {
  name: "timeMean",
  id: 12,
  hasRuns: true,
  results: ["timeMean", "inexact"],
  create: () => new TimeMean(),
  decode(bytes) {
    const reader = new StateReader(bytes);
    reader.require(reader.byte() === FORMAT);
    const runs = Runs.read(reader, heldGain);
    return reader.isWhole ? new TimeMean(runs) : undefined;
  },
};
