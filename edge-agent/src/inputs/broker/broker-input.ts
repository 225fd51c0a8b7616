import { Socket } from "node:net";
import { Aedes, type AedesOptions, type Client, type PublishPacket } from "aedes";
import { BrokerConnections } from "./broker-connections.ts";
import { newBrokerCounts } from "./broker-counts.ts";
import { BrokerHostState } from "./broker-host-state.ts";
import type { BrokerInputOptions } from "./broker-input-options.ts";
import { BrokerListener } from "./broker-listener.ts";
import { BrokerPersistence } from "./broker-persistence.ts";
import { BrokerRights } from "./broker-rights.ts";
import type { BrokerSessions } from "./broker-sessions.ts";
import { BrokerTopics } from "./broker-topics.ts";
import { BytesInHand } from "./bytes-in-hand.ts";
import { ClientAcks } from "./client-acks.ts";
import { CommandTopics } from "./command-topics.ts";
import type { Input, InputHandler, InputStatus, PublishOptions, Subscriptions } from "../input.ts";
import { KEPT_IN_MEMORY } from "./kept-by-broker.ts";
import { PublishIntake } from "./publish-intake.ts";
import type { RetainedMessages } from "./retained-messages.ts";
import { SubscribedFilters } from "./subscribed-filters.ts";

const TOPIC_LEVELS_MAX = 32;
const SESSIONS_MAX = 1_000;
const SESSION_EXPIRY_MS = 7 * 86_400_000;
/** And what else stands before the payload. */
const TOPIC_BYTES_MAX = 65_535 + 16;
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * How long a subscriber may not read before it is dropped: aedes reads on from a publisher only when all subscribers
 * have taken its last messages.
 */
const DRAIN_TIMEOUT_MS = 2_000;
/** Messages in delivery at once; when a frozen subscriber has used them up, commands wait behind it. */
const DELIVERIES_MAX = 10_000;
/** Whoever sends a payload of a megabyte is told by the counter, not cut off to send it again for ever. */
const PACKET_BYTES_LEAST = 2 * 1024 * 1024;
const CONNECTS_PER_SECOND_MAX = 500;
const RETAINED_MAX = 10_000;
const RETAINED_BYTES_MAX = 16 * 1024 * 1024;
/** In memory of all messages that come in, wait for the disk, or are on their way to subscribers; more only for a packet that is greater. */
const IN_HAND_BYTES_MAX = 64 * 1024 * 1024;
/** Of one connection, and one packet more. */
const IN_HAND_OF_CLIENT_BYTES_MAX = 1024 * 1024;

/**
 * The embedded MQTT 3.1.1 broker that sensors publish to: aedes, and what stands around it. A connection comes in by
 * `BrokerListener`; `BrokerRights` says what its client may; what it publishes goes to `PublishIntake`, which acknowledges
 * nothing that is not durable.
 *
 * What need not be brokered, because nobody subscribes to its topic and it is not retained, does not go through aedes at all
 * (`DirectPublishes`): that is nearly everything sensors send, and aedes is most of what it costs.
 *
 * What waits for clients that are away, and what is retained, is kept by `KeptByBroker`, with bounds. Persistent sessions may hold QoS 1
 * subscriptions to command topics only; others are refused (SUBACK 0x80).
 */
export class BrokerInput implements Input {
  readonly name: string;
  readonly mustTakeCommands: boolean;
  readonly #options: BrokerInputOptions;
  readonly #counts = newBrokerCounts();
  readonly #commands: CommandTopics;
  readonly #hostState: BrokerHostState;
  readonly #subscribed = new SubscribedFilters<Client>();
  readonly #rights: BrokerRights;
  readonly #topics: BrokerTopics;
  readonly #inHand: BytesInHand<Client>;
  readonly #intake: PublishIntake;
  readonly #connections: BrokerConnections;
  /** Of the broker that runs, or ran last. */
  #kept: { readonly sessions: BrokerSessions; readonly retained: RetainedMessages } | null = null;
  #broker: Aedes | null = null;
  #listener: BrokerListener | null = null;

