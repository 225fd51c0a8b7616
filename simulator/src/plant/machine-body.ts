import type { FaultCourse } from "../fault/fault-course.ts";
import type { MachineFaultPlan } from "../plan/fault-plan.ts";
import { METRICS, type Metric } from "../plan/metric.ts";
import type { HeatPlan } from "../plan/plan.ts";
import { portableExp } from "../signal/portable-math.ts";
import { RandomStream } from "../signal/random-stream.ts";
import type { MachineState } from "./duty-cycle.ts";
import type { Weather } from "./weather.ts";

export interface MachineBodyOptions {
  /** Names the machine's streams of chance. */
  readonly name: string;
  readonly heat: HeatPlan;
  readonly weather: Weather;
  readonly tickMs: number;
  readonly startMs: number;
  readonly state: MachineState;
}

/** Ticks to go through in one state. */
export interface BodyRun {
  readonly state: MachineState;
  readonly timeMs: Float64Array;
  readonly from: number;
  readonly to: number;
  /** Those that are active. */
  readonly faults: readonly FaultCourse<MachineFaultPlan>[];
  /** By metric as in METRICS; null: nobody reads it. */
  readonly columns: readonly (Float64Array | null)[];
}

/** How long a change of load, of speed, of pressure takes. */
const LOAD_TAU_MS = 60_000;
const SPIN_TAU_MS = 3_000;
const PRESSURE_TAU_MS = 3_000;
/** Deviation of the load around its mean. */
const LOAD_SWING = 0.08;
const IDLE_LOAD = 0.1;
const NOMINAL_ROTATION = 1_480;
/** Share of the speed that a full load takes. */
const SLIP = 0.02;
const BASE_VIBRATION = 2.2;
const STILL_VIBRATION = 0.05;
const BASE_PRESSURE = 6;
const NOMINAL_FLOW = 120;
const IDLE_AMPERES = 4;
const LOAD_AMPERES = 16;
/** On top, at standstill with the power on. */
const INRUSH_AMPERES = 60;
/** √3 × 400 V × cos φ 0.85, in kW an ampere. */
const KILOWATTS_PER_AMPERE = 0.589;
const PIECES_A_MINUTE = 30;
const WEAR_CELSIUS = 6;

const AT: Readonly<Record<Metric, number>> = Object.fromEntries(
  METRICS.map((metric, index) => [metric, index]),
) as Record<Metric, number>;

/**
 * What goes on in a machine. Load drives current, speed, flow and pressure; load and hall drive the temperature (a
 * first-order body: of the way to its target it goes the share 1 − e^(−dt/τ) in each tick, τ being longer where nothing turns
 * and cools it); speed, load, heat and wear
 * drive the vibration. Its course is the same in however many runs it is gone through.
 */
export class MachineBody {
  readonly #heat: HeatPlan;
  readonly #weather: Weather;
  readonly #random: RandomStream;
  readonly #tickMs: number;
  readonly #heatShare: number;
  readonly #stillHeatShare: number;
  readonly #spinShare: number;
  readonly #pressureShare: number;
  readonly #loadKept: number;
  readonly #loadFresh: number;
  readonly #meanLoad: number;
  #loadSwing: number;
  #celsius: number;
  /** Share of the full speed. */
  #spin: number;
  /** Of the last tick. */
  #load: number;
  /** Of the last tick, mm/s RMS. */
  #wear = 0;
  #pressure: number;
  #kilowattHours = 0;
  #pieces = 0;

  constructor({ name, heat, weather, tickMs, startMs, state }: MachineBodyOptions) {
    this.#heat = heat;
    this.#weather = weather;
    this.#random = new RandomStream(`${name}/load`);
    this.#tickMs = tickMs;
    this.#heatShare = 1 - portableExp(-tickMs / heat.tauMs);
    this.#stillHeatShare = 1 - portableExp(-tickMs / heat.stillTauMs);
    this.#spinShare = 1 - portableExp(-tickMs / SPIN_TAU_MS);
    this.#pressureShare = 1 - portableExp(-tickMs / PRESSURE_TAU_MS);
    this.#loadKept = portableExp(-tickMs / LOAD_TAU_MS);
    this.#loadFresh = LOAD_SWING * Math.sqrt(1 - this.#loadKept * this.#loadKept);
    this.#meanLoad = 0.6 + 0.3 * this.#random.uniform();
    this.#loadSwing = LOAD_SWING * this.#random.normal();
    const isWorking = state === "running";
    this.#load = isWorking ? this.#loadNow() : 0;
    this.#celsius = weather.celsiusAt(startMs) + heat.riseCelsius * this.#load;
    this.#spin = isWorking ? 1 - SLIP * this.#load : 0;
    this.#pressure = isWorking ? BASE_PRESSURE - 0.4 * this.#load : 0;
  }

