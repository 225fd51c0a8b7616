import { FaultCourse, type FaultStep } from "../fault/fault-course.ts";
import type { ClockFaultPlan, FaultPlan, SiteFaultPlan } from "../plan/fault-plan.ts";
import { lineName, machineName, type Plan } from "../plan/plan.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import { MachineBlock, type MachineChange } from "./machine-block.ts";
import { Machine } from "./machine.ts";
import { RecentReadings } from "./recent-readings.ts";
import { SaidReadings } from "./said-readings.ts";

export interface PlantStep {
  readonly machine: Machine;
  /** Of the tick. */
  readonly time: number;
  /** By the machine's clock. */
  readonly stamp: number;
  readonly readings: readonly TruthReading[];
  readonly changes: readonly MachineChange[];
  readonly siteChanges: readonly SiteChange[];
}

export interface SiteChange {
  readonly fault: SiteFaultPlan;
  readonly step: FaultStep;
  readonly time: number;
}

/**
 * All machines of a plan. The machines' ticks are spread over the period, so that the plant's readings come in one order
 * of event time: a function of plan, seed, start and the commands obeyed between the steps.
 */
export class Plant {
  readonly #plan: Plan;
  /** In order of their first tick, which is that of every round. */
  readonly #machines: readonly Machine[];
  readonly #siteFaults: FaultCourse<SiteFaultPlan>[];
  readonly #plantStartMs: number;
  #timeMs: number;
  readonly #block: MachineBlock;
  /** Of machines whose clock will be wrong. */
  readonly #said: Map<Machine, SaidReadings>;
  /** Of all, whose clock an order may set back. */
  readonly #recent: RecentReadings;
  #stepCount = 0;

  /** `startMs`: event time of the first readings; `plantStartMs`: where the plan's times count from. */
  constructor(plan: Plan, startMs: number, plantStartMs = startMs) {
    this.#plan = plan;
    this.#plantStartMs = plantStartMs;
    this.#timeMs = startMs;
    this.#block = new MachineBlock(plan.signals, 1);
    this.#machines = machineNames(plan)
      .map((names) => new Machine({ ...names, plan, startMs, plantStartMs }))
      .sort((one, other) => one.phaseMs - other.phaseMs);
    this.#recent = new RecentReadings(
      plan.signals.map(({ metric }) => metric),
      this.#machines.length,
    );
    const clocks = plan.faults.filter((fault) => fault.fault === "clock");
    this.#said = new Map(
      this.#machines
        .filter((machine) => clocks.some((fault) => isAt(fault, machine)))
        .map((machine) => [machine, new SaidReadings()]),
    );
    this.#siteFaults = plan.faults
      .flatMap((fault) =>
        fault.fault === "power-cut" || fault.fault === "gateway-reboot"
          ? [new FaultCourse<SiteFaultPlan>(fault, plantStartMs)]
          : [],
      )
      .filter((course) => course.endMs > startMs);
  }

  get machines(): readonly Machine[] {
    return this.#machines;
  }

  /** Ticks of machines gone through: where in the run a command came. */
  get stepCount(): number {
    return this.#stepCount;
  }

  /** Event time of the next step. */
  get nextTimeMs(): number {
    return this.#nextMachine.nextTimeMs;
  }

  /** Of the last step, after the plant's start: where a fault begins that is added now. */
  get sinceStartMs(): number {
    return this.#timeMs - this.#plantStartMs;
  }

  addFault(fault: FaultPlan): void {
    this.#machines.forEach((machine, place) => {
      machine.addFault(fault, this.#plantStartMs);
      if (fault.fault !== "clock" || !isAt(fault, machine) || this.#said.has(machine)) return;
      const said = new SaidReadings();
      this.#recent.tell(place, said);
      this.#said.set(machine, said);
    });
    if (fault.fault === "power-cut" || fault.fault === "gateway-reboot")
      this.#siteFaults.push(new FaultCourse<SiteFaultPlan>(fault, this.#plantStartMs));
  }

  /** Before its time. Of a site's fault there is one change, of a machine's that of the machine. */
  endFault(number: number): {
    readonly changes: readonly MachineChange[];
    readonly siteChanges: readonly SiteChange[];
  } {
    const changes = this.#machines.flatMap((machine) => machine.endFault(number));
    const siteChanges = this.#siteFaults
      .filter((course) => course.fault.number === number && course.end())
      .map(({ fault }) => ({ fault, step: "end" as const, time: this.#timeMs }));
    return { changes, siteChanges };
  }

  /** The next machine's readings: one per signal that is read then and gives a value. */
  step(): PlantStep {
    const machine = this.#nextMachine;
    const { site, line, machine: name } = machine;
    this.#stepCount++;
    const block = this.#block;
    machine.generate(block, 1);
    const [time, stamp] = [block.timeMs[0], block.stampMs[0]];
    this.#timeMs = time;
    this.#recent.add(block);
    const readings: TruthReading[] = [];
    this.#plan.signals.forEach(({ metric }, index) => {
      const value = block.values[index][0];
      if (Number.isNaN(value)) return;
      const reading = { type: "reading", site, line, machine: name, metric, time: stamp, value } as const;
      const trueTime = stamp === time ? {} : { trueTime: time };
      const isRepeated = this.#said.get(machine)?.hasSaid(metric, stamp, value) === true;
      readings.push({ ...reading, ...trueTime, ...(isRepeated ? { isRepeated } : {}) });
    });
    return { machine, time, stamp, readings, changes: block.changes, siteChanges: this.#siteChanges(time) };
  }

  #siteChanges(timeMs: number): SiteChange[] {
    const changes: SiteChange[] = [];
    for (const course of this.#siteFaults) {
      for (const step of course.steps(timeMs)) changes.push({ fault: course.fault, step, time: timeMs });
    }
    return changes;
  }

  get #nextMachine(): Machine {
    const machine = this.#machines[this.#stepCount % this.#machines.length];
    if (machine === undefined) throw new Error("invariant: a plan has at least one machine");
    return machine;
  }
}

function isAt(fault: ClockFaultPlan, { site, line, machine }: Machine): boolean {
  return fault.site === site && fault.line === line && fault.machine === machine;
}

function machineNames(plan: Plan): { site: string; line: string; machine: string }[] {
  return plan.sites.flatMap((site) =>
    Array.from({ length: site.lines }, (_, line) =>
      Array.from({ length: site.machinesPerLine }, (__, machine) => ({
        site: site.site,
        line: lineName(line),
        machine: machineName(machine),
      })),
    ).flat(),
  );
}
