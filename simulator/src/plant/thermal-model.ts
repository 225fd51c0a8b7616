/**
 * First-order thermal body: the temperature closes on a target by the share 1 − e^(−dt/τ) in each step, exact for a
 * constant target whatever the step. Temperatures in °C, times in ms.
 */
export class ThermalModel {
  readonly #tauMs: number;
  #celsius: number;

  constructor(options: { readonly tauMs: number; readonly startCelsius: number }) {
    this.#tauMs = options.tauMs;
    this.#celsius = options.startCelsius;
  }

  get celsius(): number {
    return this.#celsius;
  }

  step(stepMs: number, targetCelsius: number): number {
    this.#celsius += (targetCelsius - this.#celsius) * -Math.expm1(-stepMs / this.#tauMs);
    return this.#celsius;
  }
}

/** The hall's air: coolest at 3:00 UTC, warmest at 15:00. */
export function ambientCelsius(timeMs: number, meanCelsius: number, swingCelsius: number): number {
  const hours = (timeMs / 3_600_000) % 24;
  return meanCelsius + swingCelsius * Math.sin(((hours - 9) / 24) * 2 * Math.PI);
}
