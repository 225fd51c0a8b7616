import { createHash } from "node:crypto";
import { Dispatch, type PlantMessage } from "../delivery/dispatch.ts";
import { encodeReadings } from "../format/encode-readings.ts";
import type { NumberedReading } from "../format/message-maker.ts";
import { orNearest } from "@millrace/runtime";
import { type LinkChange, LinkCourse } from "../link/link-course.ts";
import type { LinkState } from "../link/link-plan.ts";
import type { SiteLine } from "../link/site-line.ts";
import type { LiveOrder } from "../live/live-order.ts";
import { toLiveFault } from "../live/to-live-fault.ts";
import type { FaultPlan, SiteFaultPlan } from "../plan/fault-plan.ts";
import type { Plan } from "../plan/plan.ts";
import type { FaultStep } from "../fault/fault-course.ts";
import type { CommandWord } from "../publish/command.ts";
import { AlarmTruth } from "../truth/alarm-truth.ts";
import { runLine } from "../truth/run-line.ts";
import type { TruthLine, TruthReading } from "../truth/truth-line.ts";
import type { TruthRecovery } from "../truth/truth-recovery.ts";
import type { Machine } from "./machine.ts";
import type { MachineChange, MachineWaveform } from "./machine-block.ts";
import { Plant, type SiteChange } from "./plant.ts";
import { topicOf } from "./topic-of.ts";

export interface RecordedStep {
  readonly messages: readonly PlantMessage[];
  readonly siteChanges: readonly SiteChange[];
  readonly linkChanges: readonly LinkChange[];
}

export interface RecordedPlantOptions {
  readonly plan: Plan;
  readonly startMs: number;
  /** Of records that go on beside this plant, from an earlier process; null: there are none. */
  readonly recordsStartMs?: number | null;
  readonly recovery: TruthRecovery | null;
  readonly record: (line: TruthLine) => void;
}

/** A plant whose every step is written down before it leaves. */
export class RecordedPlant {
  readonly #plant: Plant;
  readonly #record: (line: TruthLine) => void;
  readonly #alarms: AlarmTruth;
  readonly #dispatch: Dispatch;
  /** What is made arrives at once, and is judged by the rules as it is made. */
  readonly #isPrompt: boolean;
  readonly #machines: ReadonlyMap<string, Machine>;
  readonly #plan: Plan;
  readonly #sampleHz: number;
  readonly #links: readonly LinkCourse[];
  /** Sites whose line a person has in hand. */
  readonly #heldLinks = new Map<string, LinkState>();
  #nextLinkMs: number;
  readonly #activeFaults = new Map<number, FaultPlan>();
  /** Of the plan, and ordered since. */
  #faultCount: number;
  /** Sites without power. */
  readonly #dark = new Set<string>();
  #readingCount: number;
  #commandCount = 0;

  constructor({ plan, startMs, recordsStartMs = null, recovery, record }: RecordedPlantOptions) {
    const plantStartMs = recovery?.plantStartMs ?? startMs;
    this.#plant = new Plant(plan, startMs, plantStartMs);
    this.#record = record;
    this.#plan = plan;
    this.#faultCount = plan.faults.length;
    const { links } = plan;
    this.#links =
      links === null ? [] : plan.sites.map(({ site }) => new LinkCourse(links, plan.seed, site, startMs));
    this.#nextLinkMs = Math.min(Infinity, ...this.#links.map(({ nextMs }) => nextMs));
    this.#sampleHz = plan.waveform?.sampleHz ?? 0;
    this.#alarms = new AlarmTruth(plan.rules);
    for (const step of recovery?.alarms ?? []) this.#alarms.restore(step);
    this.#isPrompt = plan.delivery === null;
    const onArrival = (reading: TruthReading): void => this.#judge(reading);
    this.#dispatch = new Dispatch({ plan, startMs, record, onArrival });
    this.#machines = new Map(this.#plant.machines.map((machine) => [topicOf(machine, "command"), machine]));
    this.#readingCount = recovery?.readingCount ?? 0;
    record(runLine(plan, { startMs, plantStartMs, recordsStartMs }));
  }

  get machines(): readonly Machine[] {
    return this.#plant.machines;
  }

