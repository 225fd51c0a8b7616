import { stampOf } from "../fault/device-clock.ts";
import { FaultCourse } from "../fault/fault-course.ts";
import type {
  ClockFaultPlan,
  FaultPlan,
  MachineFaultPlan,
  SensorFaultPlan,
  SiteFaultPlan,
  SwapFaultPlan,
} from "../plan/fault-plan.ts";
import { METRICS } from "../plan/metric.ts";
import type { Plan } from "../plan/plan.ts";
import { RandomStream, streamName } from "../signal/random-stream.ts";
import { Sensor } from "../signal/sensor.ts";
import { makeWaveform } from "../signal/waveform.ts";
import { DutyCycle, type MachineState } from "./duty-cycle.ts";
import type { MachineBlock, MachineChange, MachineWaveform } from "./machine-block.ts";
import { MachineBody } from "./machine-body.ts";
import { ShiftCalendar } from "./shift-calendar.ts";
import { Weather } from "./weather.ts";

export interface MachineOptions {
  readonly plan: Plan;
  readonly site: string;
  readonly line: string;
  readonly machine: string;
  /** Event time from which it runs. */
  readonly startMs: number;
  /** Where the plan's times count from; before `startMs` when a run goes on. */
  readonly plantStartMs: number;
}

/** Of all defects together at a full wear of 1 mm/s RMS: m/s² at the strikes' peaks. */
const STRIKE_PER_WEAR = 4;
const NOISE_ACCELERATION = 0.5;
/** A recording of a shaft that hardly turns says nothing. */
const WAVEFORM_HZ_MIN = 5;

/**
 * One machine and its sensors. Its readings are a function of (seed, site, line, machine), the plan, the start and the
 * commands obeyed, whatever the blocks that they are taken in, and whatever other machines there are.
 */
export class Machine {
  readonly site: string;
  readonly line: string;
  readonly machine: string;
  readonly #plan: Plan;
  readonly #name: string;
  readonly #tickMs: number;
  readonly #phaseMs: number;
  readonly #firstTickMs: number;
  readonly #calendar: ShiftCalendar;
  readonly #duty: DutyCycle;
  readonly #body: MachineBody;
  readonly #sensors: readonly Sensor[];
  readonly #faults: FaultCourse[];
  #active: ActiveFaults = NO_FAULTS;
  #nextFaultMs: number;
  #counterResetMs: number;
  #tick = 0;
  #columnsOf: readonly Float64Array[] | null = null;
  #columnsByMetric: readonly (Float64Array | null)[] = [];

