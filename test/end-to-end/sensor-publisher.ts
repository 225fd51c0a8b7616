import { systemClock, type Logger } from "@millrace/runtime";
import { SeededRandom } from "@millrace/testkit";
import { ReceiverWatch } from "../../simulator/src/publish/receiver-watch.ts";
import { SensorConnection } from "../../simulator/src/publish/sensor-connection.ts";
import type { TruthReading } from "../../simulator/src/truth/truth-line.ts";
import { until } from "./until.ts";
import type { Works } from "./works.ts";

export interface SensorPublisherOptions {
  readonly works: Works;
  readonly brokerUrl: string;
  readonly site: string;
  readonly machines: readonly string[];
  readonly seed: number;
  /** Readings a second of each machine. Default 20. */
  readonly ratePerMachine?: number;
  /** Share of readings that arrive up to two seconds late, and that are sent twice. Default 0. */
  readonly lateShare?: number;
  readonly twiceShare?: number;
}

/** Least time between two readings of a machine, so that none is the duplicate of another. */
const JITTER_SHARE = 0.8;
const LATE_MS_MAX = 2_000;
const IN_FLIGHT_MAX = 2_000;

/**
 * Sensors of one site over real MQTT, QoS 1. Every reading stays until its PUBACK and goes out again, the same bytes,
 * after each reconnect. What was made is kept in memory: the truth.
 */
export class SensorPublisher {
  readonly truth: TruthReading[] = [];
  readonly #options: SensorPublisherOptions;
  readonly #random: SeededRandom;
  readonly #connection: SensorConnection;
  readonly #held: { readonly dueMs: number; readonly reading: TruthReading }[] = [];
  readonly #values = new Map<string, number>();
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #nextMs = 0;
  #waitingCount = 0;

  constructor(options: SensorPublisherOptions) {
    this.#options = options;
    this.#intervalMs = Math.round(1000 / (options.ratePerMachine ?? 20));
    this.#random = new SeededRandom(options.seed, `sensors of ${options.site} ${options.machines.join()}`);
    this.#connection = new SensorConnection({
      login: null,
      broker: options.brokerUrl,
      clientId: `sensors-${options.site}-${options.machines.join("-")}`,
      commandTopics: [],
      qos: 1,
      node: null,
      inFlightMax: IN_FLIGHT_MAX,
      clock: systemClock,
      random: this.#random,
      watch: new ReceiverWatch({ receiver: options.brokerUrl, clock: systemClock, log: silent }),
      onDelivered: () => this.#waitingCount--,
      onUnsure: () => {},
      onCommand: () => {},
    });
    this.#connection.open();
    options.works.atEnd(async () => {
      clearInterval(this.#timer);
      await this.#connection.close();
    });
  }

  /** Sends until `stop`, from the next interval on. */
  start(): void {
    this.#nextMs = (Math.floor(Date.now() / this.#intervalMs) + 1) * this.#intervalMs;
    this.#timer = setInterval(() => this.#tick(), this.#intervalMs);
  }

  /** Sends for so long, then waits until everything is acknowledged. */
  async run(forMs: number): Promise<void> {
    const from = this.truth.length;
    const wanted = Math.floor((forMs / this.#intervalMs) * this.#options.machines.length);
    this.start();
    await until("sensors have sent", () => this.truth.length - from >= wanted, forMs + 60_000);
    await this.stop();
  }

  /** No further readings; resolves when all are acknowledged. */
  async stop(limitMs?: number): Promise<void> {
    clearInterval(this.#timer);
    for (const { reading } of this.#held.splice(0)) this.#publish(reading);
    await until(
      `all readings of ${this.#options.site} are acknowledged`,
      () => this.#waitingCount === 0,
      limitMs,
    );
  }

  /** One reading of one's own making. */
  publish(reading: TruthReading): void {
    this.truth.push(reading);
    this.#publish(reading);
  }

  #tick(): void {
    const nowMs = Date.now();
    while (this.#held[0] !== undefined && this.#held[0].dueMs <= nowMs) {
      const { reading } = this.#held[0];
      this.#held.shift();
      this.#publish(reading);
    }
    for (; this.#nextMs <= nowMs; this.#nextMs += this.#intervalMs) {
      for (const machine of this.#options.machines) this.#make(machine, this.#nextMs, nowMs);
    }
  }

  #make(machine: string, intervalFromMs: number, nowMs: number): void {
    const { site, lateShare = 0, twiceShare = 0 } = this.#options;
    const before = this.#values.get(machine) ?? 50;
    const value = Math.round((before + (this.#random.next() - 0.5) * 4) * 1000) / 1000;
    this.#values.set(machine, value);
    const time = intervalFromMs - this.#random.integer(0, Math.floor(this.#intervalMs * JITTER_SHARE));
    const reading: TruthReading = {
      type: "reading",
      site,
      line: "1",
      machine,
      metric: "temperature",
      time,
      value,
    };
    this.truth.push(reading);
    if (this.#random.chance(lateShare)) {
      this.#held.push({ dueMs: nowMs + this.#random.integer(0, LATE_MS_MAX), reading });
      this.#held.sort((a, b) => a.dueMs - b.dueMs);
      return;
    }
    this.#publish(reading);
    if (this.#random.chance(twiceShare)) this.#publish(reading);
  }

  #publish({ site, line, machine, metric, time, value }: TruthReading): void {
    const topic = `factory/${site}/${line}/${machine}/${metric}`;
    this.#waitingCount++;
    this.#connection.send({
      numbers: [],
      topic,
      payload: JSON.stringify({ ts: time, value }),
      readings: null,
    });
  }
}

const nothing = (): void => {};
const silent: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  repeated: nothing,
  ended: nothing,
  child: () => silent,
  flush: nothing,
};
