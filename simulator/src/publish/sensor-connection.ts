import mqtt, { type MqttClient } from "mqtt";
import {
  createBackoff,
  type Backoff,
  type Clock,
  type Logger,
  type Random,
  type Timer,
} from "@millrace/runtime";

export interface SensorMessage {
  /** The reading's number; null for what is not a reading. */
  readonly number: number | null;
  readonly topic: string;
  readonly payload: string | Buffer;
}

export interface SensorConnectionOptions {
  readonly broker: string;
  /** Unique among the broker's clients. */
  readonly clientId: string;
  /** Subscribed on every connect, QoS 1. */
  readonly commandTopics: readonly string[];
  readonly inFlightMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onAcked: (message: SensorMessage) => void;
  readonly onCommand: (topic: string, payload: string) => void;
}

const RETRY_FIRST_MS = 100;
const RETRY_MS_MAX = 2_000;
const CONNECT_MS_MAX = 5_000;
const KEEPALIVE_S = 5;

/**
 * One MQTT connection of the plant. A message stays here, unchanged, until the broker has acknowledged it (QoS 1); after
 * a reconnect all unacknowledged ones go out again in their order. Its memory is bounded by its caller, who looks at
 * `waitingCount` before handing over more. mqtt.js's own store and reconnect are not used.
 */
export class SensorConnection {
  readonly #options: SensorConnectionOptions;
  readonly #inFlight = new Set<SensorMessage>();
  #unsent: SensorMessage[] = [];
  #unsentHead = 0;
  #client: MqttClient | null = null;
  #isConnected = false;
  #isClosed = false;
  #holdCount = 0;
  #retry: Timer | null = null;
  readonly #backoff: Backoff;
  #connectCount = 0;

  constructor(options: SensorConnectionOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ random: options.random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MS_MAX });
  }

  /** Unacknowledged messages, sent or not. */
  get waitingCount(): number {
    return this.#inFlight.size + this.#unsent.length - this.#unsentHead;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get isHeld(): boolean {
    return this.#holdCount > 0;
  }

  /** Connections lost and made again. */
  get reconnectCount(): number {
    return Math.max(0, this.#connectCount - 1);
  }

  /** Numbers of the readings not yet acknowledged, ascending. */
  *waitingNumbers(): Generator<number> {
    for (const message of this.#inFlight) if (message.number !== null) yield message.number;
    for (let index = this.#unsentHead; index < this.#unsent.length; index++) {
      const number = this.#unsent[index]?.number ?? null;
      if (number !== null) yield number;
    }
  }

  open(): void {
    const { broker, clientId, commandTopics, log } = this.#options;
    const client = mqtt.connect(broker, {
      clientId,
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_MS_MAX,
      keepalive: KEEPALIVE_S,
      resubscribe: false,
      queueQoSZero: false,
    });
    this.#client = client;
    const ifCurrent = (act: () => void) => () => {
      if (this.#client === client) act();
    };
    client.on("error", (error) =>
      log.repeated("sensor_connection", `connection to ${broker} failed`, { reason: error.message }),
    );
    client.on("message", (topic, payload) => {
      if (this.#client === client) this.#options.onCommand(topic, payload.toString("utf8"));
    });
    client.on(
      "close",
      ifCurrent(() => this.#onClosed(client)),
    );
    client.on(
      "connect",
      ifCurrent(() => {
        this.#connectCount++;
        this.#backoff.reset();
        if (commandTopics.length === 0) return this.#onReady();
        // Sensors speak only once their commands can reach them.
        client.subscribe([...commandTopics], { qos: 1 }, (error) => {
          if (this.#client !== client) return;
          if (error) client.end(true);
          else this.#onReady();
        });
      }),
    );
  }

  /** As if the cable were pulled: gone until there was a `resume` for each `hold`. */
  hold(): void {
    this.#holdCount++;
    this.#retry?.cancel();
    if (this.#client !== null) this.#onClosed(this.#client);
  }

  resume(): void {
    if (this.#holdCount === 0 || this.#isClosed) return;
    this.#holdCount--;
    if (this.#holdCount === 0) this.open();
  }

  publish(message: SensorMessage): void {
    this.#unsent.push(message);
    this.#sendMore();
  }

  /** Ends the connection; unacknowledged messages stay listed in `waitingNumbers`. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    const client = this.#client;
    this.#client = null;
    this.#isConnected = false;
    return new Promise((resolve) => {
      if (client === null) resolve();
      else client.end(true, {}, () => resolve());
    });
  }

  #onReady(): void {
    this.#isConnected = true;
    this.#sendMore();
  }

  #sendMore(): void {
    const client = this.#client;
    if (client === null || !this.#isConnected) return;
    while (this.#inFlight.size < this.#options.inFlightMax && this.#unsentHead < this.#unsent.length) {
      const message = this.#unsent[this.#unsentHead++];
      if (message === undefined) break;
      this.#inFlight.add(message);
      client.publish(message.topic, message.payload, { qos: 1 }, (error) => {
        if (!error && this.#client === client) this.#onAcked(message);
      });
    }
    if (this.#unsentHead === this.#unsent.length || this.#unsentHead > 1_024) {
      this.#unsent = this.#unsent.slice(this.#unsentHead);
      this.#unsentHead = 0;
    }
  }

  #onAcked(message: SensorMessage): void {
    if (!this.#inFlight.delete(message)) return;
    this.#options.onAcked(message);
    this.#sendMore();
  }

  #onClosed(client: MqttClient): void {
    this.#client = null;
    this.#isConnected = false;
    client.end(true);
    this.#unsent = [...this.#inFlight, ...this.#unsent.slice(this.#unsentHead)];
    this.#unsentHead = 0;
    this.#inFlight.clear();
    if (this.#isClosed || this.#holdCount > 0) return;
    this.#retry = this.#options.clock.after(this.#backoff.nextMs(), () => this.open());
  }
}