  get celsius(): number {
    return this.#celsius;
  }

  /** Turns a second. */
  get rotationHz(): number {
    return (this.#spin * NOMINAL_ROTATION) / 60;
  }

  /** Velocity of the bearing's housing, mm/s RMS from 10 to 1,000 Hz (ISO 20816-1). */
  get vibration(): number {
    return vibrationOf(this.#spin, this.#load, this.#celsius, this.#wear);
  }

  resetCounters(): void {
    this.#kilowattHours = 0;
    this.#pieces = 0;
  }

  run({ state, timeMs, from, to, faults, columns }: BodyRun): void {
    const isOn = state === "starting" || state === "running" || state === "idle";
    const isRunning = state === "running";
    const hasFaults = faults.length > 0;
    // Its own fan cools a machine that turns.
    const heatShare = isOn ? this.#heatShare : this.#stillHeatShare;
    const hours = this.#tickMs / 3_600_000;
    const [temperature, vibration, pressure, current] = [
      columns[AT.temperature],
      columns[AT.vibration],
      columns[AT.pressure],
      columns[AT.current],
    ];
    const [flow, rotation, energy, pieces] = [
      columns[AT.flow],
      columns[AT.rotation],
      columns[AT.energy],
      columns[AT.pieces],
    ];
    for (let at = from; at < to; at += 1) {
      this.#loadSwing = this.#loadKept * this.#loadSwing + this.#loadFresh * this.#random.normal();
      const load = isRunning ? this.#loadNow() : isOn ? IDLE_LOAD : 0;
      const ambient = this.#weather.celsiusAt(timeMs[at]);
      let targetCelsius = ambient + this.#heat.riseCelsius * load;
      let wear = 0;
      let leak = 0;
      if (hasFaults) {
        for (const course of faults) {
          const { fault } = course;
          const intensity = course.intensity(timeMs[at]);
          if (fault.fault === "overheating") {
            if (isOn) targetCelsius += (fault.targetCelsius - targetCelsius) * intensity;
          } else if (fault.fault === "bearing-wear") {
            // It feeds on itself: slow at first.
            wear += fault.vibration * intensity * intensity;
            if (isOn) targetCelsius += WEAR_CELSIUS * intensity * intensity;
          } else leak += fault.share * intensity;
        }
      }
      this.#celsius += (targetCelsius - this.#celsius) * heatShare;
      this.#spin += ((isOn ? 1 - SLIP * load : 0) - this.#spin) * this.#spinShare;
      this.#pressure +=
        ((isOn ? (BASE_PRESSURE - 0.4 * load) * (1 - leak) : 0) - this.#pressure) * this.#pressureShare;
      const spin = this.#spin;
      const amperes = isOn
        ? IDLE_AMPERES + LOAD_AMPERES * load + INRUSH_AMPERES * Math.max(0, 1 - SLIP - spin)
        : 0;
      this.#kilowattHours += amperes * KILOWATTS_PER_AMPERE * hours;
      if (isRunning) this.#pieces += PIECES_A_MINUTE * 60 * hours;

      if (temperature !== null) temperature[at] = this.#celsius;
      if (vibration !== null) vibration[at] = vibrationOf(spin, load, this.#celsius, wear);
      if (pressure !== null) pressure[at] = this.#pressure;
      if (current !== null) current[at] = amperes;
      if (flow !== null) flow[at] = NOMINAL_FLOW * spin * (0.4 + 0.6 * load) * (1 + leak);
      if (rotation !== null) rotation[at] = NOMINAL_ROTATION * spin;
      if (energy !== null) energy[at] = this.#kilowattHours;
      if (pieces !== null) pieces[at] = Math.floor(this.#pieces);
      this.#load = load;
      this.#wear = wear;
    }
  }

  #loadNow(): number {
    const load = this.#meanLoad + this.#loadSwing;
    return load < 0.2 ? 0.2 : load > 1 ? 1 : load;
  }
}

function vibrationOf(spin: number, load: number, celsius: number, wear: number): number {
  const hotShare = Math.max(0, celsius - 70) / 100;
  const sound = BASE_VIBRATION * (0.5 + load) + 4 * hotShare;
  return STILL_VIBRATION + spin * (wear === 0 ? sound : Math.sqrt(sound * sound + wear * wear));
}
