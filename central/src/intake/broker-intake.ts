import type { BrokerIntakeConfig } from "@millrace/config";
import { connectionReason, createBackoff, reasonOf } from "@millrace/runtime";
import type { Backoff, Clock, Logger, Random, Timer } from "@millrace/runtime";
import { downTopic, parseUpTopic, upTopic } from "@millrace/wire";
import type { AgentConnection, UpTopic } from "@millrace/wire";
import { connect } from "mqtt";
import type { IPublishPacket, MqttClient, Packet } from "mqtt";
import { FRAME_BYTES_MAX } from "./mqtt-intake.ts";
import type { IntakeTarget } from "./mqtt-intake.ts";
import { Pubacks } from "./pubacks.ts";

export interface BrokerIntakeOptions {
  readonly broker: BrokerIntakeConfig;
  /** Agents that are enrolled; whatever calls itself otherwise is not listened to. */
  readonly identities: readonly { readonly id: string }[];
  readonly target: IntakeTarget;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface BrokerIntakeView {
  readonly isConnected: boolean;
  /** Why it is not; "" while it is. */
  readonly reason: string;
}

const TOPICS: readonly UpTopic[] = ["hello", "batch", "heartbeat"];
const CONNECT_TIMEOUT_MS = 5_000;
/** A broker that is silent for one and a half times this is gone. */
const KEEPALIVE_S = 10;
const RECONNECT_FIRST_MS = 200;
const RECONNECT_MAX_MS = 5_000;
/** What was published with QoS 1 while central was away waits so long at the broker. */
const SESSION_EXPIRY_S = 3_600;
/** Taken and not acknowledged; the broker sends no more. */
const UNACKNOWLEDGED_MAX = 1_000;
const STOP_MS_MAX = 1_000;

/**
 * Uplinks that come by a broker of others (MQTT 5), in a shared subscription. The broker's rights make sure that an agent
 * publishes as itself only: its name is the topic's. A connection begins with a hello, and ends with the next, or when
 * nothing is heard; what is published with QoS 1 is acknowledged once the log holds it, in the order of its arrival.
 */
export class BrokerIntake {
  readonly #options: BrokerIntakeOptions;
  readonly #backoff: Backoff;
  readonly #connections = new Map<string, AgentConnection>();
  #agents: ReadonlySet<string>;
  #client: MqttClient | null = null;
  #reconnect: Timer | null = null;
  #isClosed = false;
  #connectionNumber = 0;
  #reason = "not connected yet";

  constructor(options: BrokerIntakeOptions) {
    this.#options = options;
    this.#agents = new Set(options.identities.map(({ id }) => id));
    const { random } = options;
    this.#backoff = createBackoff({ random, firstMs: RECONNECT_FIRST_MS, maxMs: RECONNECT_MAX_MS });
  }

