import { createHash } from "node:crypto";
import type { FaultPlan } from "../plan/fault-plan.ts";
import type { Plan } from "../plan/plan.ts";
import type { FaultStep } from "../fault/fault-course.ts";
import type { CommandWord } from "../publish/command.ts";
import { AlarmTruth } from "../truth/alarm-truth.ts";
import type { TruthLine, TruthReading } from "../truth/truth-line.ts";
import type { TruthRecovery } from "../truth/truth-recovery.ts";
import type { Machine } from "./machine.ts";
import type { MachineChange, MachineWaveform } from "./machine-block.ts";
import { Plant, type SiteChange } from "./plant.ts";

/** What a plant sends in one step. */
export interface PlantMessage {
  readonly machine: Machine;
  /** The reading's number in the truth; null for a machine's state or waveform. */
  readonly number: number | null;
  readonly topic: string;
  readonly payload: string | Buffer;
}

export interface RecordedStep {
  readonly messages: readonly PlantMessage[];
  readonly siteChanges: readonly SiteChange[];
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
  readonly #sampleHz: number;
  /** Sites without power. */
  readonly #dark = new Set<string>();
  #readingCount: number;
  #commandCount = 0;

  constructor({ plan, startMs, recovery, record }: RecordedPlantOptions) {
    const plantStart = recovery?.plantStartMs ?? startMs;
    this.#plant = new Plant(plan, startMs, plantStart);
    this.#record = record;
    this.#sampleHz = plan.waveform?.sampleHz ?? 0;
    this.#alarms = new AlarmTruth(plan.rules);
    for (const step of recovery?.alarms ?? []) this.#alarms.restore(step);
    this.#machines = new Map(this.#plant.machines.map((machine) => [topicOf(machine, "command"), machine]));
    this.#readingCount = recovery?.readingCount ?? 0;
    const { seed, text, readingsPerSecond } = plan;
    const sites = plan.sites.map(({ site }) => site);
    const rules = plan.rules.map(({ rule }) => rule);
    const header = { version: 1, seed, plantStart, start: startMs, readingsPerSecond, sites, rules } as const;
    record({ type: "run", ...header, plan: text });
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

  /** Ticks of machines gone through. */
  get stepCount(): number {
    return this.#plant.stepCount;
  }

  /** The next machine's messages, written down. */
  step(): RecordedStep {
    const { machine, stamp, readings, changes, siteChanges } = this.#plant.step();
    for (const { fault, step, time } of siteChanges) {
      this.#recordFault(fault, step, time);
      if (fault.fault === "power-cut" && step === "onset") this.#dark.add(fault.site);
      else if (fault.fault === "power-cut" && step === "end") this.#dark.delete(fault.site);
    }
    const messages: PlantMessage[] = [];
    for (const change of changes) {
      const message = this.#change(machine, change, stamp);
      if (message !== null && !this.#dark.has(machine.site)) messages.push(message);
    }
    for (const reading of readings) {
      this.#record(reading);
      for (const alarm of this.#alarms.onReading(reading)) this.#record(alarm);
      messages.push({ machine, number: ++this.#readingCount, ...readingMessage(reading) });
    }
    return { messages, siteChanges };
  }

  /** A command came in; returns the machine's answer, if it gives one. */
  command(
    topic: string,
    command: { readonly outcome: CommandWord | "expired" | "malformed"; readonly id: string },
    nowMs: number,
  ): PlantMessage | null {
    const machine = this.#machines.get(topic);
    if (machine === undefined) return null;
    const place = { ...placeOf(machine), id: command.id, time: nowMs, step: this.#plant.stepCount };
    this.#commandCount++;
    if (command.outcome === "expired" || command.outcome === "malformed") {
      this.#record({ type: "command", ...place, outcome: command.outcome });
      return null;
    }
    const isStop = command.outcome === "stop";
    const stopped = isStop ? machine.stop() : null;
    const outcome = stopped === null ? machine.start() : stopped.isObeyed ? "obeyed" : "repeated";
    this.#record({ type: "command", ...place, command: command.outcome, outcome });
    for (const change of stopped?.changes ?? []) this.#change(machine, change, nowMs);
    return this.#changeState(machine, nowMs);
  }

  #change(machine: Machine, change: MachineChange, stamp: number): PlantMessage | null {
    switch (change.type) {
      case "state":
        return this.#changeState(machine, stamp);
      case "waveform":
        return this.#waveform(machine, change.waveform, stamp);
      case "fault":
        // A site's fault is written down once, not for each machine.
        if (change.fault.fault !== "power-cut") this.#recordFault(change.fault, change.step, change.time);
        return null;
    }
  }

  #recordFault(plan: FaultPlan, step: FaultStep, time: number): void {
    const { fault, number, site } = plan;
    const place = "machine" in plan ? { line: plan.line, machine: plan.machine } : {};
    const metrics = "metric" in plan ? [plan.metric] : "metrics" in plan ? [...plan.metrics] : [];
    this.#record({ type: "fault", fault, number, step, time, site, ...place, metrics });
  }

  #waveform(machine: Machine, { values, rotationHz }: MachineWaveform, time: number): PlantMessage {
    const payload = Buffer.from(values.buffer);
    const sha256 = createHash("sha256").update(payload).digest("hex");
    const samples = { sampleHz: this.#sampleHz, samples: values.length, rotationHz, sha256 };
    this.#record({ type: "waveform", ...placeOf(machine), time, ...samples });
    return { machine, number: null, topic: topicOf(machine, `waveform/${time}`), payload };
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
