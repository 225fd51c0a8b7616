import type { Plan } from "../plan/plan.ts";
import { AlarmTruth } from "../truth/alarm-truth.ts";
import type { TruthLine, TruthReading } from "../truth/truth-line.ts";
import type { TruthRecovery } from "../truth/truth-recovery.ts";
import type { Machine } from "./machine.ts";
import { Plant } from "./plant.ts";

/** What a plant sends in one step. */
export interface PlantMessage {
  readonly machine: Machine;
  /** The reading's number in the truth; null for a machine's state. */
  readonly number: number | null;
  readonly topic: string;
  readonly payload: string;
}

export interface RecordedPlantOptions {
  readonly plan: Plan;
  readonly startMs: number;
  readonly recovery: TruthRecovery | null;
  readonly record: (line: TruthLine) => void;
}

/** A plant whose every step is written down before it leaves. */
export class RecordedPlant {
  readonly #plant: Plant;
  readonly #record: (line: TruthLine) => void;
  readonly #alarms: AlarmTruth;
  readonly #machines: ReadonlyMap<string, Machine>;
  #readingCount: number;
  #commandCount = 0;

  constructor({ plan, startMs, recovery, record }: RecordedPlantOptions) {
    const plantStart = recovery?.plantStartMs ?? startMs;
    this.#plant = new Plant(plan, startMs, plantStart);
    this.#record = record;
    this.#alarms = new AlarmTruth(plan.rules);
    for (const step of recovery?.alarms ?? []) this.#alarms.restore(step);
    this.#machines = new Map(this.#plant.machines.map((machine) => [topicOf(machine, "command"), machine]));
    this.#readingCount = recovery?.readingCount ?? 0;
    const { seed, path, readingsPerSecond } = plan;
    const sites = plan.sites.map(({ site }) => site);
    const rules = plan.rules.map(({ rule }) => rule);
    record({
      type: "run",
      version: 1,
      seed,
      plan: path,
      plantStart,
      start: startMs,
      readingsPerSecond,
      sites,
      rules,
    });
  }

  get machines(): readonly Machine[] {
    return this.#plant.machines;
  }

  get nextTimeMs(): number {
    return this.#plant.nextTimeMs;
  }

  /** All readings of the file so far. */
  get readingCount(): number {
    return this.#readingCount;
  }

  get commandCount(): number {
    return this.#commandCount;
  }

  /** The next machine's messages, written down. */
  step(): PlantMessage[] {
    const { machine, readings, changedTo } = this.#plant.step();
    const messages: PlantMessage[] = [];
    if (changedTo !== null) messages.push(this.#changeState(machine, this.#plant.nextTimeMs));
    for (const reading of readings) {
      this.#record(reading);
      for (const alarm of this.#alarms.onReading(reading)) this.#record(alarm);
      messages.push({ machine, number: ++this.#readingCount, ...readingMessage(reading) });
    }
    return messages;
  }

  /** A command came in; returns the machine's answer, if it gives one. */
  command(
    topic: string,
    command: { readonly outcome: "stop" | "expired" | "malformed"; readonly id: string },
    nowMs: number,
  ): PlantMessage | null {
    const machine = this.#machines.get(topic);
    if (machine === undefined) return null;
    const isStop = command.outcome === "stop";
    const hasStopped = isStop && machine.stop();
    const outcome = command.outcome === "stop" ? (hasStopped ? "obeyed" : "repeated") : command.outcome;
    this.#commandCount++;
    this.#record({ type: "command", ...placeOf(machine), id: command.id, time: nowMs, outcome });
    return isStop ? this.#changeState(machine, nowMs) : null;
  }

  #changeState(machine: Machine, time: number): PlantMessage {
    this.#record({ type: "state", ...placeOf(machine), state: machine.state, time });
    return { machine, number: null, topic: topicOf(machine, "state"), payload: machine.state };
  }
}

/** The same bytes whenever the same reading is sent. */
export function readingMessage(reading: TruthReading): { readonly topic: string; readonly payload: string } {
  return {
    topic: topicOf(reading, reading.metric),
    payload: JSON.stringify({ [reading.metric]: reading.value, ts: reading.time }),
  };
}

export function topicOf(
  machine: { readonly site: string; readonly line: string; readonly machine: string },
  last: string,
): string {
  return `factory/${machine.site}/${machine.line}/${machine.machine}/${last}`;
}

function placeOf(machine: Machine): { site: string; line: string; machine: string } {
  return { site: machine.site, line: machine.line, machine: machine.machine };
}
