import type { FaultCourse } from "../fault/fault-course.ts";
import type { SensorFaultPlan } from "../plan/fault-plan.ts";
import { METRIC_TRAITS } from "../plan/metric.ts";
import type { SignalPlan } from "../plan/plan.ts";
import { portableExp } from "./portable-math.ts";
import { RandomStream } from "./random-stream.ts";

export interface SensorOptions {
  readonly plan: SignalPlan;
  /** Names the sensor's streams of chance. */
  readonly name: string;
  readonly tickMs: number;
  /** Where its zero was right. */
  readonly startMs: number;
}

/** Ticks of a column, from the machine's `firstTick` on. */
export interface SensorRun {
  readonly timeMs: Float64Array;
  readonly from: number;
  readonly to: number;
  /** The machine's number of the tick at `from`. */
  readonly firstTick: number;
  readonly faults: readonly FaultCourse<SensorFaultPlan>[];
}

/** Powers of ten. */
const SCALES = [1, 10, 100, 1_000] as const;

/**
 * What stands between a machine and its readings: noise, a wandering zero, single wrong peaks, rounding, and the faults of
 * the sensor itself. Draws the same chances whatever is measured, so that a command or a fault changes the machine and not
 * the noise.
 */
export class Sensor {
  readonly plan: SignalPlan;
  readonly #name: string;
  readonly #random: RandomStream;
  readonly #startMs: number;
  readonly #driftPerMs: number;
  readonly #scale: number;
  readonly #floor: number;
  readonly #noiseKept: number;
  readonly #noiseFresh: number;
  #noise: number;
  #last = NaN;
  /** By fault's number; a fault has chances of its own. */
  readonly #faultRandom = new Map<number, RandomStream>();

  constructor({ plan, name, tickMs, startMs }: SensorOptions) {
    const traits = METRIC_TRAITS[plan.metric];
    this.plan = plan;
    this.#name = name;
    this.#random = new RandomStream(name);
    this.#startMs = startMs;
    this.#driftPerMs = (plan.driftPerHour * this.#random.normal()) / 3_600_000;
    this.#noise = this.#random.normal();
    this.#scale = SCALES[traits.decimals];
    this.#floor = traits.canBeNegative ? -Infinity : 0;
    this.#noiseKept = plan.noiseTauMs === 0 ? 0 : portableExp((-plan.everyTicks * tickMs) / plan.noiseTauMs);
    this.#noiseFresh = Math.sqrt(1 - this.#noiseKept * this.#noiseKept);
  }

  /** Reads `actual` in place: what was there becomes what is measured, NaN where nothing is. */
  read(column: Float64Array, run: SensorRun): void {
    const { metric, noise, everyTicks, spikeProbability, spikeHeight } = this.plan;
    const { nominal, isNoiseProportional } = METRIC_TRAITS[metric];
    const { timeMs, from, to, faults } = run;
    const noiseFixed = isNoiseProportional ? 0 : noise;
    const noiseShare = isNoiseProportional ? noise / nominal : 0;
    const random = this.#random;
    const scale = this.#scale;
    const floor = this.#floor;
    const hasFaults = faults.length > 0;
    let untilDue = (everyTicks - (run.firstTick % everyTicks)) % everyTicks;
    let noiseNow = this.#noise;
    let last = this.#last;
    for (let at = from; at < to; at += 1) {
      if (untilDue > 0) {
        untilDue -= 1;
        column[at] = NaN;
        continue;
      }
      untilDue = everyTicks - 1;
      const actual = column[at];
      noiseNow = this.#noiseKept * noiseNow + this.#noiseFresh * random.normal();
      const deviation = noiseFixed + noiseShare * actual;
      let value = actual + this.#driftPerMs * (timeMs[at] - this.#startMs) + deviation * noiseNow;
      if (random.uniform() < spikeProbability) value += spikeHeight;
      if (hasFaults)
        value = this.#withFaults(value, last, { faults, timeMs: timeMs[at], noise: deviation * noiseNow });
      // As Math.round, and so half up; −0 is 0.
      value = Math.floor((value < floor ? floor : value) * scale + 0.5) / scale;
      column[at] = value;
      if (value === value) last = value;
    }
    this.#noise = noiseNow;
    this.#last = last;
  }

  /** In the plan's order; NaN: no reading. */
  #withFaults(
    given: number,
    last: number,
    { faults, timeMs, noise }: { faults: SensorRun["faults"]; timeMs: number; noise: number },
  ): number {
    let value = given;
    for (const course of faults) {
      const { fault } = course;
      const intensity = course.intensity(timeMs);
      const chance = this.#chanceOf(fault.number);
      switch (fault.fault) {
        case "stuck":
          if (last === last) value = last;
          break;
        case "drift":
          value += fault.by * intensity;
          break;
        case "noise":
          value += noise * (fault.factor - 1) * intensity;
          break;
        case "spikes":
          if (chance < fault.probability * intensity) value += fault.height;
          break;
        case "dropout":
          if (chance < fault.probability * intensity) value = NaN;
          break;
      }
    }
    return value;
  }

  #chanceOf(fault: number): number {
    let random = this.#faultRandom.get(fault);
    if (random === undefined) {
      random = new RandomStream(`${this.#name}/fault-${fault}`);
      this.#faultRandom.set(fault, random);
    }
    return random.uniform();
  }
}
