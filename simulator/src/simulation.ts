import type { Clock, Logger, Random, Timer } from "@millrace/runtime";
import { PlanTime } from "./pace/plan-time.ts";
import type { PlantMessage } from "./delivery/dispatch.ts";
import type { LinkChange } from "./link/link-course.ts";
import type { SiteLine } from "./link/site-line.ts";
import type { LiveOrder } from "./live/live-order.ts";
import type { FaultPlan } from "./plan/fault-plan.ts";
import type { Plan } from "./plan/plan.ts";
import type { SiteChange } from "./plant/plant.ts";
import { RecordedPlant, type RecordedStep } from "./plant/recorded-plant.ts";
import { parseCommand } from "./publish/command.ts";
import type { RunProgress } from "./progress/run-progress.ts";
import { outputKey } from "./publish/output-key.ts";
import { openOutputs, type KafkaOfBrokers } from "./publish/open-outputs.ts";
import type { OutgoingMessage } from "./publish/outgoing-message.ts";
import type { Output } from "./publish/output.ts";
import type { TruthLine } from "./truth/truth-line.ts";
import type { TruthLog } from "./truth/truth-log.ts";
import type { TruthRecovery } from "./truth/truth-recovery.ts";

export interface SimulationOptions {
  readonly plan: Plan;
  readonly truth: TruthLog;
  readonly recovery: TruthRecovery | null;
  readonly startMs: number;
  /** As of `RecordedPlant`. */
  readonly recordsStartMs?: number | null;
  /** Event time after which nothing is generated; null: until stopped. */
  readonly forMs: number | null;
  /** Times as fast as the clock; Infinity: as fast as the receivers take it; null: the plan's time is the clock's. */
  readonly speed?: number | null;
  /** Absent: none of the plan's sites goes to Kafka. */
  readonly kafka?: KafkaOfBrokers | null;
  /** A site's line to central changes. */
  readonly onLink?: (change: LinkChange) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface SimulationProgress extends RunProgress {
  readonly acked: number;
  readonly connected: { readonly count: number; readonly of: number };
  readonly reconnects: number;
  /** Times that the plant waited because too much was unacknowledged. */
  readonly pauses: number;
}

const TICK_MS = 5;
/** Steps in one go, so that acknowledgements and commands are heard in between. */
const STEPS_PER_TICK_MAX = 1_000;
const ACKED_MARK_MS = 1_000;
const DRAIN_POLL_MS = 10;

/** Runs a plan at its pace: what is due is generated, written down, then published until it is acknowledged. */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #plant: RecordedPlant;
  readonly #time: PlanTime;
  /** By `outputKey`; several machines may share one. */
  readonly #outputs: ReadonlyMap<string, Output>;
  #timer: Timer | null = null;
  #markTimer: Timer | null = null;
  readonly #outputsByMachine = new Map<string, Map<string, Map<string, Output>>>();
  #ackedCount: number;
  /** Messages handed over and not delivered, and their readings: states and copies have none. */
  #waitingCount = 0;
  #waitingReadings = 0;
  #lostCount = 0;
  #pauseCount = 0;
  #isPaused = false;
  #isGenerating = true;
  #lastMark = 0;
  readonly #generationEnded = Promise.withResolvers<void>();

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { plan, recovery, startMs, recordsStartMs = null, clock, random, log } = options;
    this.#time = new PlanTime({ clock, startMs, speed: options.speed ?? null });
    const record = (line: TruthLine): void => this.#record(line);
    this.#plant = new RecordedPlant({ plan, startMs, recordsStartMs, recovery, record });
    this.#ackedCount = (recovery?.readingCount ?? 0) - (recovery?.unacked.length ?? 0);
    this.#outputs = openOutputs({
      plan,
      machines: this.#plant.machines,
      kafka: options.kafka ?? null,
      clock,
      random,
      log,
      onDelivered: (message) => this.#onDelivered(message),
      onUnsure: (readings) => options.truth.append({ type: "unsure", readings }),
      onCommand: (topic, payload) => this.#onCommand(topic, payload),
    });
  }

  get progress(): SimulationProgress {
    const connections = [...this.#outputs.values()];
    return {
      makes: "readings",
      generated: this.#plant.readingCount,
      acked: this.#ackedCount,
      lost: this.#lostCount,
      waiting: this.#waitingReadings,
      onTheWay: this.#plant.onTheWayCount,
      remainingMs: this.#remainingMs(),
      lagMs: this.#lagMs(),
      connected: {
        count: connections.filter((connection) => connection.isConnected).length,
        of: connections.length,
      },
      reconnects: connections.reduce((sum, connection) => sum + connection.reconnectCount, 0),
      pauses: this.#pauseCount,
    };
  }

  /** Resolves when nothing more will be generated; what was generated may still wait for acknowledgement. */
  get generationEnded(): Promise<void> {
    return this.#generationEnded.promise;
  }

  start(): void {
    for (const entry of this.#options.recovery?.unacked ?? []) this.#send(this.#plant.again(entry));
    this.#options.truth.flush();
    for (const output of this.#outputs.values()) output.open();
    this.#tick();
    this.#markAcked();
  }

  get activeFaults(): ReadonlyMap<number, FaultPlan> {
    return this.#plant.activeFaults;
  }

  get lines(): readonly SiteLine[] {
    return this.#plant.lines;
  }

  /** A person's order, obeyed at once; or in words why it cannot be. */
  live(order: LiveOrder): string | null {
    if (!this.#isGenerating) return "the machines have stopped";
    const step = this.#plant.live(order, this.#options.clock.nowMs());
    if (typeof step === "string") return step;
    this.#options.truth.flush();
    this.#leave(step);
    return null;
  }

  stopGenerating(): void {
    if (!this.#isGenerating) return;
    this.#isGenerating = false;
    this.#timer?.cancel();
    this.#generationEnded.resolve();
  }

  /** Waits until everything is acknowledged, `limitMs` at most; then writes the end. True when nothing was left. */
  async drain(limitMs: number): Promise<boolean> {
    this.stopGenerating();
    const { clock, truth } = this.#options;
    const messages = this.#plant.rest();
    truth.flush();
    this.#leave({ messages, siteChanges: [], linkChanges: this.#plant.linksUp() });
    for (const output of this.#outputs.values()) while (output.isHeld) output.resume();
    const deadlineMs = clock.monotonicMs() + limitMs;
    while (this.#waitingCount > 0 && clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => void clock.after(DRAIN_POLL_MS, resolve));
    }
    this.#markTimer?.cancel();
    this.#writeAckedMark();
    const left = [...this.#outputs.values()]
      .flatMap((output) => [...output.waitingNumbers()])
      .sort((one, other) => one - other);
    for (const number of left) truth.append({ type: "unacked", number });
    const isAll = this.#waitingCount === 0;
    await Promise.all([...this.#outputs.values()].map((output) => output.close()));
    truth.append({
      type: "end",
      at: clock.nowMs(),
      generated: this.#plant.readingCount,
      acked: this.#ackedCount,
      ...(this.#lostCount === 0 ? {} : { lost: this.#lostCount }),
      commands: this.#plant.commandCount,
      ...(this.progress.reconnects === 0 ? {} : { reconnects: this.progress.reconnects }),
    });
    truth.flush();
    return isAll;
  }

  #tick(): void {
    if (!this.#isGenerating) return;
    const { clock, truth, plan, startMs, forMs } = this.#options;
    const untilMs = Math.min(this.#time.nowMs(), forMs === null ? Infinity : startMs + forMs - 1);
    const messages: PlantMessage[] = [];
    const siteChanges: SiteChange[] = [];
    const linkChanges: LinkChange[] = [];
    const waitingCount = this.#waitingCount;
    let stepCount = 0;
    while (
      this.#plant.nextTimeMs <= untilMs &&
      stepCount < STEPS_PER_TICK_MAX &&
      waitingCount + messages.length < plan.publish.waitingMax
    ) {
      const step = this.#plant.step();
      for (const message of step.messages) messages.push(message);
      for (const change of step.siteChanges) siteChanges.push(change);
      for (const change of step.linkChanges) linkChanges.push(change);
      stepCount++;
    }
    // First the truth, then the wire: what a killed process had sent is always in the file.
    truth.flush();
    this.#leave({ messages, siteChanges, linkChanges });

    const isPaused = waitingCount + messages.length >= plan.publish.waitingMax;
    if (isPaused && !this.#isPaused) this.#pauseCount++;
    this.#isPaused = isPaused;
    if (forMs !== null && this.#plant.nextTickMs >= startMs + forMs && this.#plant.nextTimeMs > untilMs)
      return this.stopGenerating();
    const delayMs =
      stepCount === STEPS_PER_TICK_MAX ? 0 : Math.max(TICK_MS, this.#time.waitMs(this.#plant.nextTimeMs));
    this.#timer = clock.after(delayMs, () => this.#tick());
  }

  #leave({ messages, siteChanges, linkChanges }: RecordedStep): void {
    for (const change of siteChanges) this.#changeSite(change);
    for (const change of linkChanges) this.#options.onLink?.(change);
    for (const message of messages) this.#send(message);
  }

  /** Without power, or without its gateway, a site's connections are gone; what is said meanwhile waits. */
  #changeSite({ fault, step }: SiteChange): void {
    for (const [key, output] of this.#outputs) {
      if (key.split("/")[0] !== fault.site) continue;
      if (step === "onset") output.hold();
      else if (step === "end") output.resume();
    }
  }

  #onCommand(topic: string, payload: string): void {
    const nowMs = this.#options.clock.nowMs();
    const answer = this.#plant.command(topic, parseCommand(payload, nowMs), nowMs);
    this.#options.truth.flush();
    if (answer !== null) this.#send(answer);
  }

  #send(message: PlantMessage): void {
    const { truth, clock } = this.#options;
    const output = this.#outputOf(message.machine);
    if (message.isLate && message.numbers.length > 0)
      truth.append({ type: "sent", readings: [...message.numbers], at: clock.nowMs() });
    this.#waitingCount++;
    this.#waitingReadings += message.numbers.length;
    output.send(message);
  }

  /** Looked up by names alone: a key made for each message would cost more than the rest of its way. */
  #outputOf({ site, line, machine }: PlantMessage["machine"]): Output {
    let ofSite = this.#outputsByMachine.get(site);
    if (ofSite === undefined) this.#outputsByMachine.set(site, (ofSite = new Map()));
    let ofLine = ofSite.get(line);
    if (ofLine === undefined) ofSite.set(line, (ofLine = new Map()));
    let output = ofLine.get(machine);
    if (output !== undefined) return output;
    output = this.#outputs.get(outputKey(this.#options.plan, { site, line, machine }));
    if (output === undefined) throw new Error(`invariant: site ${site} is in the plan`);
    ofLine.set(machine, output);
    return output;
  }

  #onDelivered({ numbers }: OutgoingMessage): void {
    this.#waitingCount--;
    this.#waitingReadings -= numbers.length;
    this.#ackedCount += numbers.length;
  }

  #record(line: TruthLine): void {
    if (line.type === "delivery" && line.isLost === true) this.#lostCount += line.readings.length;
    this.#options.truth.append(line);
  }

  #markAcked(): void {
    this.#writeAckedMark();
    this.#options.truth.flush();
    this.#markTimer = this.#options.clock.after(ACKED_MARK_MS, () => this.#markAcked());
  }

  #writeAckedMark(): void {
    let left = this.#plant.readingCount;
    for (const output of this.#outputs.values())
      for (const number of output.waitingNumbers()) left = Math.min(left, number - 1);
    let through = left;
    for (const number of this.#plant.waitingNumbers()) through = Math.min(through, number - 1);
    if (through === this.#lastMark && left === through) return;
    this.#lastMark = through;
    const at = this.#options.clock.nowMs();
    this.#options.truth.append({ type: "acked", through, ...(left === through ? {} : { left }), at });
  }

  #remainingMs(): number | null {
    const { startMs, forMs } = this.#options;
    if (forMs === null) return null;
    return this.#isGenerating ? Math.max(0, startMs + forMs - this.#plant.nextTickMs) : 0;
  }

  #lagMs(): number {
    if (!this.#isGenerating || this.#options.speed === Infinity) return 0;
    return Math.max(0, this.#time.nowMs() - this.#plant.nextTimeMs);
  }
}
