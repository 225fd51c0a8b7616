import type { Clock, Logger, Random, Timer } from "@millrace/runtime";
import { PlanTime } from "./pace/plan-time.ts";
import type { Plan } from "./plan/plan.ts";
import type { SiteChange } from "./plant/plant.ts";
import { readingMessage, RecordedPlant, topicOf, type PlantMessage } from "./plant/recorded-plant.ts";
import { parseCommand } from "./publish/command.ts";
import { SensorConnection } from "./publish/sensor-connection.ts";
import type { TruthLog } from "./truth/truth-log.ts";
import type { TruthRecovery } from "./truth/truth-recovery.ts";

export interface SimulationOptions {
  readonly plan: Plan;
  readonly truth: TruthLog;
  readonly recovery: TruthRecovery | null;
  readonly startMs: number;
  /** Event time after which nothing is generated; null: until stopped. */
  readonly forMs: number | null;
  /** Times as fast as the clock; Infinity: as fast as the receivers take it; null: the plan's time is the clock's. */
  readonly speed?: number | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface SimulationProgress {
  readonly generated: number;
  readonly acked: number;
  readonly waiting: number;
  /** How far the plant is behind the event time that is due; 0 where it goes as fast as it can. */
  readonly lagMs: number;
  readonly connected: number;
  readonly connections: number;
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
  /** By machine's topic prefix; several machines may share one. */
  readonly #connections = new Map<string, SensorConnection>();
  #timer: Timer | null = null;
  #markTimer: Timer | null = null;
  #ackedCount: number;
  #pauseCount = 0;
  #isPaused = false;
  #isGenerating = true;
  #lastMark = 0;
  readonly #generationEnded = Promise.withResolvers<void>();

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { plan, truth, recovery, startMs, clock, random, log } = options;
    this.#time = new PlanTime({ clock, startMs, speed: options.speed ?? null });
    this.#plant = new RecordedPlant({ plan, startMs, recovery, record: (line) => truth.append(line) });
    this.#ackedCount = (recovery?.readingCount ?? 0) - (recovery?.unacked.length ?? 0);

    const commandTopics = new Map<string, string[]>();
    for (const machine of this.#plant.machines) {
      const key = this.#connectionKey(machine);
      commandTopics.set(key, [...(commandTopics.get(key) ?? []), topicOf(machine, "command")]);
    }
    for (const [key, topics] of commandTopics) {
      const site = key.split("/")[0];
      const broker = plan.sites.find((each) => each.site === site)?.broker;
      if (broker === undefined) throw new Error(`invariant: site ${site} is in the plan`);
      const connection = new SensorConnection({
        broker,
        clientId: `millrace-sim-${key.replaceAll("/", "-")}-${random.hex(4)}`,
        commandTopics: topics,
        inFlightMax: plan.publish.inFlightMax,
        clock,
        random,
        log,
        onAcked: (message) => {
          if (message.number !== null) this.#ackedCount++;
        },
        onCommand: (topic, payload) => this.#onCommand(topic, payload),
      });
      this.#connections.set(key, connection);
    }
  }

