import type { Metric, SignalPlan } from "../plan/plan.ts";
import type { RandomStream } from "../signal/random-stream.ts";
import { ambientCelsius, ThermalModel } from "./thermal-model.ts";

export type MachineState = "running" | "stopped";

export interface MachineOptions {
  readonly site: string;
  readonly line: string;
  readonly machine: string;
  readonly signals: SignalPlan;
  readonly random: RandomStream;
  readonly startMs: number;
  readonly stepMs: number;
  /** Runs away at this time; null: never. */
  readonly overheat: { readonly atMs: number; readonly targetCelsius: number } | null;
}

export interface MachineStep {
  readonly values: Readonly<Record<Metric, number>>;
  /** The machine changed its state by itself in this step. */
  readonly changedTo: MachineState | null;
}

/** How long a change of load takes. */
const LOAD_TAU_MS = 60_000;
const PRESSURE_TAU_MS = 3_000;
const BASE_VIBRATION = 2.2;
const BASE_PRESSURE = 6;

/**
 * One machine with three sensors: temperature (°C), vibration (mm/s RMS), pressure (bar). A function of its random
 * stream, the step times and the commands; a step draws the same chances whatever the machine's state, so that a command
 * changes the machine and not the noise.
 */
export class Machine {
  readonly site: string;
  readonly line: string;
  readonly machine: string;
  readonly #signals: SignalPlan;
  readonly #random: RandomStream;
  readonly #startMs: number;
  readonly #stepMs: number;
  readonly #thermal: ThermalModel;
  readonly #meanLoad: number;
  readonly #drift: Readonly<Record<Metric, number>>;
  #overheat: MachineOptions["overheat"];
  #runawayCelsius: number | null = null;
  #loadSwing = 0;
  #pressure = BASE_PRESSURE;
  #stoppedAtMs: number | null = null;
  #timeMs: number;

  constructor(options: MachineOptions) {
    this.site = options.site;
    this.line = options.line;
    this.machine = options.machine;
    this.#signals = options.signals;
    this.#random = options.random;
    this.#startMs = options.startMs;
    this.#stepMs = options.stepMs;
    this.#overheat = options.overheat;
    this.#timeMs = options.startMs;
    this.#meanLoad = 0.6 + 0.3 * this.#random.uniform();
    const { driftPerHour, tauMs, loadRiseCelsius } = options.signals;
    this.#drift = {
      temperature: driftPerHour.temperature * this.#random.normal(),
      vibration: driftPerHour.vibration * this.#random.normal(),
      pressure: driftPerHour.pressure * this.#random.normal(),
    };
    this.#thermal = new ThermalModel({
      tauMs,
      startCelsius: this.#ambient() + loadRiseCelsius * this.#meanLoad,
    });
  }

  get state(): MachineState {
    return this.#stoppedAtMs === null ? "running" : "stopped";
  }

  /** The command was obeyed; a running away ends with it. False when the machine stood already. */
  stop(): boolean {
    if (this.#stoppedAtMs !== null) return false;
    this.#stoppedAtMs = this.#timeMs;
    this.#runawayCelsius = null;
    return true;
  }

  /** Moves on to `timeMs`, one `stepMs` after the last, and reads the sensors. */
  step(timeMs: number): MachineStep {
    this.#timeMs = timeMs;
    const changedTo = this.#mayRestart() ? this.#restart() : null;
    this.#beginOverheat();
    const load = this.#stepLoad();
    const isRunning = this.state === "running";

    const target =
      this.#runawayCelsius ?? this.#ambient() + this.#signals.loadRiseCelsius * (isRunning ? load : 0);
    const celsius = this.#thermal.step(this.#stepMs, target);
    this.#pressure +=
      ((isRunning ? BASE_PRESSURE - 0.4 * load : 0) - this.#pressure) *
      -Math.expm1(-this.#stepMs / PRESSURE_TAU_MS);
    const heatShare = Math.max(0, celsius - 70) / 100;
    const vibration = isRunning ? BASE_VIBRATION * (0.5 + load) + 4 * heatShare : 0.05;

    const noise = this.#signals.noiseCelsius;
    return {
      changedTo,
      values: {
        temperature: this.#sense("temperature", celsius, noise),
        vibration: Math.max(0, this.#sense("vibration", vibration, isRunning ? noise * 0.2 : 0.004)),
        pressure: Math.max(0, this.#sense("pressure", this.#pressure, noise * 0.05)),
      },
    };
  }

  #sense(metric: Metric, actual: number, noiseDeviation: number): number {
    const drifted = actual + (this.#drift[metric] * (this.#timeMs - this.#startMs)) / 3_600_000;
    const noisy = drifted + this.#random.normal() * noiseDeviation;
    const spiked =
      this.#random.uniform() < this.#signals.spikeProbability ? noisy + this.#signals.spike[metric] : noisy;
    return Math.round(spiked * 1_000) / 1_000;
  }

  #stepLoad(): number {
    const share = this.#stepMs / LOAD_TAU_MS;
    this.#loadSwing +=
      -this.#loadSwing * Math.min(1, share) + 0.08 * Math.sqrt(2 * share) * this.#random.normal();
    return Math.min(1, Math.max(0.2, this.#meanLoad + this.#loadSwing));
  }

  #beginOverheat(): void {
    if (this.#overheat === null || this.#timeMs < this.#overheat.atMs || this.state === "stopped") return;
    this.#runawayCelsius = this.#overheat.targetCelsius;
    this.#overheat = null;
  }

  #mayRestart(): boolean {
    return (
      this.#stoppedAtMs !== null &&
      this.#timeMs - this.#stoppedAtMs >= this.#signals.restartAfterMs &&
      this.#thermal.celsius < this.#signals.restartBelowCelsius
    );
  }

  #restart(): MachineState {
    this.#stoppedAtMs = null;
    return "running";
  }

  #ambient(): number {
    return ambientCelsius(this.#timeMs, this.#signals.ambientCelsius, this.#signals.dailySwingCelsius);
  }
}
