import { lineName, machineName, METRICS, type Plan } from "../plan/plan.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import { Machine, type MachineState } from "./machine.ts";
import { RandomStream } from "../signal/random-stream.ts";

export interface PlantStep {
  readonly machine: Machine;
  readonly readings: readonly TruthReading[];
  readonly changedTo: MachineState | null;
}

/**
 * All machines of a plan. The machines' reading times are spread over the period, so that the plant's readings come in
 * one order of event time: a function of plan, seed, start and the commands obeyed between the steps.
 */
export class Plant {
  readonly #plan: Plan;
  readonly #startMs: number;
  /** In order of phase. */
  readonly #slots: readonly { readonly machine: Machine; readonly phaseMs: number }[];
  #stepCount = 0;

  /** `startMs`: event time of the first readings; `plantStartMs`: where the plan's seconds count from. */
  constructor(plan: Plan, startMs: number, plantStartMs = startMs) {
    this.#plan = plan;
    this.#startMs = startMs;
    const stepMs = this.#periodMs;
    this.#slots = machineNames(plan)
      .map(({ site, line, machine }) => {
        const random = new RandomStream(`${plan.seed}/${site}/${line}/${machine}`);
        const event = plan.events.find(
          (each) => each.site === site && each.line === line && each.machine === machine,
        );
        const atMs = plantStartMs + (event?.atMs ?? 0);
        const overheat =
          event === undefined || atMs < startMs ? null : { atMs, targetCelsius: event.targetCelsius };
        const phaseMs = random.uniform() * stepMs;
        return {
          machine: new Machine({
            site,
            line,
            machine,
            signals: plan.signals,
            random,
            startMs,
            stepMs,
            overheat,
          }),
          phaseMs,
        };
      })
      .sort((one, other) => one.phaseMs - other.phaseMs);
  }

  get machines(): readonly Machine[] {
    return this.#slots.map((slot) => slot.machine);
  }

  /** Event time of the next step. */
  get nextTimeMs(): number {
    const slot = this.#slots[this.#stepCount % this.#slots.length];
    const round = Math.floor(this.#stepCount / this.#slots.length);
    return Math.floor(this.#startMs + round * this.#periodMs + (slot?.phaseMs ?? 0));
  }

  /** The next machine's readings, one per metric. */
  step(): PlantStep {
    const slot = this.#slots[this.#stepCount % this.#slots.length];
    if (slot === undefined) throw new Error("invariant: a plan has at least one machine");
    const time = this.nextTimeMs;
    this.#stepCount++;
    const { machine } = slot;
    const { values, changedTo } = machine.step(time);
    const readings = METRICS.map((metric): TruthReading => ({
      type: "reading",
      site: machine.site,
      line: machine.line,
      machine: machine.machine,
      metric,
      time,
      value: values[metric],
    }));
    return { machine, readings, changedTo };
  }

  get #periodMs(): number {
    return 1_000 / this.#plan.readingsPerSecond;
  }
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