  get progress(): SimulationProgress {
    const connections = [...this.#connections.values()];
    return {
      generated: this.#plant.readingCount,
      acked: this.#ackedCount,
      waiting: this.#waitingCount(),
      lagMs: this.#lagMs(),
      connected: connections.filter((connection) => connection.isConnected).length,
      connections: connections.length,
      reconnects: connections.reduce((sum, connection) => sum + connection.reconnectCount, 0),
      pauses: this.#pauseCount,
    };
  }

  /** Resolves when nothing more will be generated; what was generated may still wait for acknowledgement. */
  get generationEnded(): Promise<void> {
    return this.#generationEnded.promise;
  }

  start(): void {
    for (const { number, reading } of this.#options.recovery?.unacked ?? []) {
      this.#connections.get(this.#connectionKey(reading))?.publish({ number, ...readingMessage(reading) });
    }
    this.#options.truth.flush();
    for (const connection of this.#connections.values()) connection.open();
    this.#tick();
    this.#markAcked();
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
    for (const connection of this.#connections.values()) while (connection.isHeld) connection.resume();
    const { clock, truth } = this.#options;
    const deadlineMs = clock.monotonicMs() + limitMs;
    while (this.#waitingCount() > 0 && clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => void clock.after(DRAIN_POLL_MS, resolve));
    }
    this.#markTimer?.cancel();
    this.#writeAckedMark();
    const left = [...this.#connections.values()]
      .flatMap((connection) => [...connection.waitingNumbers()])
      .sort((one, other) => one - other);
    for (const number of left) truth.append({ type: "unacked", number });
    truth.append({
      type: "end",
      at: clock.nowMs(),
      generated: this.#plant.readingCount,
      acked: this.#ackedCount,
      commands: this.#plant.commandCount,
    });
    truth.flush();
    await Promise.all([...this.#connections.values()].map((connection) => connection.close()));
    return left.length === 0;
  }

  #tick(): void {
    if (!this.#isGenerating) return;
    const { clock, truth, plan, startMs, forMs } = this.#options;
    const untilMs = Math.min(this.#time.nowMs(), forMs === null ? Infinity : startMs + forMs - 1);
    const messages: PlantMessage[] = [];
    const siteChanges: SiteChange[] = [];
    const waitingCount = this.#waitingCount();
    let stepCount = 0;
    while (
      this.#plant.nextTimeMs <= untilMs &&
      stepCount < STEPS_PER_TICK_MAX &&
      waitingCount + messages.length < plan.publish.waitingMax
    ) {
      const step = this.#plant.step();
      messages.push(...step.messages);
      siteChanges.push(...step.siteChanges);
      stepCount++;
    }
    // First the truth, then the wire: what a killed process had sent is always in the file.
    truth.flush();
    for (const change of siteChanges) this.#changeSite(change);
    for (const message of messages) this.#send(message);

    const isPaused = waitingCount + messages.length >= plan.publish.waitingMax;
    if (isPaused && !this.#isPaused) this.#pauseCount++;
    this.#isPaused = isPaused;
    if (forMs !== null && this.#plant.nextTimeMs >= startMs + forMs) return this.stopGenerating();
    const delayMs =
      stepCount === STEPS_PER_TICK_MAX ? 0 : Math.max(TICK_MS, this.#time.waitMs(this.#plant.nextTimeMs));
    this.#timer = clock.after(delayMs, () => this.#tick());
  }

  /** Without power, or without its gateway, a site's connections are gone; what is said meanwhile waits. */
  #changeSite({ fault, step }: SiteChange): void {
    for (const [key, connection] of this.#connections) {
      if (!key.startsWith(`${fault.site}/`)) continue;
      if (step === "onset") connection.hold();
      else if (step === "end") connection.resume();
    }
  }

  #onCommand(topic: string, payload: string): void {
    const nowMs = this.#options.clock.nowMs();
    const answer = this.#plant.command(topic, parseCommand(payload, nowMs), nowMs);
    this.#options.truth.flush();
    if (answer !== null) this.#send(answer);
  }

  #send({ machine, number, topic, payload }: PlantMessage): void {
    this.#connections.get(this.#connectionKey(machine))?.publish({ number, topic, payload });
  }

  #markAcked(): void {
    this.#writeAckedMark();
    this.#options.truth.flush();
    this.#markTimer = this.#options.clock.after(ACKED_MARK_MS, () => this.#markAcked());
  }

  #writeAckedMark(): void {
    let through = this.#plant.readingCount;
    for (const connection of this.#connections.values()) {
      const oldest = connection.waitingNumbers().next();
      if (!oldest.done) through = Math.min(through, oldest.value - 1);
    }
    if (through === this.#lastMark) return;
    this.#lastMark = through;
    this.#options.truth.append({ type: "acked", through, at: this.#options.clock.nowMs() });
  }

  #lagMs(): number {
    if (!this.#isGenerating || this.#options.speed === Infinity) return 0;
    return Math.max(0, this.#time.nowMs() - this.#plant.nextTimeMs);
  }

  #waitingCount(): number {
    let count = 0;
    for (const connection of this.#connections.values()) count += connection.waitingCount;
    return count;
  }

  #connectionKey(machine: {
    readonly site: string;
    readonly line: string;
    readonly machine: string;
  }): string {
    const line = `${machine.site}/${machine.line}`;
    return this.#options.plan.connectionPer === "line" ? line : `${line}/${machine.machine}`;
  }
}