  constructor(options: MachineOptions) {
    const { plan, site, line, machine, startMs, plantStartMs } = options;
    this.site = site;
    this.line = line;
    this.machine = machine;
    this.#plan = plan;
    this.#name = streamName(plan.seed, site, line, machine);
    this.#tickMs = 1_000 / plan.readingsPerSecond;
    this.#phaseMs = new RandomStream(`${this.#name}/phase`).uniform() * this.#tickMs;
    this.#firstTickMs = startMs + this.#phaseMs;
    const { duty, weather, heat } = plan;
    this.#calendar = new ShiftCalendar(duty);
    this.#duty = new DutyCycle({
      duty,
      calendar: this.#calendar,
      random: new RandomStream(`${this.#name}/duty`),
      startMs,
      plantStartMs,
    });
    this.#body = new MachineBody({
      name: this.#name,
      heat,
      weather: new Weather({ plan: weather, seed: plan.seed, site, utcOffsetMinutes: duty.utcOffsetMinutes }),
      tickMs: this.#tickMs,
      startMs,
      state: this.#duty.state,
    });
    this.#sensors = plan.signals.map(
      (signal) =>
        new Sensor({ plan: signal, name: `${this.#name}/${signal.metric}`, tickMs: this.#tickMs, startMs }),
    );
    this.#faults = plan.faults
      .filter((fault) => concerns(fault, this))
      .map((fault) => new FaultCourse(fault, plantStartMs))
      .filter((course) => course.endMs > startMs)
      // A run that goes on does not know whether a command has ended what ends by one.
      .filter((course) => course.fault.fault !== "overheating" || course.onsetMs >= startMs);
    this.#nextFaultMs = Math.min(Infinity, ...this.#faults.map((course) => course.nextMs));
    this.#counterResetMs = this.#calendar.nextCounterResetMs(startMs);
  }

  /** Of its first tick, within a period. */
  get phaseMs(): number {
    return this.#phaseMs;
  }

  get state(): MachineState {
    return this.#duty.state;
  }

  /** Event time of the next tick, whole ms. */
  get nextTimeMs(): number {
    return this.#timeOf(this.#tick);
  }

  /** Obeyed from the next tick on; a running away ends with it. */
  stop(): { readonly isObeyed: boolean; readonly changes: readonly MachineChange[] } {
    const timeMs = this.#timeOf(Math.max(0, this.#tick - 1));
    const changes: MachineChange[] = [];
    for (const course of this.#faults) {
      if (course.fault.fault === "overheating" && course.end())
        changes.push({ tick: 0, type: "fault", fault: course.fault, step: "end", time: timeMs });
    }
    if (changes.length > 0) this.#sortFaults();
    return { isObeyed: this.#duty.stop(timeMs), changes };
  }

  /** Takes it from its time on, if it concerns this machine. */
  addFault(fault: FaultPlan, plantStartMs: number): void {
    if (!concerns(fault, this)) return;
    this.#faults.push(new FaultCourse(fault, plantStartMs));
    this.#sortFaults();
  }

  /** Before its time; obeyed from the next tick on. */
  endFault(number: number): readonly MachineChange[] {
    const course = this.#faults.find(({ fault }) => fault.number === number);
    if (course?.end() !== true) return [];
    this.#applyFaults();
    const time = this.#timeOf(Math.max(0, this.#tick - 1));
    return [{ tick: 0, type: "fault", fault: course.fault, step: "end", time }];
  }

  start(): "obeyed" | "repeated" | "refused" {
    return this.#duty.start(this.#timeOf(Math.max(0, this.#tick - 1)));
  }

  /** The next `count` ticks. */
  generate(block: MachineBlock, count: number): void {
    if (count > block.capacity)
      throw new Error(`invariant: a block of ${block.capacity} holds no ${count} ticks`);
    block.count = count;
    block.changes = [];
    for (let at = 0; at < count; at += 1) block.timeMs[at] = this.#timeOf(this.#tick + at);
    for (let from = 0; from < count;) {
      const timeMs = block.timeMs[from];
      if (timeMs >= this.#nextFaultMs) this.#stepFaults(block, from);
      if (timeMs >= this.#counterResetMs) {
        this.#body.resetCounters();
        this.#counterResetMs = this.#calendar.nextCounterResetMs(timeMs);
      }
      if (timeMs >= this.#duty.untilMs && this.#duty.advance(timeMs, this.#body.celsius))
        block.changes.push({ tick: from, type: "state", state: this.#duty.state });
      const endMs = Math.min(this.#nextFaultMs, this.#counterResetMs, this.#duty.untilMs);
      let to = from + 1;
      while (to < count && block.timeMs[to] < endMs) to += 1;
      to = this.#waveformBetween(block, from, to);
      this.#run(block, from, to);
      this.#tick += to - from;
      from = to;
    }
  }

  /** Nothing that matters changes from `from` until before `to`. */
  #run(block: MachineBlock, from: number, to: number): void {
    const { machine, sensors, clock, swaps, isSilent } = this.#active;
    const { timeMs, stampMs, values } = block;
    const columns = this.#columns(block);
    this.#body.run({ state: this.#duty.state, timeMs, from, to, faults: machine, columns });
    for (let index = 0; index < this.#sensors.length; index += 1) {
      const sensor = this.#sensors[index];
      const faults =
        sensors.length === 0 ? NONE : sensors.filter(({ fault }) => fault.metric === sensor.plan.metric);
      sensor.read(values[index], { timeMs, from, to, firstTick: this.#tick, faults });
    }
    for (const { fault } of swaps) this.#swap(values, fault, from, to);
    if (isSilent) for (const column of values) column.fill(NaN, from, to);
    if (clock.length === 0) stampMs.set(timeMs.subarray(from, to), from);
    else for (let at = from; at < to; at += 1) stampMs[at] = stampOf(timeMs[at], clock);
  }

  /** The block's columns as the body wants them. */
  #columns({ values }: MachineBlock): readonly (Float64Array | null)[] {
    if (this.#columnsOf !== values) {
      this.#columnsOf = values;
      this.#columnsByMetric = METRICS.map(
        (metric) => values[this.#plan.signals.findIndex((signal) => signal.metric === metric)] ?? null,
      );
    }
    return this.#columnsByMetric;
  }

  /** Each where the other should be, at the ticks at which both are read. */
  #swap(values: readonly Float64Array[], { metrics }: SwapFaultPlan, from: number, to: number): void {
    const [one, other] = metrics.map(
      (metric) => values[this.#plan.signals.findIndex((signal) => signal.metric === metric)],
    );
    for (let at = from; at < to; at += 1) {
      if (Number.isNaN(one[at]) || Number.isNaN(other[at])) continue;
      [one[at], other[at]] = [other[at], one[at]];
    }
  }

  #stepFaults(block: MachineBlock, at: number): void {
    const timeMs = block.timeMs[at];
    for (const course of this.#faults) {
      for (const step of course.steps(timeMs))
        block.changes.push({ tick: at, type: "fault", fault: course.fault, step, time: timeMs });
    }
    this.#applyFaults();
  }

  #applyFaults(): void {
    const wasSilent = this.#active.isSilent;
    this.#sortFaults();
    if (this.#active.isSilent === wasSilent) return;
    this.#duty.setPower(wasSilent);
    this.#body.resetCounters();
  }

  #sortFaults(): void {
    this.#active = sortActive(this.#faults);
    this.#nextFaultMs = Math.min(Infinity, ...this.#faults.map((course) => course.nextMs));
  }

  /** Records a waveform that is due at `from`; else ends the run before the next one. */
  #waveformBetween(block: MachineBlock, from: number, to: number): number {
    const { waveform } = this.#plan;
    if (waveform === null) return to;
    const untilDue = (waveform.everyTicks - (this.#tick % waveform.everyTicks)) % waveform.everyTicks;
    if (untilDue > 0) return Math.min(to, from + untilDue);
    if (this.#body.rotationHz >= WAVEFORM_HZ_MIN && !this.#active.isSilent)
      block.changes.push({ tick: from, type: "waveform", waveform: this.#waveform(block.timeMs[from]) });
    return Math.min(to, from + waveform.everyTicks);
  }

  #waveform(timeMs: number): MachineWaveform {
    const { waveform } = this.#plan;
    if (waveform === null) throw new Error("invariant: the plan has waveforms");
    const { samples, sampleHz, bearing } = waveform;
    const defects = this.#active.machine.flatMap((course) => {
      const { fault } = course;
      if (fault.fault !== "bearing-wear") return [];
      const intensity = course.intensity(timeMs);
      return [{ defect: fault.defect, peak: STRIKE_PER_WEAR * fault.vibration * intensity * intensity }];
    });
    const { rotationHz, vibration } = this.#body;
    const values = makeWaveform({
      samples,
      sampleHz,
      bearing,
      rotationHz,
      shaftVelocity: vibration,
      noise: NOISE_ACCELERATION,
      defects,
      random: new RandomStream(`${this.#name}/waveform/${this.#tick}`),
    });
    return { time: timeMs, rotationHz, values };
  }

  #timeOf(tick: number): number {
    return Math.floor(this.#firstTickMs + tick * this.#tickMs);
  }
}

interface ActiveFaults {
  readonly machine: readonly FaultCourse<MachineFaultPlan>[];
  readonly sensors: readonly FaultCourse<SensorFaultPlan>[];
  readonly swaps: readonly FaultCourse<SwapFaultPlan>[];
  readonly clock: readonly FaultCourse<ClockFaultPlan>[];
  /** Without power nothing is measured. */
  readonly isSilent: boolean;
}

const NONE: readonly never[] = [];
const NO_FAULTS: ActiveFaults = { machine: NONE, sensors: NONE, swaps: NONE, clock: NONE, isSilent: false };

function sortActive(faults: readonly FaultCourse[]): ActiveFaults {
  const active = faults.filter((course) => course.isActive);
  const ofKind = <Fault extends FaultPlan>(...kinds: readonly Fault["fault"][]): FaultCourse<Fault>[] =>
    active.filter((course): course is FaultCourse<Fault> =>
      kinds.some((kind) => kind === course.fault.fault),
    );
  return {
    machine: ofKind<MachineFaultPlan>("overheating", "bearing-wear", "leak"),
    sensors: ofKind<SensorFaultPlan>("stuck", "drift", "noise", "spikes", "dropout"),
    swaps: ofKind<SwapFaultPlan>("swapped"),
    clock: ofKind<ClockFaultPlan>("clock"),
    isSilent: ofKind<SiteFaultPlan>("power-cut").length > 0,
  };
}

function concerns(fault: FaultPlan, machine: Machine): boolean {
  if (fault.site !== machine.site) return false;
  if (!("machine" in fault)) return fault.fault === "power-cut";
  return fault.line === machine.line && fault.machine === machine.machine;
}
