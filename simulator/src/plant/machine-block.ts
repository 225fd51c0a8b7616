import type { FaultStep } from "../fault/fault-course.ts";
import type { FaultPlan } from "../plan/fault-plan.ts";
import type { SignalPlan } from "../plan/plan.ts";
import type { MachineState } from "./duty-cycle.ts";

/** What befell a machine just before a tick of its block. */
export type MachineChange =
  | { readonly tick: number; readonly type: "state"; readonly state: MachineState }
  | {
      readonly tick: number;
      readonly type: "fault";
      readonly fault: FaultPlan;
      readonly step: FaultStep;
      readonly time: number;
    }
  | { readonly tick: number; readonly type: "waveform"; readonly waveform: MachineWaveform };

export interface MachineWaveform {
  readonly time: number;
  readonly rotationHz: number;
  /** m/s². */
  readonly values: Float32Array;
}

/** Ticks of one machine by column. Filled anew, block by block and machine by machine; nothing is kept per reading. */
export class MachineBlock {
  readonly capacity: number;
  count = 0;
  /** True event time of each tick. */
  readonly timeMs: Float64Array;
  /** What the machine's clock says then: the readings' own time. */
  readonly stampMs: Float64Array;
  /** By signal in the plan's order; NaN: no reading at this tick. */
  readonly values: readonly Float64Array[];
  /** In order. */
  changes: MachineChange[] = [];

  constructor(signals: readonly SignalPlan[], capacity: number) {
    this.capacity = capacity;
    this.timeMs = new Float64Array(capacity);
    this.stampMs = new Float64Array(capacity);
    this.values = signals.map(() => new Float64Array(capacity));
  }
}