  get view(): BrokerIntakeView {
    return { isConnected: this.#reason === "", reason: this.#reason };
  }

  /** What keeps agents from coming by it; null: nothing. */
  get obstacle(): string | null {
    return this.#reason === "" ? null : `the broker ${this.#options.broker.url}: ${this.#reason}`;
  }

  /** Connects, and goes on for ever. */
  start(): void {
    const { broker, log } = this.#options;
    const { clientId, username, password, ca, cert, key } = broker;
    const client = connect({
      ...addressOf(broker.url),
      clientId,
      protocolVersion: 5,
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
      ...(ca === null ? {} : { ca }),
      ...(cert === null || key === null ? {} : { cert, key }),
      clean: false,
      keepalive: KEEPALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      properties: {
        receiveMaximum: UNACKNOWLEDGED_MAX,
        sessionExpiryInterval: SESSION_EXPIRY_S,
        maximumPacketSize: FRAME_BYTES_MAX,
      },
    });
    this.#client = client;
    const pubacks = new Pubacks((bytes) => this.#client === client && client.stream.write(bytes));
    // mqtt.js acknowledges each message by itself before it takes the next: it is shown as one that wants no acknowledgement.
    let settle: (() => void) | undefined;
    client.on("packetreceive", (packet: Packet) => {
      if (packet.cmd !== "publish") return;
      settle = packet.qos === 1 ? pubacks.wait(packet.messageId ?? 0) : undefined;
      packet.qos = 0;
    });
    client.handleMessage = (packet, callback) => {
      if (this.#client === client) this.#take(packet, settle);
      callback();
    };
    client.on("connect", () => {
      const filters = TOPICS.map((topic) => `$share/${broker.group}/${upTopic("+", topic)}`);
      client.subscribe(filters, { qos: 1 }, (error, granted) => {
        if (this.#client !== client) return;
        const refused = granted?.find(({ qos }) => qos >= 128)?.topic;
        if (error !== null) return this.#lost(client, `cannot subscribe: ${reasonOf(error)}`);
        if (refused !== undefined) return this.#lost(client, `the broker refuses ${refused}`);
        this.#reason = "";
        this.#backoff.reset();
        log.ended("broker_lost");
        log.info("agents come by a broker", { broker: broker.url, group: broker.group });
      });
    });
    client.on("disconnect", (packet) =>
      this.#lost(client, `the broker said goodbye, reason ${packet.reasonCode ?? 0}`),
    );
    client.on("error", (error) => this.#lost(client, connectionReason(error, "intake.broker.ca")));
    client.on("close", () => this.#lost(client, "connection closed"));
  }

  /** From now on these may come; whoever may not any more is not heard. */
  setIdentities(identities: BrokerIntakeOptions["identities"]): void {
    this.#agents = new Set(identities.map(({ id }) => id));
    for (const agent of this.#connections.keys()) if (!this.#agents.has(agent)) this.#end(agent);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reconnect?.cancel();
    const client = this.#client;
    this.#client = null;
    this.#reason = "closed";
    for (const agent of this.#connections.keys()) this.#end(agent);
    if (client === null) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(STOP_MS_MAX, () => client.end(true, () => resolve()));
      client.end(false, () => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Agents' connections stand: what is lost on the way they send again, and who is away for long is found silent. */
  #lost(client: MqttClient, reason: string): void {
    if (this.#client !== client || this.#isClosed) return;
    this.#client = null;
    this.#reason = reason;
    client.end(true);
    const { clock, log, broker } = this.#options;
    log.repeated("broker_lost", "agents cannot come by the broker; connecting again", {
      broker: broker.url,
      reason,
    });
    this.#reconnect = clock.after(this.#backoff.nextMs(), () => this.start());
  }

  #take(packet: IPublishPacket, settle: (() => void) | undefined): void {
    const { target, log } = this.#options;
    const topic = parseUpTopic(packet.topic);
    if (topic === undefined || packet.retain || !this.#agents.has(topic.agent)) {
      log.repeated("broker_stranger", "left out a message of nobody that is enrolled", {
        topic: packet.topic.slice(0, 128),
      });
      settle?.();
      return;
    }
    const { agent, name } = topic;
    if (name === "hello") {
      this.#end(agent);
      const connection = this.#connection(agent);
      this.#connections.set(agent, connection);
      target.onOpen(connection);
    }
    const connection = this.#connections.get(agent);
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    // One that has not said hello to this process finds out that nobody answers, and says it.
    if (connection === undefined) settle?.();
    else target.onMessage(connection, name, payload, settle);
  }

  #connection(agent: string): AgentConnection {
    this.#connectionNumber += 1;
    const connection: AgentConnection = {
      id: `broker:${this.#connectionNumber}`,
      agent,
      send: (topic, payload) => {
        const client = this.#client;
        if (client?.connected !== true) return;
        client.publish(downTopic(agent, topic), Buffer.from(payload), { qos: 0, retain: false });
      },
      close: (reason) => {
        this.#options.log.debug("no longer listening to an agent", { agent, reason });
        // What it was just told goes first. It notices by itself: nobody answers it any more.
        setImmediate(() => {
          if (this.#connections.get(agent) === connection) this.#end(agent);
        });
      },
    };
    return connection;
  }

  #end(agent: string): void {
    const connection = this.#connections.get(agent);
    this.#connections.delete(agent);
    if (connection !== undefined) this.#options.target.onClose(connection);
  }
}

/** mqtt.js's own parsing is deprecated in Node. */
function addressOf(url: string) {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return protocol === "mqtts:"
    ? ({ protocol: "mqtts", host, port: Number(port || 8883) } as const)
    : ({ protocol: "mqtt", host, port: Number(port || 1883) } as const);
}
