import type { DutyPlan, Span } from "../plan/plan.ts";
import type { RandomStream } from "../signal/random-stream.ts";
import type { ShiftCalendar } from "./shift-calendar.ts";

export const MACHINE_STATES = ["starting", "running", "idle", "stopped", "maintenance"] as const;
export type MachineState = (typeof MACHINE_STATES)[number];

export interface DutyCycleOptions {
  readonly duty: DutyPlan;
  readonly calendar: ShiftCalendar;
  readonly random: RandomStream;
  readonly startMs: number;
  /** Where the plan's times count from. */
  readonly plantStartMs: number;
}

/**
 * What a machine is at: its spells of work, its shifts, its maintenance, commands, and whether it has power. A machine
 * whose shift is on is at work when the plan begins.
 */
export class DutyCycle {
  readonly #duty: DutyPlan;
  readonly #calendar: ShiftCalendar;
  readonly #random: RandomStream;
  readonly #firstMaintenanceMs: number;
  #state: MachineState;
  #spellEndMs = Infinity;
  #untilMs = -Infinity;
  #commandedStopMs: number | null = null;
  #hasPower = true;

  constructor({ duty, calendar, random, startMs, plantStartMs }: DutyCycleOptions) {
    this.#duty = duty;
    this.#calendar = calendar;
    this.#random = random;
    this.#firstMaintenanceMs = plantStartMs + Math.floor(random.uniform() * (duty.maintenance?.everyMs ?? 0));
    this.#state = "stopped";
    if (calendar.isOn(startMs)) this.#enter("running", startMs);
  }

  get state(): MachineState {
    return this.#state;
  }

  /** `advance` has nothing to do before this. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** Moves on to `timeMs`, one change of state at most. `celsius`: of the machine, for a restart. */
  advance(timeMs: number, celsius: number): boolean {
    const wanted = this.#wanted(timeMs, celsius);
    const hasChanged = wanted !== this.#state || timeMs >= this.#spellEndMs;
    if (hasChanged) this.#enter(wanted, timeMs);
    this.#untilMs = this.#nextLookMs(timeMs);
    return hasChanged;
  }

  /** False when it stood already. */
  stop(timeMs: number): boolean {
    this.#untilMs = -Infinity;
    const hasStood = !isWorking(this.#state);
    this.#commandedStopMs ??= timeMs;
    if (!hasStood) this.#enter("stopped", timeMs);
    return !hasStood;
  }

  /** refused: no power, no shift, or in maintenance. */
  start(timeMs: number): "obeyed" | "repeated" | "refused" {
    if (isWorking(this.#state)) return "repeated";
    if (this.#state === "maintenance" || !this.#hasPower || !this.#calendar.isOn(timeMs)) return "refused";
    this.#commandedStopMs = null;
    this.#untilMs = -Infinity;
    this.#enter("starting", timeMs);
    return "obeyed";
  }

  setPower(hasPower: boolean): void {
    this.#hasPower = hasPower;
    this.#untilMs = -Infinity;
  }

  #wanted(timeMs: number, celsius: number): MachineState {
    if (!this.#hasPower) return "stopped";
    if (this.#maintenanceEndMs(timeMs) !== null) return "maintenance";
    if (!this.#calendar.isOn(timeMs)) return "stopped";
    if (this.#commandedStopMs !== null) {
      const { restart } = this.#duty;
      if (
        restart === null ||
        timeMs - this.#commandedStopMs < restart.afterMs ||
        celsius >= restart.belowCelsius
      )
        return "stopped";
      this.#commandedStopMs = null;
    }
    if (!isWorking(this.#state)) return "starting";
    if (timeMs < this.#spellEndMs) return this.#state;
    return this.#state === "running" ? "idle" : "running";
  }

  #enter(state: MachineState, timeMs: number): void {
    this.#state = state;
    const { startMs, spells } = this.#duty;
    if (state === "starting") this.#spellEndMs = timeMs + startMs;
    else if (spells !== null && state === "running") this.#spellEndMs = timeMs + this.#draw(spells.runMs);
    else if (spells !== null && state === "idle") this.#spellEndMs = timeMs + this.#draw(spells.idleMs);
    else this.#spellEndMs = Infinity;
  }

  #nextLookMs(timeMs: number): number {
    const { restart } = this.#duty;
    let nextMs = Math.min(
      this.#spellEndMs,
      this.#calendar.nextChangeMs(timeMs),
      this.#maintenanceEndMs(timeMs) ?? this.#nextMaintenanceMs(timeMs),
    );
    // From then on it is looked at each tick whether it has cooled.
    if (this.#commandedStopMs !== null && restart !== null)
      nextMs = Math.min(nextMs, this.#commandedStopMs + restart.afterMs);
    return nextMs;
  }

  /** Null: not in maintenance. */
  #maintenanceEndMs(timeMs: number): number | null {
    const { maintenance } = this.#duty;
    if (maintenance === null || timeMs < this.#firstMaintenanceMs) return null;
    const sinceMs = (timeMs - this.#firstMaintenanceMs) % maintenance.everyMs;
    return sinceMs < maintenance.forMs ? timeMs - sinceMs + maintenance.forMs : null;
  }

  #nextMaintenanceMs(timeMs: number): number {
    const { maintenance } = this.#duty;
    if (maintenance === null) return Infinity;
    if (timeMs < this.#firstMaintenanceMs) return this.#firstMaintenanceMs;
    const sinceMs = (timeMs - this.#firstMaintenanceMs) % maintenance.everyMs;
    return timeMs - sinceMs + maintenance.everyMs;
  }

  #draw([min, max]: Span): number {
    return Math.floor(min + (max - min) * this.#random.uniform());
  }
}

function isWorking(state: MachineState): boolean {
  return state === "starting" || state === "running" || state === "idle";
}
