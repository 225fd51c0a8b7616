import type { BearingDefect } from "../signal/bearing.ts";
import type { Metric } from "./metric.ts";

/** When a fault is there: from `atMs` it grows for `growthMs`, then it is whole, until `endMs`. After the plan's start. */
export interface FaultTimes {
  /** Place in the plan, from 1. */
  readonly number: number;
  readonly atMs: number;
  readonly growthMs: number;
  /** Infinity: for good. */
  readonly endMs: number;
}

interface MachinePlace {
  readonly site: string;
  readonly line: string;
  readonly machine: string;
}

interface SensorPlace extends MachinePlace {
  readonly metric: Metric;
}

/** What goes wrong in a machine itself. */
export type MachineFaultPlan = FaultTimes &
  MachinePlace &
  (
    | { readonly fault: "overheating"; readonly targetCelsius: number }
    /** `vibration`: mm/s RMS that the whole defect adds. */
    | { readonly fault: "bearing-wear"; readonly defect: BearingDefect; readonly vibration: number }
    /** `share` of the pressure that is lost, and of the flow that is added. */
    | { readonly fault: "leak"; readonly share: number }
  );

/** What goes wrong between the machine and its readings. */
export type SensorFaultPlan = FaultTimes &
  SensorPlace &
  (
    | { readonly fault: "stuck" }
    | { readonly fault: "drift"; readonly by: number }
    | { readonly fault: "noise"; readonly factor: number }
    | { readonly fault: "spikes"; readonly probability: number; readonly height: number }
    | { readonly fault: "dropout"; readonly probability: number }
  );

export type SwapFaultPlan = FaultTimes &
  MachinePlace & { readonly fault: "swapped"; readonly metrics: readonly [Metric, Metric] };

/** The clock that stamps a machine's readings: ahead by `offsetMs`, and by `driftMsPerHour` more with each hour. */
export type ClockFaultPlan = FaultTimes &
  MachinePlace & { readonly fault: "clock"; readonly offsetMs: number; readonly driftMsPerHour: number };

/** `power-cut`: machines stand and are silent. `gateway-reboot`: they go on, and what they say waits. */
export type SiteFaultPlan = FaultTimes & {
  readonly fault: "power-cut" | "gateway-reboot";
  readonly site: string;
};

export type FaultPlan = MachineFaultPlan | SensorFaultPlan | SwapFaultPlan | ClockFaultPlan | SiteFaultPlan;
