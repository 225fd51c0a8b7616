/** What a machine can report; also the last level of its topics and the key in its payloads. */
export const METRICS = [
  "temperature",
  "vibration",
  "pressure",
  "current",
  "flow",
  "rotation",
  "energy",
  "pieces",
] as const;
export type Metric = (typeof METRICS)[number];

export interface MetricTraits {
  readonly unit: string;
  /** About what a sensor reads at work. */
  readonly nominal: number;
  /** Deviation of a usual sensor's noise. */
  readonly noise: number;
  readonly decimals: 0 | 1 | 2 | 3;
  /** The noise is a share of what is measured, and none at standstill. */
  readonly isNoiseProportional: boolean;
  readonly canBeNegative: boolean;
}

export const METRIC_TRAITS: Readonly<Record<Metric, MetricTraits>> = {
  temperature: {
    unit: "°C",
    nominal: 60,
    noise: 0.3,
    decimals: 3,
    isNoiseProportional: false,
    canBeNegative: true,
  },
  vibration: {
    unit: "mm/s",
    nominal: 3,
    noise: 0.06,
    decimals: 3,
    isNoiseProportional: true,
    canBeNegative: false,
  },
  pressure: {
    unit: "bar",
    nominal: 6,
    noise: 0.015,
    decimals: 3,
    isNoiseProportional: false,
    canBeNegative: false,
  },
  current: {
    unit: "A",
    nominal: 20,
    noise: 0.2,
    decimals: 2,
    isNoiseProportional: true,
    canBeNegative: false,
  },
  flow: {
    unit: "l/min",
    nominal: 120,
    noise: 1,
    decimals: 2,
    isNoiseProportional: true,
    canBeNegative: false,
  },
  rotation: {
    unit: "1/min",
    nominal: 1_480,
    noise: 2,
    decimals: 1,
    isNoiseProportional: true,
    canBeNegative: false,
  },
  energy: {
    unit: "kWh",
    nominal: 100,
    noise: 0,
    decimals: 3,
    isNoiseProportional: false,
    canBeNegative: false,
  },
  pieces: {
    unit: "1",
    nominal: 1_000,
    noise: 0,
    decimals: 0,
    isNoiseProportional: false,
    canBeNegative: false,
  },
};
