/** What every machine reports; also the last level of its topics and the key in its payloads. */
export const METRICS = ["temperature", "vibration", "pressure"] as const;
export type Metric = (typeof METRICS)[number];

/** A plan, resolved: times in ms, defaults filled in. The file's form is in plan-schema.ts, an example in plans/. */
export interface Plan {
  readonly path: string;
  readonly seed: number;
  /** Per machine and metric. */
  readonly readingsPerSecond: number;
  readonly sites: readonly SitePlan[];
  /** One MQTT connection for all machines of a line, or one for each. */
  readonly connectionPer: "line" | "machine";
  readonly signals: SignalPlan;
  readonly events: readonly OverheatPlan[];
  /** The rules that the truth applies to every reading, to know which alarms must happen. */
  readonly rules: readonly RulePlan[];
  readonly publish: PublishPlan;
}

export interface SitePlan {
  readonly site: string;
  /** `mqtt://host:port` of the site's agent or broker. */
  readonly broker: string;
  readonly lines: number;
  readonly machinesPerLine: number;
}

export interface SignalPlan {
  /** Time constant of heating and cooling. */
  readonly tauMs: number;
  readonly ambientCelsius: number;
  /** Half the difference between the warmest and the coolest hour. */
  readonly dailySwingCelsius: number;
  /** Above ambient at full load. */
  readonly loadRiseCelsius: number;
  /** Deviation of the temperature sensor's noise; the other sensors' follow their own scale by the same share. */
  readonly noiseCelsius: number;
  /** How far a sensor's zero wanders in an hour, each machine in its own direction. */
  readonly driftPerHour: Readonly<Record<Metric, number>>;
  /** Share of readings that carry a single wrong peak. */
  readonly spikeProbability: number;
  /** Height of a peak, in each metric's own unit. */
  readonly spike: Readonly<Record<Metric, number>>;
  /** A stopped machine starts again below this temperature, and not before `restartAfterMs`. */
  readonly restartBelowCelsius: number;
  readonly restartAfterMs: number;
}

/** One machine runs away towards a temperature until it is stopped. */
export interface OverheatPlan {
  readonly site: string;
  readonly line: string;
  readonly machine: string;
  /** After the plan's start. */
  readonly atMs: number;
  readonly targetCelsius: number;
}

/** An upper limit: raised by a value > `above`, back to normal by a value < `clearBelow`. */
export interface RulePlan {
  readonly rule: string;
  readonly metric: Metric;
  readonly above: number;
  readonly clearBelow: number;
}

export interface PublishPlan {
  /** Sent and not yet acknowledged, per connection. */
  readonly inFlightMax: number;
  /** Generated and not yet acknowledged, all connections together; beyond it the plant waits. */
  readonly waitingMax: number;
}

/** Lines and machines are named by their number. */
export function lineName(index: number): string {
  return `line-${index + 1}`;
}

export function machineName(index: number): string {
  return `machine-${index + 1}`;
}
