import mqtt, { type MqttClient } from "mqtt";
import { createBackoff, type Backoff, type Clock, type Random, type Timer } from "@millrace/runtime";
import type { SparkplugMessage, SparkplugNode } from "../format/sparkplug-node.ts";
import type { PasswordLogin } from "./login.ts";
import type { OutgoingMessage } from "./outgoing-message.ts";
import type { Output } from "./output.ts";
import { publishPackets } from "./publish-packets.ts";
import type { ReceiverWatch } from "./receiver-watch.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface SensorConnectionOptions {
  readonly broker: string;
  /** Null: the broker asks nobody who he is. */
  readonly login: PasswordLogin | null;
  readonly qos: 0 | 1 | 2;
  /** Unique among the broker's clients. */
  readonly clientId: string;
  /** Subscribed on every connect, QoS 1. */
  readonly commandTopics: readonly string[];
  /** The edge node that speaks on it; null: its messages are no Sparkplug. */
  readonly node: SparkplugNode | null;
  readonly inFlightMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: ReceiverWatch;
  readonly onDelivered: (message: OutgoingMessage) => void;
  /** QoS 0: they were delivered, as far as anybody can say, and then the connection was lost. */
  readonly onUnsure: (readings: number[]) => void;
  readonly onCommand: (topic: string, payload: string) => void;
}

const RETRY_FIRST_MS = 100;
const RETRY_MS_MAX = 2_000;
const CONNECT_MS_MAX = 5_000;
const KEEPALIVE_S = 5;
/** QoS 0: how long nobody can say whether it has arrived. */
const UNSURE_MS = 2_000;
/** A broker that takes nothing more does not hold up the end. */
const CLOSE_MS_MAX = 2_000;
/** QoS 0: messages written at once. */
const CHUNK_MESSAGES_MAX = 1_000;

/**
 * One MQTT connection of the plant. A message stays here, unchanged, until the broker has acknowledged it (QoS 1 and 2), or
 * until the system has taken its bytes (QoS 0); after a reconnect all others go out again in their order. mqtt.js's own
 * store and reconnect are not used, and QoS 0 goes past it, many packets at once, into its stream.
 */
export class SensorConnection implements Output {
  readonly #options: SensorConnectionOptions;
  readonly #inFlight = new Set<OutgoingMessage>();
  /** QoS 0: handed to the system, which has not taken them. Empty: nothing is being written. */
  #chunk: readonly OutgoingMessage[] = [];
  readonly #unsent = new WaitingLine();
  /** Of Sparkplug: those that were here before the connection. */
  #historicalCount = 0;
  #client: MqttClient | null = null;
  #isConnected = false;
  #isClosed = false;
  /** QoS 0: when what was delivered, of late. */
  #recent: { readonly atMs: number; readonly numbers: readonly number[] }[] = [];
  #holdCount = 0;
  #retry: Timer | null = null;
  readonly #backoff: Backoff;
  #connectCount = 0;

