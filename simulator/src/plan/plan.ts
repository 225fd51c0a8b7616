import type { BusinessPlan } from "../business/plan/business-plan.ts";
import type { BearingGeometry } from "../signal/bearing.ts";
import type { DeliveryPlan } from "../delivery/delivery-plan.ts";
import type { ReadingFormat } from "../format/reading-format.ts";
import type { LinkPlan } from "../link/link-plan.ts";
import type { FaultPlan } from "./fault-plan.ts";
import type { Metric } from "./metric.ts";
import type { OutputPlan } from "./output-plan.ts";

/** A plan, resolved: times in ms, defaults filled in. The file's form is in plan-schema.ts, examples in plans/. */
export interface Plan {
  /** The file's own words, for the truth. */
  readonly text: string;
  readonly seed: number;
  /** Per machine: how often its state moves on, and each of its signals is read that has no `every` of its own. */
  readonly readingsPerSecond: number;
  readonly sites: readonly SitePlan[];
  /** One MQTT connection for all machines of a line, or one for each. */
  readonly connectionPer: "line" | "machine";
  /** What every machine reports, in the order of METRICS. */
  readonly signals: readonly SignalPlan[];
  readonly heat: HeatPlan;
  readonly weather: WeatherPlan;
  readonly duty: DutyPlan;
  readonly waveform: WaveformPlan | null;
  /** In the file's order; a fault's number is its place there, from 1. */
  readonly faults: readonly FaultPlan[];
  /** The rules that the truth applies to every reading, to know which alarms must happen. */
  readonly rules: readonly RulePlan[];
  /** Null: all comes at once, in order, and once. */
  readonly delivery: DeliveryPlan | null;
  /** Null: the lines between sites and central are none of the simulator's business. */
  readonly links: LinkPlan | null;
  readonly publish: PublishPlan;
  /** Records beside the machines' readings; a plan has one of them at least. */
  readonly business: BusinessPlan | null;
}

export interface SitePlan {
  readonly site: string;
  readonly output: OutputPlan;
  /** Of all its readings; null: each signal's own. */
  readonly format: ReadingFormat | null;
  readonly lines: number;
  readonly machinesPerLine: number;
}

export interface SignalPlan {
  readonly metric: Metric;
  /** Where the site has none for all. */
  readonly format: ReadingFormat;
  /** Read at every n-th of the machine's ticks. */
  readonly everyTicks: number;
  /** Deviation of the sensor's noise, in the metric's unit; at the nominal value where it is a share. */
  readonly noise: number;
  /** Time after which the noise has forgotten 63 % of itself; 0: each reading's is new. */
  readonly noiseTauMs: number;
  /** Deviation, over the machines, of how far a sensor's zero wanders in an hour. */
  readonly driftPerHour: number;
  /** Share of readings that carry a single wrong peak. */
  readonly spikeProbability: number;
  /** Height of a peak, in the metric's unit. */
  readonly spikeHeight: number;
}

export interface HeatPlan {
  /** Time constant of heating and cooling. */
  readonly tauMs: number;
  /** Where nothing turns: without a fan it cools more slowly. */
  readonly stillTauMs: number;
  /** Above ambient at full load. */
  readonly riseCelsius: number;
}

export interface WeatherPlan {
  readonly meanCelsius: number;
  /** Half the difference between the warmest and the coolest hour. */
  readonly dailySwingCelsius: number;
  /** Deviation of a day's mean, by site: warm days and cold ones. */
  readonly frontCelsius: number;
}

export interface DutyPlan {
  /** From standstill to work. */
  readonly startMs: number;
  /** Lengths of work and of waiting, drawn uniformly; null: works without a pause. */
  readonly spells: { readonly runMs: Span; readonly idleMs: Span } | null;
  /** A machine that was commanded to stop starts by itself below this temperature, and not before `restartAfterMs`; null: never. */
  readonly restart: { readonly belowCelsius: number; readonly afterMs: number } | null;
  /** Each machine in its turn, first within one interval from the plan's start. */
  readonly maintenance: { readonly everyMs: number; readonly forMs: number } | null;
  /** Work by the site's wall clock; empty: round the clock. */
  readonly shifts: readonly ShiftPlan[];
  /** The wall clock's, the year round: rules of summer time differ between versions of their table. */
  readonly utcOffsetMinutes: number;
  /** Minute of the day at which piece and energy counters start from 0. */
  readonly countersResetMinute: number;
}

/** Minima and maxima in ms. */
export type Span = readonly [min: number, max: number];

export interface ShiftPlan {
  /** 0 is Monday. */
  readonly days: readonly number[];
  /** Minutes of the day; a shift whose end is not after its start ends on the next day. */
  readonly fromMinute: number;
  readonly toMinute: number;
}

/** A recording of the bearing's acceleration, now and then. */
export interface WaveformPlan {
  readonly everyTicks: number;
  readonly samples: number;
  readonly sampleHz: number;
  readonly bearing: BearingGeometry;
}

/** An upper limit: raised by a value > `above`, back to normal by a value < `clearBelow`. */
export interface RulePlan {
  readonly rule: string;
  readonly metric: Metric;
  readonly above: number;
  readonly clearBelow: number;
}

export interface PublishPlan {
  /** Readings of one signal in a message, where the format gathers several. */
  readonly batch: number;
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
