import { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { certifiedNameOf, type Clock, type Logger } from "@millrace/runtime";
import { SPARKPLUG_NAMESPACE } from "@millrace/wire";
import {
  Aedes,
  type AedesOptions,
  type AuthenticateError,
  type Client,
  type PublishPacket,
  type Subscription,
} from "aedes";
import { BytesInHand } from "./bytes-in-hand.ts";
import { BrokerListener, type BrokerTls } from "./broker-listener.ts";
import { BrokerPersistence } from "./broker-persistence.ts";
import type { BrokerSessions } from "./broker-sessions.ts";
import { type BrokerUser, BrokerUsers } from "./broker-users.ts";
import { ClientReader } from "./client-reader.ts";
import type { DirectPublish } from "./direct-publishes.ts";
import type { Input, InputHandler, InputStatus, PublishOptions, Subscriptions } from "./input.ts";
import type { Junk } from "./junk.ts";
import { KEPT_IN_MEMORY, type KeptByBroker } from "./kept-by-broker.ts";
import { OrderedRelease } from "./ordered-release.ts";
import { pubackBytes } from "./puback-bytes.ts";
import { ReadingTurns } from "./reading-turns.ts";
import type { SparkplugPresence } from "./sparkplug-presence.ts";
import { RememberedTopics } from "./remembered-topics.ts";
import type { RetainedMessages } from "./retained-messages.ts";
import { SubscribedFilters } from "./subscribed-filters.ts";
import { TopicCache } from "./topic-cache.ts";
import { filterCovers, filterTakes } from "./topic-filter.ts";
import type { EvidenceBounds } from "../evidence/evidence-topics.ts";
import { isOversizedOn } from "./oversized.ts";

export interface BrokerInputOptions {
  readonly name: string;
  /** A command counts as sent only once this broker has it. Default false. */
  readonly mustTakeCommands?: boolean;
  readonly host: string;
  /** 0: any free port, see `port`. */
  readonly port: number;
  /** Who may connect, and where to; empty: everyone who reaches the address, to everything. */
  readonly users: readonly BrokerUser[];
  /** PEM texts; null: the connections are not encrypted. With `ca` a client needs a certificate signed by it. */
  readonly tls: BrokerTls | null;
  readonly clientsMax: number;
  /** A greater payload is handed over as oversized, and acknowledged. */
  readonly payloadBytesMax: number;
  /** Where the agent is a Sparkplug host, it says so here. */
  readonly presence?: SparkplugPresence;
  readonly isSparkplugHost?: boolean;
  /** As `payloadBytesMax`, for Sparkplug's topics. */
  readonly sparkplugBytesMax?: number;
  /** A greater packet closes its connection, before it is in memory. Default 16 times `payloadBytesMax`, at least 2 MiB. */
  readonly packetBytesMax?: number;
  /** Topics whose payloads may be greater. */
  readonly evidence?: EvidenceBounds;
  /** Deeper topics close the connection. Default 32. */
  readonly topicLevelsMax?: number;
  /** Topics whose retained message is kept; those beyond are delivered but not kept. Default 10 000. */
  readonly retainedMax?: number;
  /** Bytes of all retained messages, topics included; what goes beyond is delivered but not kept. Default 16 MiB. */
  readonly retainedBytesMax?: number;
  /** Persistent sessions kept of clients that are away; beyond, the one longest away is forgotten. Default 1 000. */
  readonly sessionsMax?: number;
  /** A persistent session is forgotten when its client has been away for so long. Default 7 days. */
  readonly sessionExpiryMs?: number;
  /** Messages that wait for one client of a persistent session; beyond, its oldest is dropped. Default 1 000. */
  readonly sessionQueueMax?: number;
  /** And their bytes. Default 1 MiB. */
  readonly sessionQueueBytesMax?: number;
  /** Where sessions and retained messages outlive the broker. Default: nowhere. */
  readonly kept?: KeptByBroker;
  /** A subscriber that does not read for so long is dropped. Default 2 s. */
  readonly drainTimeoutMs?: number;
  /** New connections per second from one address; those beyond are closed at once. Default 500. */
  readonly connectsPerSecondMax?: number;
  /** Where the agent commands: persistent sessions may hold QoS 1 subscriptions there; a client's publish is counted. */
  readonly commandFilters: readonly string[];
  /** Takes the first bytes of what is no MQTT. */
  setAside?(junk: Junk): void;
  /** Takes back the memory that a connection was read into, once all that was in it is settled. */
  free?(buffer: ArrayBuffer): void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Kind of the log line, and why. */
const RIGHTS_REFUSAL = [
  "publish_rights",
  "the user may not publish there; see `publish` of its entry in inputs.broker.users",
] as const;
const STATE_REFUSAL = [
  "host_state",
  "whether this Sparkplug host is online is for the agent to say; another host needs another id",
] as const;
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
const FAREWELL_MS_MAX = 500;
/** `$`: no filter with a wildcard in front takes it. */
const REFUSED_TOPIC = "$millrace/refused";
const RETAINED_MAX = 10_000;
const RETAINED_BYTES_MAX = 16 * 1024 * 1024;
/** In memory of all messages that come in, wait for the disk, or are on their way to subscribers; more only for a packet that is greater. */
const IN_HAND_BYTES_MAX = 64 * 1024 * 1024;
/** Of one connection, and one packet more. */
const IN_HAND_OF_CLIENT_BYTES_MAX = 1024 * 1024;
/** Unacknowledged messages of one connection; with more it is not read until some have become durable. */
const UNACKNOWLEDGED_MAX = 10_000;

/** What decides whether messages to a topic need the broker. */
interface KnownTopic {
  readonly name: string;
  /** No client may publish to it directly, whoever subscribes. */
  readonly isBrokers: boolean;
  isSubscribed: boolean;
  /** `SubscribedFilters.version` that `isSubscribed` is of. */
  asOf: number;
  /** Who was last found to have the right to publish to it. */
  publisher: BrokerUser | undefined;
}

/** A PUBLISH that waits for its PUBACK: the id of a direct one; what lets aedes go on with another. */
type Unacknowledged = number | (() => void);

/**
 * The embedded MQTT 3.1.1 broker that sensors publish to.
 *
 * PUBACK means durable: aedes writes it before it publishes, but after the asynchronous `authorizePublish` (its
 * lib/handlers/publish.js), so that is where the handler is awaited. A QoS 0 message is not held up. QoS 2 is taken at
 * its PUBLISH; one that a client repeats before its PUBREL is handed over again.
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
  readonly #users: BrokerUsers;
  #commandFilters: readonly string[];
  #isHost: boolean;
  readonly #userOf = new WeakMap<Client, BrokerUser>();
  /** Whether topics are the agent's to command on. */
  readonly #isCommandTopic = new RememberedTopics((topic) =>
    this.#commandFilters.some((filter) => filterTakes(filter, topic)),
  );
  readonly #counts = {
    messages: 0,
    oversized: 0,
    commit_failures: 0,
    client_errors: 0,
    malformed_packets: 0,
    refused_clients: 0,
    refused_rate: 0,
    refused_login: 0,
    refused_tls: 0,
    refused_publishes: 0,
    refused_subscriptions: 0,
    command_topic_publishes: 0,
  };
  readonly #acks = new WeakMap<Client, OrderedRelease<Unacknowledged>>();
  readonly #leftUnread = new WeakSet<Client>();
  readonly #turns: ReadingTurns<Client>;
  readonly #subscribed = new SubscribedFilters<Client>();
  /** Of the broker that runs, or ran last. */
  #kept: { readonly sessions: BrokerSessions; readonly retained: RetainedMessages } | null = null;
  #topics = this.#newTopics();
  /** Of the clients that connect; 0: they have none. */
  readonly #keepAliveMsOf = new WeakMap<Client, number>();
  readonly #failedClients = new WeakSet<Client>();
  readonly #readerOf = new WeakMap<Client, ClientReader<KnownTopic>>();
  readonly #inHand: BytesInHand<Client>;
  readonly #packetBytesMax: number;
  /** What messages that go through aedes count for in `#inHand`. */
  readonly #bytesOf = new WeakMap<PublishPacket, number>();
  #handler: InputHandler | null = null;
  #broker: Aedes | null = null;
  #listener: BrokerListener | null = null;

  constructor(options: BrokerInputOptions) {
    this.name = options.name;
    this.mustTakeCommands = options.mustTakeCommands ?? false;
    this.#options = options;
    this.#commandFilters = options.commandFilters;
    this.#isHost = options.isSparkplugHost ?? false;
    this.#users = new BrokerUsers(options.users);
    this.#packetBytesMax = packetBytesMaxOf(options);
    this.#inHand = new BytesInHand({
      bytesMax: Math.max(IN_HAND_BYTES_MAX, this.#packetBytesMax),
      bytesPerClientMax: IN_HAND_OF_CLIENT_BYTES_MAX,
      // Not in the middle of what another of its packets sets off.
      onRoom: (client) => queueMicrotask(() => this.#readOn(client)),
    });
    this.#turns = new ReadingTurns({
      clock: options.clock,
      nextTurn: setImmediate,
      readOn: (client) => client.conn.emit("readable"),
    });
  }

  /** The port in use; for `port: 0`. */
  get port(): number {
    return this.#listener?.port ?? this.#options.port;
  }

  async start(handler: InputHandler): Promise<void> {
    if (this.#listener !== null) throw new Error(`cannot start input ${this.name}: it is running`);
    this.#handler = handler;
    const { sessions, retained } = (this.#kept = await this.#openKept());
    const broker = await Aedes.createBroker(this.#brokerOptions(sessions, retained));
    broker.on("clientError", (client, error) => this.#onClientError(client, error));
    broker.on("connectionError", (client, error) => this.#onClientError(client, error));
    // One that has ended in the middle of its login is not told of again.
    broker.on("client", ({ id, closed }) => closed || sessions.opened(id));
    broker.on("clientDisconnect", ({ id }) => sessions.closed(id, this.#options.clock.monotonicMs()));
    broker.on("unsubscribe", (filters, client) => {
      for (const filter of filters) this.#subscribed.remove(client, filter);
    });
    const listener = new BrokerListener({
      ...this.#options,
      connectsPerSecondMax: this.#options.connectsPerSecondMax ?? CONNECTS_PER_SECOND_MAX,
      handshakeTimeoutMs: CONNECT_TIMEOUT_MS,
      onConnection: (socket) => this.#onConnection(socket, broker),
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
    if (this.#isHost) await this.#sayState("online");
  }

  async stop(): Promise<void> {
    const [listener, broker] = [this.#listener, this.#broker];
    this.#handler = null;
    this.#listener = null;
    if (listener === null || broker === null) return;
    await this.#sayFarewell();
    this.#broker = null;
    await listener.close(() => closeBroker(broker));
    this.#kept?.sessions.closeAll(this.#options.clock.monotonicMs());
  }

  /** Edge nodes are told, unless one of them takes nothing any more. */
  async #sayFarewell(): Promise<void> {
    if (!this.#isHost) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(FAREWELL_MS_MAX, resolve);
      void this.#sayState("farewell")
        .catch(() => {})
        .then(() => {
          timer.cancel();
          resolve();
        });
    });
  }

  async #sayState(state: "online" | "farewell"): Promise<void> {
    const { presence } = this.#options;
    if (state === "online") presence?.begin();
    if (presence !== undefined && this.#broker !== null)
      await this.publish(presence.topic, presence[state], { qos: 1, retain: true });
  }

  publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<void> {
    const broker = this.#broker;
    if (broker === null)
      return Promise.reject(new Error(`cannot publish to ${topic}: the broker is not running`));
    const packet: PublishPacket = {
      cmd: "publish",
      topic,
      payload: Buffer.from(payload),
      qos: options.qos,
      retain: options.retain ?? false,
      dup: false,
    };
    return new Promise((resolve, reject) => {
      broker.publish(packet, (error) => (error == null ? resolve() : reject(error)));
    });
  }

  /** Every message published here reaches the handler. */
  async follow({ commandFilters, sparkplugFilters }: Subscriptions): Promise<void> {
    const isHost = sparkplugFilters.length > 0;
    const wasHost = this.#isHost;
    // From here on no client says otherwise: it would be kept instead of what is said now.
    if (isHost) this.#isHost = true;
    if (isHost !== wasHost) await (isHost ? this.#sayState("online") : this.#sayFarewell());
    this.#isHost = isHost;
    this.#commandFilters = commandFilters;
    this.#isCommandTopic.forget();
    this.#topics = this.#newTopics();
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
    return {
      persistence: new BrokerPersistence({
        sessions,
        retained,
        isOwn: (topic) => this.#isOwnState(topic),
        clock: this.#options.clock,
        onRepeated: (client, packet) => this.#release(client, packet),
      }),
      maxTopicLevels: this.#options.topicLevelsMax ?? TOPIC_LEVELS_MAX,
      concurrency: DELIVERIES_MAX,
      connectTimeout: CONNECT_TIMEOUT_MS,
      drainTimeout: this.#options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS,
      maxClientsIdLength: 256,
      preConnect: (client, packet, done) => {
        this.#keepAliveMsOf.set(client, (packet.keepalive ?? 0) * 1_000);
        // aedes does not see direct publishes: `KeepAlive` watches in its place.
        packet.keepalive = 0;
        done(null, true);
      },
      authenticate: (client, name, password, done) => {
        const user = this.#users.find({ user: name, password, commonName: certifiedNameOf(client.conn) });
        if (user !== undefined) {
          this.#userOf.set(client, user);
          return done(null, true);
        }
        this.#counts.refused_login++;
        // 4: bad user name or password (MQTT 3.1.1, 3.2.2.3).
        const refusal: AuthenticateError = Object.assign(new Error("bad user name or password"), {
          returnCode: 4,
        });
        done(refusal, false);
      },
      authorizePublish: (client, packet, done) => this.#onPublish(client, packet, done),
      published: (packet, client, done) => {
        if (client !== null) this.#release(client, packet);
        // PUBREC promises that it comes to everybody, and once.
        if (packet.qos === 2) void sessions.committed().then(() => done());
        else done();
      },
      authorizeSubscribe: (client, subscription, done) =>
        done(null, this.#grants(client, subscription, sessions) ? subscription : null),
      authorizeForward: (client, packet) => {
        const user = this.#userOf.get(client);
        return user !== undefined && this.#users.mayReceive(user, packet.topic) ? packet : null;
      },
    };
  }

  /**
   * Asked for each filter of a SUBSCRIBE, and again for those of a session that goes on. What is granted is stored here: aedes would
   * store what is refused, too.
   */
  #grants(client: Client, { topic: filter, qos }: Subscription, sessions: BrokerSessions): boolean {
    if (client.closed) return false;
    const refusal = this.#refusalOf(client, filter, qos);
    if (refusal === null) {
      if (!client.clean) sessions.subscribe(client.id, filter, qos);
      return true;
    }
    // Of a session that goes on, what may no longer be.
    if (!client.connected) sessions.unsubscribe(client.id, filter);
    this.#counts.refused_subscriptions++;
    const user = this.#userOf.get(client)?.user;
    this.#options.log.repeated(refusal.key, `a subscription was refused: ${refusal.detail}`, {
      client: client.id,
      user,
      topic: filter,
    });
    return false;
  }

  #refusalOf(client: Client, filter: string, qos: number): { key: string; detail: string } | null {
    const user = this.#userOf.get(client);
    if (user === undefined || !this.#users.maySubscribe(user, filter))
      return {
        key: "subscription_rights",
        detail: "the user may not subscribe there; see `subscribe` of its entry in inputs.broker.users",
      };
    if (!client.clean && qos > 0 && !this.#isOnlyCommands(filter))
      return {
        key: "persistent_subscription",
        detail:
          "a client with a persistent session may subscribe with QoS 1 to command topics only; use a clean session or QoS 0",
      };
    if (!this.#subscribed.add(client, filter))
      return {
        key: "subscriptions_max",
        detail: "the client, or all together, have too many, or the filter is too long",
      };
    return null;
  }

  #onConnection(socket: Socket, broker: Aedes): void {
    socket.setNoDelay(true);
    const client = broker.handle(socket);
    socket.on("close", () => {
      this.#subscribed.removeClient(client);
      this.#inHand.remove(client);
    });
    let user: BrokerUser | undefined;
    const reader = new ClientReader<KnownTopic>({
      socket,
      client,
      clock: this.#options.clock,
      inHand: this.#inHand,
      turns: this.#turns,
      packetBytesMax: this.#packetBytesMax,
      topicAt: (bytes, from, to) =>
        user === undefined ? undefined : this.#directTopic(user, bytes, from, to),
      take: (publish, readAtMs) => this.#onDirectPublish(client, publish, readAtMs),
      free: (buffer) => this.#options.free?.(buffer),
      isUnreadable: () => this.#isUnreadable(client, socket),
      leftUnread: () => void this.#leftUnread.add(client),
      oversized: () => this.#counts.oversized++,
    });
    this.#readerOf.set(client, reader);
    client.once("connected", () => {
      // It may have ended in the middle of its login: nobody tells of it again.
      if (socket.destroyed) return;
      user = this.#userOf.get(client);
      reader.open(this.#keepAliveMsOf.get(client) ?? 0);
      this.#readOn(client);
    });
    socket.on("drain", () => this.#readOn(client));
  }

  /** Too much of it waits for the disk, or it does not take its acknowledgements: it is read on when that is over. */
  #isUnreadable(client: Client, socket: Socket): boolean {
    const isUnreadable =
      (this.#acks.get(client)?.heldCount ?? 0) >= UNACKNOWLEDGED_MAX ||
      socket.writableNeedDrain ||
      this.#inHand.mustWait(client);
    if (isUnreadable) this.#leftUnread.add(client);
    return isUnreadable;
  }

  #readOn(client: Client): void {
    if (this.#leftUnread.delete(client)) client.conn.emit("readable");
  }

  /** The topic, where its messages of this user need no broker. */
  #directTopic(user: BrokerUser, bytes: Uint8Array, from: number, to: number): KnownTopic | undefined {
    const topic = this.#topics.find(bytes, from, to);
    if (topic === undefined || topic.isBrokers) return undefined;
    if (topic.asOf !== this.#subscribed.version) {
      topic.isSubscribed = this.#subscribed.takes(topic.name);
      topic.asOf = this.#subscribed.version;
    }
    if (topic.isSubscribed) return undefined;
    if (topic.publisher === user) return topic;
    if (!this.#users.mayPublish(user, topic.name)) return undefined;
    topic.publisher = user;
    return topic;
  }

  #newTopics(): TopicCache<KnownTopic> {
    return new TopicCache((name) => this.#toKnown(name));
  }

  #toKnown(name: string): KnownTopic {
    const { topicLevelsMax = TOPIC_LEVELS_MAX } = this.#options;
    const isBrokers =
      name.startsWith("$") ||
      /[+#\0]/.test(name) ||
      name.split("/").length > topicLevelsMax ||
      this.#isOwnState(name) ||
      this.#isCommandTopic.find(name);
    return { name, isBrokers, isSubscribed: false, asOf: -1, publisher: undefined };
  }

  /** True where it is settled: its payload is not looked at any more. */
  #onDirectPublish(client: Client, publish: DirectPublish<KnownTopic>, arrivedMonotonicMs: number): boolean {
    const { topic, payload, qos, packetId } = publish;
    const handler = this.#handler;
    // It is not acknowledged: its client sends it again.
    if (handler === null) return true;
    this.#counts.messages++;
    const isOversized = this.#countOversized(topic.name, payload);
    const work = settle(handler, {
      topic: topic.name,
      payload,
      isRetained: false,
      isFresh: true,
      isOversized,
      qos,
      client: client.id,
      arrivedMonotonicMs,
    });
    if (qos === 1) this.#acksOf(client).add(work, packetId);
    else work?.catch(() => this.#counts.commit_failures++);
    return work === undefined;
  }

  #countOversized(topic: string, payload: Uint8Array): boolean {
    const { payloadBytesMax, sparkplugBytesMax = payloadBytesMax } = this.#options;
    const isLarge = payload.length > payloadBytesMax;
    const isOversized =
      isLarge && topic.startsWith(`${SPARKPLUG_NAMESPACE}/`)
        ? payload.length > sparkplugBytesMax
        : isOversizedOn(topic, payload, this.#options);
    if (isOversized) this.#counts.oversized++;
    return isOversized;
  }

  #onPublish(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    const handler = this.#handler;
    if (handler === null) return done(new Error("the broker is stopping"));
    if (client === null) return done();
    this.#counts.messages++;
    if (!client.closed) this.#hold(client, packet);
    const user = this.#userOf.get(client);
    // Under $SYS the broker talks to itself: a message there can end other clients' connections.
    const isInternal = packet.topic.startsWith("$SYS/");
    if (isInternal || user === undefined || !this.#users.mayPublish(user, packet.topic)) {
      this.#refusePublish(client, packet, RIGHTS_REFUSAL);
      return done();
    }
    if (this.#isOwnState(packet.topic)) {
      this.#refusePublish(client, packet, STATE_REFUSAL);
      return done();
    }
    const isCommand = this.#isCommandTopic.find(packet.topic);
    if (isCommand) {
      this.#counts.command_topic_publishes++;
      this.#options.log.repeated("command_topic", "a client publishes to a command topic", {
        client: client.id,
        topic: packet.topic,
      });
    }
    const isRetained = packet.retain;
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    const isOversized = this.#countOversized(packet.topic, payload);
    const work = settle(handler, {
      topic: packet.topic,
      payload,
      isRetained,
      isFresh: true,
      isOversized,
      qos: packet.qos,
      client: client.id,
      arrivedMonotonicMs: this.#options.clock.monotonicMs(),
    });
    if (packet.qos === 0) {
      work?.catch(() => this.#counts.commit_failures++);
      return done();
    }
    // A will comes when its client is closed already: nothing to put in order.
    if (client.closed) {
      work?.catch(() => this.#counts.commit_failures++);
      return done();
    }
    if (packet.qos === 2 || !(isCommand || isRetained)) return this.#acksOf(client).add(work, () => done());
    this.#publishNow(client, packet, work);
    done();
  }

  /**
   * What clients may find again later, waiting for them or retained, is to be on disk before its PUBACK, with who it waits for. So it is
   * published first, and acknowledged here: aedes has only an empty message left to take.
   */
  #publishNow(client: Client, packet: PublishPacket, work: ReturnType<InputHandler>): void {
    const { messageId = 0 } = packet;
    const bytes = this.#bytesOf.get(packet) ?? 0;
    this.#bytesOf.delete(packet);
    const delivered = new Promise<void>((resolve) => this.#broker?.publish({ ...packet }, () => resolve()));
    // Whom it waits for is known at the end of this turn.
    const kept = new Promise((resolve) => setImmediate(resolve)).then(() => this.#kept?.sessions.committed());
    const durable = Promise.all([work, kept]);
    void Promise.allSettled([delivered, durable]).then(() => this.#inHand.release(client, bytes));
    this.#acksOf(client).add(durable, messageId);
    withdraw(packet);
    packet.qos = 0;
  }

  /** Until aedes is done with it, or its client is gone. */
  #hold(client: Client, packet: PublishPacket): void {
    const bytes = packet.topic.length + packet.payload.length;
    this.#bytesOf.set(packet, bytes);
    this.#inHand.hold(client, bytes);
  }

  #release(client: Client, packet: PublishPacket): void {
    this.#inHand.release(client, this.#bytesOf.get(packet) ?? 0);
    this.#bytesOf.delete(packet);
  }

  /**
   * MQTT 3.1.1 has no PUBACK that refuses. It is acknowledged, or its sender would send it for ever, and goes where nobody
   * listens.
   */
  #refusePublish(client: Client, packet: PublishPacket, [kind, why]: readonly [string, string]): void {
    this.#counts.refused_publishes++;
    this.#options.log.repeated(kind, `a publish was dropped: ${why}`, {
      client: client.id,
      user: this.#userOf.get(client)?.user,
      topic: packet.topic,
    });
    withdraw(packet);
  }

  #acksOf(client: Client): OrderedRelease<Unacknowledged> {
    let acks = this.#acks.get(client);
    if (acks === undefined) {
      acks = new OrderedRelease({
        release: (released) => this.#acknowledge(client, released),
        failed: (error) => {
          this.#counts.commit_failures++;
          this.#options.log.repeated(
            "commit_failed",
            "a message was not made durable: its client is disconnected and will send again",
            { client: client.id, error: String(error) },
          );
          client.close();
        },
      });
      this.#acks.set(client, acks);
    }
    return acks;
  }

  /** aedes writes at once what it is let to: all leave in the order in which they came. */
  #acknowledge(client: Client, released: readonly Unacknowledged[]): void {
    if (client.closed) return;
    let ids: number[] = [];
    const flush = () => {
      if (ids.length > 0) client.conn.write(pubackBytes(ids));
      ids = [];
    };
    for (const one of released) {
      if (typeof one === "number") ids.push(one);
      else {
        flush();
        one();
      }
    }
    flush();
    this.#readOn(client);
  }

  /** What this host says of itself is said by nobody else here. */
  #isOwnState(topic: string): boolean {
    return this.#isHost && topic === this.#options.presence?.topic;
  }

  /** Whether all topics of the filter are the agent's to command on. */
  #isOnlyCommands(filter: string): boolean {
    return this.#commandFilters.some((commands) => filterCovers(commands, filter));
  }

  /** aedes tells every write that fails on a connection that is lost already; one counts. */
  #onClientError(client: Client, error: Error): void {
    if (this.#failedClients.has(client)) return;
    this.#failedClients.add(client);
    this.#counts.client_errors++;
    const address = client.conn instanceof Socket ? client.conn.remoteAddress : undefined;
    this.#options.log.repeated("client_error", `a client was disconnected: ${error.message}`, {
      client: client.id,
      address,
    });
    const reader = this.#readerOf.get(client);
    if (reader?.isMalformed !== true) return;
    this.#counts.malformed_packets++;
    const { head } = reader;
    this.#options.setAside?.({
      reason: "malformed_packets",
      topic: "",
      client: client.id || (address ?? ""),
      detail: `${error.message}; the connection is closed`,
      head,
      bytes: head.length,
    });
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

/** It goes where nobody listens. */
function withdraw(packet: PublishPacket): void {
  packet.topic = REFUSED_TOPIC;
  packet.payload = Buffer.alloc(0);
  packet.retain = false;
}

/** The handler's promise; a handler that throws counts as one that rejects. */
function settle(handler: InputHandler, arrival: Parameters<InputHandler>[0]): ReturnType<InputHandler> {
  try {
    return handler(arrival);
  } catch (error) {
    return Promise.reject(error);
  }
}

function closeBroker(broker: Aedes): Promise<void> {
  return new Promise((resolve) => broker.close(() => resolve()));
}