  constructor(options: SensorConnectionOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ random: options.random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MS_MAX });
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get isHeld(): boolean {
    return this.#holdCount > 0;
  }

  get reconnectCount(): number {
    return Math.max(0, this.#connectCount - 1);
  }

  *waitingNumbers(): Generator<number> {
    for (const message of this.#inFlight) yield* message.numbers;
    for (const message of this.#chunk) yield* message.numbers;
    yield* this.#unsent.numbers();
  }

  open(): void {
    const { broker, login, clientId, commandTopics, node, watch } = this.#options;
    const will = node?.will();
    const client = mqtt.connect(broker, {
      clientId,
      ...(login === null ? {} : { username: login.user, password: login.password }),
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_MS_MAX,
      keepalive: KEEPALIVE_S,
      resubscribe: false,
      queueQoSZero: false,
      ...(will === undefined
        ? {}
        : { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: false } }),
    });
    this.#client = client;
    let reason = "the connection was closed";
    const ifCurrent = (act: () => void) => () => {
      if (this.#client === client) act();
    };
    client.on("error", (error) => (reason = error.message || reason));
    client.on("message", (topic, payload) => {
      if (this.#client === client) this.#onMessage(topic, payload);
    });
    client.on(
      "close",
      ifCurrent(() => {
        if (this.#holdCount === 0 && !this.#isClosed) watch.away(this, reason);
        this.#onClosed(client);
      }),
    );
    client.on(
      "connect",
      ifCurrent(() => {
        this.#connectCount++;
        this.#backoff.reset();
        watch.back(this);
        const topics = [...commandTopics, ...(node === null ? [] : [node.commandTopic])];
        if (topics.length === 0) return this.#onReady();
        // Sensors speak only once their commands can reach them.
        client.subscribe(topics, { qos: 1 }, (error) => {
          if (this.#client !== client) return;
          if (error) client.end(true);
          else this.#onReady();
        });
      }),
    );
  }

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

  send(message: OutgoingMessage): void {
    this.#unsent.push(message);
    this.#sendMore();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    const client = this.#client;
    const node = this.#isConnected ? this.#options.node : null;
    this.#client = null;
    this.#isConnected = false;
    if (client === null) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#remember([]);
    const limit = this.#options.clock.after(CLOSE_MS_MAX, () => {
      client.stream.destroy();
      this.#tellUnsure();
      resolve();
    });
    // An edge node that leaves in order says so itself (Sparkplug 3.0, 5.6).
    if (node !== null) {
      const { topic, payload } = node.death();
      client.publish(topic, Buffer.from(payload), { qos: 1 });
    }
    // What the system has taken at QoS 0 is still to leave.
    client.end(node === null && this.#options.qos !== 0, {}, () => {
      limit.cancel();
      resolve();
    });
    return promise;
  }

  #onReady(): void {
    this.#isConnected = true;
    const { node, clock } = this.#options;
    if (node !== null) {
      this.#historicalCount = this.#unsent.length;
      this.#write(node.births(clock.nowMs()), () => {});
    }
    this.#sendMore();
  }

  #onMessage(topic: string, payload: Buffer): void {
    const { node, clock } = this.#options;
    if (node?.isRebirth(topic, payload) === true) {
      if (this.#isConnected) this.#write(node.births(clock.nowMs()), () => {});
    } else if (topic !== node?.commandTopic) this.#options.onCommand(topic, payload.toString("utf8"));
  }

  #sendMore(): void {
    const client = this.#client;
    if (client === null || !this.#isConnected) return;
    if (this.#options.qos === 0) this.#sendUnanswered();
    else {
      const { qos, inFlightMax } = this.#options;
      for (const message of this.#unsent.take(inFlightMax - this.#inFlight.size)) {
        this.#inFlight.add(message);
        const { payload } = message;
        client.publish(
          message.topic,
          typeof payload === "string" ? payload : Buffer.from(payload),
          { qos },
          (error) => {
            if (!error && this.#client === client) this.#onAcked(message);
          },
        );
      }
    }
  }

  /** QoS 0: the next chunk, once the system has taken the one before. */
  #sendUnanswered(): void {
    if (this.#chunk.length > 0 || this.#unsent.length === 0) return;
    const messages = this.#unsent.take(CHUNK_MESSAGES_MAX);
    this.#chunk = messages;
    const client = this.#client;
    const { node, onDelivered } = this.#options;
    const packets = node === null ? messages : messages.flatMap((each) => this.#packetsOf(each, node));
    this.#write(packets, () => {
      if (this.#client !== client) return;
      this.#chunk = [];
      const delivered: number[] = [];
      for (const message of messages) {
        for (const number of message.numbers) delivered.push(number);
        onDelivered(message);
      }
      this.#remember(delivered);
      this.#sendMore();
    });
  }

  #packetsOf(message: OutgoingMessage, node: SparkplugNode): readonly (OutgoingMessage | SparkplugMessage)[] {
    const isHistorical = this.#historicalCount > 0;
    if (isHistorical) this.#historicalCount--;
    if (message.readings === null) return [message];
    return node.data(message.readings, isHistorical, this.#options.clock.nowMs());
  }

  #write(messages: readonly Pick<OutgoingMessage, "topic" | "payload">[], onTaken: () => void): void {
    this.#client?.stream.write(publishPackets(messages), (error) => {
      if (!error) onTaken();
    });
  }

  /** An agent that is killed loses what it has not written down, and the network what is in its buffers. */
  #remember(numbers: readonly number[]): void {
    const atMs = this.#options.clock.monotonicMs();
    this.#recent = this.#recent.filter((each) => each.atMs > atMs - UNSURE_MS);
    if (numbers.length > 0) this.#recent.push({ atMs, numbers });
  }

  #tellUnsure(): void {
    if (this.#recent.length > 0) this.#options.onUnsure(this.#recent.flatMap(({ numbers }) => numbers));
    this.#recent = [];
  }

  #onAcked(message: OutgoingMessage): void {
    if (!this.#inFlight.delete(message)) return;
    this.#options.onDelivered(message);
    this.#sendMore();
  }

  #onClosed(client: MqttClient): void {
    this.#client = null;
    this.#isConnected = false;
    client.end(true);
    this.#remember([]);
    this.#tellUnsure();
    this.#unsent.putBack([...this.#inFlight, ...this.#chunk]);
    this.#chunk = [];
    this.#inFlight.clear();
    if (this.#isClosed || this.#holdCount > 0) return;
    this.#retry = this.#options.clock.after(this.#backoff.nextMs(), () => this.open());
  }
}