  /** Of the next step: a machine's tick, or the arrival of what is late. */
  get nextTimeMs(): number {
    return Math.min(this.#plant.nextTimeMs, this.#dispatch.nextDueMs);
  }

  /** Of the next machine's tick. */
  get nextTickMs(): number {
    return this.#plant.nextTimeMs;
  }

  /** Numbers of the readings that are made and have not left. */
  waitingNumbers(): Iterable<number> {
    return this.#dispatch.waitingNumbers();
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

  /** What leaves next, written down: with a machine's tick, or because its time has come. */
  step(): RecordedStep {
    const dueMs = this.#dispatch.nextDueMs;
    if (dueMs < this.#plant.nextTimeMs) return { ...NO_CHANGES, messages: this.#dispatch.take(dueMs) };
    const linkChanges = this.#linkChanges(this.#plant.nextTimeMs);
    const { machine, time, stamp, readings, changes, siteChanges } = this.#plant.step();
    for (const change of siteChanges) this.#changeSite(change.fault, change.step, change.time);
    const messages: PlantMessage[] = [];
    for (const change of changes) {
      const message = this.#change(machine, change, stamp);
      if (message !== null && !this.#dark.has(machine.site)) messages.push(message);
    }
    const entries: NumberedReading[] = [];
    for (const reading of readings) {
      this.#record(this.#dispatch.isTimeless(reading) ? { ...reading, isTimeless: true } : reading);
      if (this.#isPrompt) this.#judge(reading);
      entries.push({ number: ++this.#readingCount, reading });
    }
    for (const message of this.#dispatch.add(entries, time)) messages.push(message);
    return { messages, siteChanges, linkChanges };
  }

  /** Messages that are made and held back. */
  get onTheWayCount(): number {
    return this.#dispatch.onTheWayCount;
  }

  /** At the end, for what waits behind the lines: they stay up. */
  linksUp(): readonly LinkChange[] {
    return this.#links.map(({ site }) => ({ site, state: "up", time: this.#plant.nextTimeMs }));
  }

  /** Each site's line to central as it is now; none: the plan has no links. */
  get lines(): readonly SiteLine[] {
    return this.#links.map(({ site, state }) => {
      const ordered = this.#heldLinks.get(site);
      return { site, state: ordered ?? state, isOrdered: ordered !== undefined };
    });
  }

  /** Faults that are there now, by their number. */
  get activeFaults(): ReadonlyMap<number, FaultPlan> {
    return this.#activeFaults;
  }

  /** A person's order, written down and obeyed from the next tick on; or in words why it cannot be. */
  live(order: LiveOrder, nowMs: number): RecordedStep | string {
    const problem = this.#problemOf(order);
    if (problem !== null) return problem;
    const write = (): void => this.#record({ type: "live", time: nowMs, step: this.#plant.stepCount, order });
    switch (order.do) {
      case "fault": {
        const times = { number: this.#faultCount + 1, sinceStartMs: this.#plant.sinceStartMs };
        const fault = toLiveFault(this.#plan, order.fault, times);
        if (typeof fault === "string") return fault;
        write();
        this.#faultCount++;
        this.#plant.addFault(fault);
        return { ...NO_CHANGES, messages: [] };
      }
      case "end": {
        write();
        const { changes, siteChanges } = this.#plant.endFault(order.number);
        for (const { fault, step, time } of siteChanges) this.#changeSite(fault, step, time);
        for (const change of changes)
          if (change.type === "fault" && change.fault.fault !== "power-cut")
            this.#recordFault(change.fault, change.step, change.time);
        return { ...NO_CHANGES, messages: [], siteChanges };
      }
      case "link": {
        write();
        const course = this.#links.find(({ site }) => site === order.site);
        if (order.state === "plan") this.#heldLinks.delete(order.site);
        else this.#heldLinks.set(order.site, order.state);
        const state = order.state === "plan" ? (course?.state ?? "up") : order.state;
        const change = { site: order.site, state, time: this.#plant.nextTimeMs };
        this.#record({ type: "link", ...change });
        return { ...NO_CHANGES, messages: [], linkChanges: [change] };
      }
      case "junk":
        write();
        return { ...NO_CHANGES, messages: this.#junk(order.site, order.count) };
    }
  }

  /** A reading that may not have arrived, once more, by itself. */
  again(entry: NumberedReading): PlantMessage {
    return this.#dispatch.again(entry);
  }

  /** Nothing more is made: what was on its way leaves now. */
  rest(): readonly PlantMessage[] {
    if (!this.#dispatch.hasWaiting) return [];
    this.#record({ type: "rest", step: this.#plant.stepCount });
    return this.#dispatch.rest(this.#plant.nextTimeMs);
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

  #problemOf(order: LiveOrder): string | null {
    if (order.do === "fault") return null;
    if (order.do === "end")
      return this.#activeFaults.has(order.number)
        ? null
        : `no fault ${order.number} is there; there are ${[...this.#activeFaults.keys()].join(", ") || "none"}`;
    const names = this.#plan.sites.map(({ site }) => site);
    if (!names.includes(order.site)) return `no site ${order.site}; ${orNearest(order.site, names)}`;
    if (order.do === "link" && this.#plan.links === null)
      return "the plan has no links; a gateway-reboot cuts a site's sensors off from its agent";
    if (order.do === "junk" && this.#dispatch.damagesOf(order.site).length === 0)
      return `site ${order.site} speaks a format of which nothing is spoilt`;
    return null;
  }

  #junk(site: string, count: number): PlantMessage[] {
    const machine = this.#plant.machines.find((each) => each.site === site);
    if (machine === undefined) throw new Error(`invariant: site ${site} has machines`);
    return this.#dispatch.junk(placeOf(machine), count, this.#plant.nextTimeMs);
  }

  #linkChanges(timeMs: number): readonly LinkChange[] {
    if (timeMs < this.#nextLinkMs) return NO_CHANGES.linkChanges;
    const changes = this.#links
      .flatMap((course) => [...course.changes(timeMs)])
      .filter(({ site }) => !this.#heldLinks.has(site));
    this.#nextLinkMs = Math.min(...this.#links.map(({ nextMs }) => nextMs));
    for (const change of changes) this.#record({ type: "link", ...change });
    return changes;
  }

  #changeSite(fault: SiteFaultPlan, step: FaultStep, time: number): void {
    this.#recordFault(fault, step, time);
    if (fault.fault === "power-cut" && step === "onset") this.#dark.add(fault.site);
    else if (fault.fault === "power-cut" && step === "end") this.#dark.delete(fault.site);
  }

  #judge(reading: TruthReading): void {
    for (const alarm of this.#alarms.onReading(reading)) this.#record(alarm);
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
    if (step === "onset") this.#activeFaults.set(number, plan);
    else if (step === "end") this.#activeFaults.delete(number);
    const place = "machine" in plan ? { line: plan.line, machine: plan.machine } : {};
    const metrics = "metric" in plan ? [plan.metric] : "metrics" in plan ? [...plan.metrics] : [];
    this.#record({ type: "fault", fault, number, step, time, site, ...place, metrics });
  }

  #waveform(machine: Machine, { values, rotationHz }: MachineWaveform, time: number): PlantMessage {
    const payload = Buffer.from(values.buffer);
    const sha256 = createHash("sha256").update(payload).digest("hex");
    const samples = { sampleHz: this.#sampleHz, samples: values.length, rotationHz, sha256 };
    this.#record({ type: "waveform", ...placeOf(machine), time, ...samples });
    return { ...NO_READING, machine, topic: topicOf(machine, `waveform/${time}`), payload };
  }

  #changeState(machine: Machine, time: number): PlantMessage {
    this.#record({ type: "state", ...placeOf(machine), state: machine.state, time });
    return { ...NO_READING, machine, topic: topicOf(machine, "state"), payload: machine.state };
  }
}

const NO_CHANGES = { siteChanges: [], linkChanges: [] } as const;
const NO_READING = { numbers: [], readings: null, isLate: false } as const;

/** A reading by itself, as JSON. */
export function readingMessage(reading: TruthReading): { readonly topic: string; readonly payload: string } {
  return {
    topic: topicOf(reading, reading.metric),
    payload: encodeReadings("json", [reading], { hasPlace: false }),
  };
}

function placeOf(machine: Machine): { site: string; line: string; machine: string } {
  return { site: machine.site, line: machine.line, machine: machine.machine };
}