  constructor(options: BrokerInputOptions) {
    const { clock, log } = options;
    this.name = options.name;
    this.mustTakeCommands = options.mustTakeCommands ?? false;
    this.#options = options;
    this.#commands = new CommandTopics(options.commandFilters);
    this.#hostState = new BrokerHostState({
      isHost: options.isSparkplugHost ?? false,
      presence: options.presence,
      clock,
      publish: async (topic, payload, how) => {
        if (this.#broker !== null) await this.publish(topic, payload, how);
      },
    });
    const shared = {
      counts: this.#counts,
      commands: this.#commands,
      hostState: this.#hostState,
      subscribed: this.#subscribed,
      clock,
      log,
    };
    this.#rights = new BrokerRights({ ...shared, users: options.users });
    this.#topics = new BrokerTopics({
      ...shared,
      rights: this.#rights,
      topicLevelsMax: options.topicLevelsMax ?? TOPIC_LEVELS_MAX,
    });
    const packetBytesMax = packetBytesMaxOf(options);
    this.#inHand = new BytesInHand({
      bytesMax: Math.max(IN_HAND_BYTES_MAX, packetBytesMax),
      bytesPerClientMax: IN_HAND_OF_CLIENT_BYTES_MAX,
      // Not in the middle of what another of its packets sets off.
      onRoom: (client) => queueMicrotask(() => this.#connections.readOn(client)),
    });
    const acks = new ClientAcks({ ...shared, readOn: (client) => this.#connections.readOn(client) });
    this.#intake = new PublishIntake({
      ...shared,
      payloadBytesMax: options.payloadBytesMax,
      sparkplugBytesMax: options.sparkplugBytesMax,
      evidence: options.evidence,
      rights: this.#rights,
      acks,
      inHand: this.#inHand,
      publish: (packet, done) => this.#broker?.publish(packet, done),
      committed: async () => this.#kept?.sessions.committed(),
    });
    this.#connections = new BrokerConnections({
      ...shared,
      packetBytesMax,
      rights: this.#rights,
      topics: this.#topics,
      intake: this.#intake,
      acks,
      inHand: this.#inHand,
      setAside: (junk) => options.setAside?.(junk),
      free: (buffer) => options.free?.(buffer),
    });
  }

  /** The port in use; for `port: 0`. */
  get port(): number {
    return this.#listener?.port ?? this.#options.port;
  }

  async start(handler: InputHandler): Promise<void> {
    if (this.#listener !== null) throw new Error(`cannot start input ${this.name}: it is running`);
    this.#intake.setHandler(handler);
    const { sessions, retained } = (this.#kept = await this.#openKept());
    const broker = await Aedes.createBroker(this.#brokerOptions(sessions, retained));
    broker.on("clientError", (client, error) => this.#connections.failed(client, error));
    broker.on("connectionError", (client, error) => this.#connections.failed(client, error));
    // One that has ended in the middle of its login is not told of again.
    broker.on("client", ({ id, closed }) => closed || sessions.opened(id));
    broker.on("clientDisconnect", ({ id }) => sessions.closed(id, this.#options.clock.monotonicMs()));
    broker.on("subscribe", (subscriptions, { id }) =>
      sessions.granted(
        id,
        subscriptions.map(({ topic }) => topic),
      ),
    );
    broker.on("unsubscribe", (filters, client) => {
      for (const filter of filters) this.#subscribed.remove(client, filter);
    });
    const listener = new BrokerListener({
      ...this.#options,
      connectsPerSecondMax: this.#options.connectsPerSecondMax ?? CONNECTS_PER_SECOND_MAX,
      handshakeTimeoutMs: CONNECT_TIMEOUT_MS,
      onConnection: (socket: Socket) => {
        socket.setNoDelay(true);
        this.#connections.add(broker.handle(socket), socket);
      },
      onRefused: (why) => (this.#counts[why] += 1),
    });
    try {
      await listener.listen();
    } catch (error) {
      await closeBroker(broker);
      throw error;
    }
    this.#broker = broker;
    this.#listener = listener;
    await this.#hostState.begin();
  }

  async stop(): Promise<void> {
    const [listener, broker] = [this.#listener, this.#broker];
    this.#intake.setHandler(null);
    this.#listener = null;
    if (listener === null || broker === null) return;
    await this.#hostState.end();
    this.#broker = null;
    await listener.close(() => closeBroker(broker));
    this.#kept?.sessions.closeAll(this.#options.clock.monotonicMs());
  }

  publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<void> {
    const broker = this.#broker;
    if (broker === null)
      return Promise.reject(new Error(`cannot publish to ${topic}: the broker is not running`));
    const { validUntilMs } = options;
    const packet: PublishPacket = {
      cmd: "publish",
      topic,
      payload: Buffer.from(payload),
      qos: options.qos,
      retain: options.retain ?? false,
      dup: false,
      ...(validUntilMs === undefined ? {} : { messageExpiry: validUntilMs }),
    };
    return new Promise((resolve, reject) => {
      broker.publish(packet, (error) => (error == null ? resolve() : reject(error)));
    });
  }

  /** Every message published here reaches the handler. */
  async follow({ commandFilters, sparkplugFilters }: Subscriptions): Promise<void> {
    await this.#hostState.setHost(sparkplugFilters.length > 0);
    this.#commands.setFilters(commandFilters);
    this.#topics.forget();
  }

  status(): InputStatus {
    const isConnected = this.#listener !== null;
    return {
      name: this.name,
      isConnected,
      reason: isConnected ? null : "not running",
      counts: {
        ...this.#counts,
        ...this.#kept?.retained.counts,
        ...this.#kept?.sessions.counts,
        bytes_in_hand: this.#inHand.bytes,
        clients: this.#broker?.connectedClients ?? 0,
      },
    };
  }

  async #openKept(): Promise<{ sessions: BrokerSessions; retained: RetainedMessages }> {
    const {
      kept = KEPT_IN_MEMORY,
      sessionQueueMax: queueMax,
      sessionQueueBytesMax: queueBytesMax,
    } = this.#options;
    const { sessionsMax = SESSIONS_MAX, sessionExpiryMs = SESSION_EXPIRY_MS } = this.#options;
    const {
      retainedMax = RETAINED_MAX,
      retainedBytesMax = RETAINED_BYTES_MAX,
      payloadBytesMax,
    } = this.#options;
    const away = { awayMax: sessionsMax, awayMs: sessionExpiryMs };
    return {
      sessions: await kept.sessions({ ...away, queueMax, queueBytesMax }),
      retained: await kept.retained({ retainedMax, retainedBytesMax, payloadBytesMax }),
    };
  }

  #brokerOptions(sessions: BrokerSessions, retained: RetainedMessages): AedesOptions {
    const rights = this.#rights;
    const intake = this.#intake;
    return {
      persistence: new BrokerPersistence({
        sessions,
        retained,
        isOwn: (topic) => this.#hostState.isOwn(topic),
        mayReceive: (client, topic) => rights.mayReceive(client, topic),
        clock: this.#options.clock,
        onRepeated: (client, packet) => intake.release(client, packet),
      }),
      maxTopicLevels: this.#options.topicLevelsMax ?? TOPIC_LEVELS_MAX,
      concurrency: DELIVERIES_MAX,
      connectTimeout: CONNECT_TIMEOUT_MS,
      drainTimeout: this.#options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS,
      maxClientsIdLength: 256,
      preConnect: (client, packet, done) => {
        this.#connections.setKeepAlive(client, (packet.keepalive ?? 0) * 1_000);
        // aedes does not see direct publishes: `KeepAlive` watches in its place.
        packet.keepalive = 0;
        // A name that aedes makes up leads nobody to the sender. What is kept under one outlives its connection.
        if (packet.clean && packet.clientId === "" && client.conn instanceof Socket)
          packet.clientId = `${client.conn.remoteAddress}:${client.conn.remotePort}`;
        done(null, true);
      },
      authenticate: (client, user, password, done) => {
        const refusal = rights.logIn(client, { user, password });
        done(refusal, refusal === null);
      },
      authorizePublish: (client, packet, done) => intake.take(client, packet, done),
      published: (packet, client, done) => {
        if (client !== null) intake.release(client, packet);
        // PUBREC promises that it comes to everybody, and once.
        if (packet.qos === 2) void sessions.committed().then(() => done());
        else done();
      },
      authorizeSubscribe: (client, subscription, done) =>
        done(null, rights.grants(client, subscription, sessions) ? subscription : null),
      authorizeForward: (client, packet) => (rights.mayReceive(client, packet.topic) ? packet : null),
    };
  }
}

function packetBytesMaxOf(options: BrokerInputOptions): number {
  const { payloadBytesMax, evidence, sparkplugBytesMax = 0, packetBytesMax } = options;
  const evidenceBytesMax = (evidence?.largestBytesMax() ?? 0) + TOPIC_BYTES_MAX;
  return (
    packetBytesMax ??
    Math.max(PACKET_BYTES_LEAST, 16 * payloadBytesMax, 2 * sparkplugBytesMax, evidenceBytesMax)
  );
}

function closeBroker(broker: Aedes): Promise<void> {
  return new Promise((resolve) => broker.close(() => resolve()));
}
