import type { Duplex } from "node:stream";
import {
  type Backoff,
  type Clock,
  connectionReason,
  createBackoff,
  type Logger,
  type Random,
  reasonOf,
  type Timer,
} from "@millrace/runtime";
import { connect, type IClientPublishOptions, type MqttClient } from "mqtt";
import { ignoreUnexpectedPackets } from "./expected-packets.ts";
import { brokerAddress } from "./broker-url.ts";
import type { Input, InputHandler, InputStatus, PublishOptions, Subscriptions } from "./input.ts";
import { OrderedRelease } from "./ordered-release.ts";
import { PacketCutter } from "./packet-cutter.ts";
import { pubackBytes } from "./puback-bytes.ts";
import type { SessionFilters } from "./session-filters.ts";
import { SessionMark } from "./session-mark.ts";
import type { SparkplugPresence } from "./sparkplug-presence.ts";
import { filterCovers, widestFilters } from "./topic-filter.ts";
import type { EvidenceBounds } from "../evidence/evidence-topics.ts";
import { isOversizedOn } from "./oversized.ts";

export interface MqttInputOptions {
  readonly name: string;
  /** A command counts as sent only once this broker has it. Default false. */
  readonly mustTakeCommands?: boolean;
  /** `mqtt://` or `mqtts://`. */
  readonly url: string;
  /** Fixed: the broker keeps the session, with what came meanwhile, under this name. */
  readonly clientId: string;
  readonly protocolVersion?: 4 | 5;
  readonly username: string | null;
  readonly password: string | null;
  /** PEM text of the authority that signed the broker's certificate; null: the system's. */
  readonly ca?: string | null;
  /** PEM texts of the certificate that it shows; null: none. */
  readonly cert?: string | null;
  readonly key?: string | null;
  /** The messages of `filters` are shared with the other clients of this group; null: it has all of them. */
  readonly sharedGroup?: string | null;
  readonly filters: readonly string[];
  /** Never shared: machines' answers are for the agent that has asked. */
  readonly ownFilters?: readonly string[];
  /** Where it is kept what the broker's session may hold; absent: what is left of another configuration goes on arriving. */
  readonly sessions?: SessionFilters;
  readonly payloadBytesMax: number;
  /** Topics whose payloads may be greater. */
  readonly evidence?: EvidenceBounds;
  /** The connection is that of a Sparkplug host: it says so of itself, and the broker keeps no session of it. */
  readonly presence?: SparkplugPresence;
  /** A connection that stood is gone. */
  readonly lost?: () => void;
  /** Most messages taken and not yet acknowledged; beyond it the connection is not read. Default 1000. */
  readonly unacknowledgedMax?: number;
  /** A link that is silent for 1.5 times this is half open (MQTT 3.1.1, 3.1.2.10). Default 10. */
  readonly keepaliveS?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const CONNECT_TIMEOUT_MS = 5_000;
const KEEPALIVE_S = 10;
const RECONNECT_FIRST_MS = 200;
const RECONNECT_MAX_MS = 30_000;
const STOP_MS_MAX = 1_000;
/** Topic, packet id, and properties of MQTT 5 as far as anybody sends them; and one byte that is too many. */
const BEFORE_PAYLOAD_BYTES_MAX = 2 * 65_536;
/** For the broker to grant, or to take back, a subscription. */
const ANSWER_MS_MAX = 10_000;
/** Rights at a broker change without a word: what it refuses is asked for again so often. */
const REFUSED_RETRY_MS = 60_000;
/** MQTT 5 forgets a session at disconnect unless told how long to keep it. */
const SESSION_EXPIRY_S = 7 * 24 * 3600;

/**
 * Reads from a site's existing broker (MQTT 3.1.1 or 5), QoS 1, in a session that the broker keeps.
 *
 * Many unacknowledged messages share one commit. mqtt.js by itself takes the next message only after it has sent the
 * PUBACK of the last (its lib/handlers/publish.js), which would be one commit a message. So each QoS 1 message is shown
 * to it as QoS 0, on its public `packetreceive` event, before it looks at it; and its PUBACK is written here, in order,
 * once the handler has settled. The broker's own window (Mosquitto: `max_inflight_messages`, 20; MQTT 5: our
 * `receiveMaximum`) and `unacknowledgedMax` bound what is held. The contract test pins this against a real Mosquitto.
 *
 * Each connection has a client of its own, so nothing of mqtt.js's stores and queues outlives it; reconnecting is here.
 */
export class MqttInput implements Input {
  readonly name: string;
  readonly mustTakeCommands: boolean;
  readonly #options: MqttInputOptions;
  readonly #backoff: Backoff;
  /** Of the last connection; see `SessionMark`. */
  #lastMark: SessionMark | null = null;
  /** Of those, what brings readings alone. */
  #ofReadings: ReadonlySet<string> = new Set();
  /** Filters as they are to be subscribed to. */
  #subscriptions: readonly string[];
  /** What the broker's session may hold. */
  readonly #held = new Set<string>();
  readonly #counts = {
    messages: 0,
    oversized: 0,
    commit_failures: 0,
    connects: 0,
    disconnects: 0,
    acknowledged: 0,
    full: 0,
  };
  #handler: InputHandler | null = null;
  #connection: Connection | null = null;
  #reconnect: Timer | null = null;
  #refusedRetry: Timer | null = null;
  #reason: string | null = "not started";

  constructor(options: MqttInputOptions) {
    this.name = options.name;
    this.mustTakeCommands = options.mustTakeCommands ?? false;
    this.#options = options;
    this.#subscriptions = this.#subscriptionsTo(options);
    this.#backoff = createBackoff({
      random: options.random,
      firstMs: RECONNECT_FIRST_MS,
      maxMs: RECONNECT_MAX_MS,
    });
  }

  /** Begins to connect, and goes on for ever; `status` says how it stands. Rejects on an address that cannot be one. */
  async start(handler: InputHandler): Promise<void> {
    if (this.#handler !== null) throw new Error(`cannot start input ${this.name}: it is running`);
    brokerAddress(this.#options.url);
    this.#handler = handler;
    for (const filter of await this.#recalled()) this.#held.add(filter);
    if (this.#handler === handler) this.#connect(handler);
  }

  async stop(): Promise<void> {
    this.#handler = null;
    this.#reconnect?.cancel();
    this.#reconnect = null;
    this.#refusedRetry?.cancel();
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    this.#reason = "stopped";
    this.#abandon(connection, "stopped");
    const { presence } = this.#options;
    if (presence !== undefined && connection.client.connected)
      connection.client.publish(presence.topic, presence.farewell, { qos: 1, retain: true });
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(STOP_MS_MAX, () =>
        connection.client.end(true, () => resolve()),
      );
      connection.client.end(false, () => {
        timer.cancel();
        resolve();
      });
    });
  }

  publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<void> {
    const connection = this.#connection;
    if (connection === null || !connection.client.connected) {
      return Promise.reject(new Error(`cannot publish to ${topic}: not connected to ${this.#options.url}`));
    }
    return new Promise((resolve, reject) => {
      connection.unfinished.add(reject);
      const { qos, retain = false } = options;
      const properties = this.#propertiesOf(options);
      connection.client.publish(topic, Buffer.from(payload), { qos, retain, ...properties }, (error) => {
        connection.unfinished.delete(reject);
        if (error == null) resolve();
        else reject(error);
      });
    });
  }

  /** Only MQTT 5 has a place for them. */
  #propertiesOf({ validUntilMs, correlation }: PublishOptions): Pick<IClientPublishOptions, "properties"> {
    if (this.#options.protocolVersion !== 5) return {};
    const leftMs = validUntilMs === undefined ? undefined : validUntilMs - this.#options.clock.nowMs();
    const expiry =
      leftMs === undefined ? {} : { messageExpiryInterval: Math.max(1, Math.ceil(leftMs / 1_000)) };
    const answer =
      correlation === undefined
        ? {}
        : { correlationData: Buffer.from(correlation.data), responseTopic: correlation.responseTopic };
    return { properties: { ...expiry, ...answer } };
  }

  /** What is new is subscribed to before anything else is given up: rather twice than not at all. */
  async follow(subscriptions: Subscriptions): Promise<void> {
    const before = this.#subscriptions;
    const wanted = this.#subscriptionsTo(subscriptions);
    this.#subscriptions = wanted;
    const connection = this.#connection;
    // Whoever asks the broker goes on until all that is wanted was asked for.
    if (connection === null || connection.isAsking || !connection.client.connected) return;
    connection.isAsking = true;
    try {
      const added = wanted.filter((filter) => !before.includes(filter));
      const refused = await this.#ask(connection, added);
      if (refused.length > 0)
        throw new Error(`cannot subscribe to ${refused.join(", ")}: the broker refuses`);
    } catch (error) {
      this.#subscriptions = before;
      throw error;
    } finally {
      await this.#leave(connection);
      connection.isAsking = false;
      this.#settle(connection);
    }
  }

  status(): InputStatus {
    return {
      name: this.name,
      isConnected: this.#connection?.isSettled === true,
      reason: this.#reason,
      counts: { ...this.#counts, unacknowledged: this.#connection?.acks.heldCount ?? 0 },
    };
  }

  #connect(handler: InputHandler): void {
    const { url, clientId, username, password, ca, cert, key, presence, protocolVersion = 4 } = this.#options;
    presence?.begin();
    const client = connect({
      ...brokerAddress(url),
      clientId,
      protocolVersion,
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
      ...(ca == null ? {} : { ca }),
      ...(cert == null || key == null ? {} : { cert, key }),
      // Sparkplug 3.0, 5.3: births are not kept, so neither is what comes while nobody hears them.
      clean: presence !== undefined,
      ...(presence === undefined
        ? {}
        : { will: { topic: presence.topic, payload: Buffer.from(presence.will), qos: 1, retain: true } }),
      keepalive: this.#options.keepaliveS ?? KEEPALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      ...(protocolVersion === 5
        ? {
            properties: {
              receiveMaximum: this.#unacknowledgedMax,
              sessionExpiryInterval: presence === undefined ? SESSION_EXPIRY_S : 0,
            },
          }
        : {}),
    });
    const connection: Connection = {
      client,
      acks: new OrderedRelease({
        release: (messageIds) => this.#acknowledge(connection, messageIds),
        failed: (error) => this.#onCommitFailure(connection, error),
      }),
      unfinished: new Set(),
      granted: new Set(),
      mark: null,
      isAsking: false,
      isSettled: false,
      messageId: null,
      resume: null,
    };
    this.#connection = connection;
    this.#reason = "connecting";
    this.#bound(client.stream);
    ignoreUnexpectedPackets(client);
    client.on("packetreceive", (packet) => {
      if (packet.cmd !== "publish") return;
      connection.messageId = packet.qos === 1 ? (packet.messageId ?? null) : null;
      if (packet.qos === 1) packet.qos = 0;
    });
    client.handleMessage = (packet, callback): void => {
      this.#onMessage(connection, handler, packet);
      if (connection.acks.heldCount < this.#unacknowledgedMax) return callback();
      this.#counts.full++;
      connection.resume = callback;
    };
    client.on("connect", ({ sessionPresent: isResumed, properties }) => {
      if (this.#connection !== connection) return;
      const canMark = protocolVersion === 5 && properties?.subscriptionIdentifiersAvailable !== false;
      if (canMark) this.#lastMark = SessionMark.after(this.#lastMark, { ...this.#options, isResumed });
      connection.mark = canMark ? this.#lastMark : null;
      this.#counts.connects++;
      this.#backoff.reset();
      this.#reason = "subscribing";
      void this.#subscribe(connection);
    });
    client.on("error", (error) => this.#onLost(connection, connectionReason(error, "inputs.mqtt.ca")));
    client.on("disconnect", (packet) =>
      this.#onLost(connection, `the broker said goodbye, reason ${packet.reasonCode ?? 0}`),
    );
    client.on("close", () => this.#onLost(connection, "connection closed"));
  }

  /**
   * Of what the broker sends no packet is in memory that is greater than any payload may be: what is cut is oversized still, counted and
   * acknowledged. Before anything has been read.
   */
  #bound(stream: Duplex): void {
    const { payloadBytesMax, evidence } = this.#options;
    const cutter = new PacketCutter(
      () => Math.max(payloadBytesMax, evidence?.largestBytesMax() ?? 0) + BEFORE_PAYLOAD_BYTES_MAX,
    );
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding) =>
      push(Buffer.isBuffer(chunk) ? cutter.cut(chunk) : chunk, encoding);
  }

  #subscriptionsTo({
    filters,
    ownFilters = [],
  }: Pick<MqttInputOptions, "filters" | "ownFilters">): readonly string[] {
    const { sharedGroup = null } = this.#options;
    if (sharedGroup === null) {
      const widest = widestFilters([...filters, ...ownFilters]);
      this.#ofReadings = new Set(
        widest.filter((filter) => !ownFilters.some((own) => filterCovers(filter, own))),
      );
      return widest;
    }
    const shared = widestFilters(filters).map((filter) => `$share/${sharedGroup}/${filter}`);
    return [...shared, ...widestFilters(ownFilters)];
  }

  get #unacknowledgedMax(): number {
    return this.#options.unacknowledgedMax ?? 1000;
  }

  #onMessage(connection: Connection, handler: InputHandler, packet: IncomingPublish): void {
    const messageId = connection.messageId;
    connection.messageId = null;
    if (this.#connection !== connection) return;
    this.#counts.messages++;
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    const isOversized = isOversizedOn(packet.topic, payload, this.#options);
    if (isOversized) this.#counts.oversized++;
    let work: ReturnType<InputHandler>;
    try {
      work = handler({
        topic: packet.topic,
        payload,
        isRetained: packet.retain,
        mayBeOld: connection.mark?.isOlder(packet.properties?.subscriptionIdentifier),
        isOversized,
        qos: messageId === null ? 0 : 1,
        correlation: packet.properties?.correlationData?.toString(),
        client: this.name,
        arrivedMonotonicMs: this.#options.clock.monotonicMs(),
      });
    } catch (error) {
      work = Promise.reject(error);
    }
    if (messageId === null) work?.catch(() => this.#counts.commit_failures++);
    else connection.acks.add(work, messageId);
  }

  #acknowledge(connection: Connection, messageIds: readonly number[]): void {
    this.#counts.acknowledged += messageIds.length;
    connection.client.stream.write(pubackBytes(messageIds));
    const { resume } = connection;
    if (resume === null || connection.acks.heldCount >= this.#unacknowledgedMax) return;
    connection.resume = null;
    resume();
  }

  /** The first message of a Sparkplug host, after it has subscribed. */
  #sayOnline({ client }: Connection): void {
    const { presence } = this.#options;
    if (presence !== undefined) client.publish(presence.topic, presence.online, { qos: 1, retain: true });
  }

  /** All that is wanted and not granted, until nothing else is wanted meanwhile; then what is not wanted any more is left. */
  async #subscribe(connection: Connection): Promise<void> {
    connection.isAsking = true;
    try {
      for (let wanted: readonly string[] = []; wanted !== this.#subscriptions;) {
        wanted = this.#subscriptions;
        await this.#ask(
          connection,
          wanted.filter((filter) => !connection.granted.has(filter)),
        );
        await this.#leave(connection);
      }
    } catch (error) {
      this.#onLost(connection, reasonOf(error));
    }
    connection.isAsking = false;
    this.#settle(connection);
  }

  /** Each by itself, so that it is known which of them the broker refuses: those are returned. */
  async #ask(connection: Connection, filters: readonly string[]): Promise<readonly string[]> {
    for (const filter of filters) this.#held.add(filter);
    this.#remember();
    const areGranted = await Promise.all(
      filters.map(async (filter) => {
        const isGranted = await this.#answer(connection, this.#subscribed(connection, filter));
        if (isGranted) connection.granted.add(filter);
        return isGranted;
      }),
    );
    return filters.filter((_filter, index) => !areGranted[index]);
  }

  /** Whether the broker grants it. */
  #subscribed({ client, mark }: Connection, filter: string): Promise<boolean> {
    // Readings that are retained come once for a session (MQTT 5), not with every connection; what machines answer, and
    // what is in maintenance, may have changed meanwhile.
    const isOfReadings = this.#ofReadings.has(filter);
    return new Promise((resolve, reject) => {
      const options = { qos: 1, rh: isOfReadings ? 1 : 0, ...mark?.properties } as const;
      client.subscribe(filter, options, (error, _granted, answer) => {
        if (error === null) resolve(true);
        else if (answer?.granted.some((code) => typeof code === "number" && code >= REFUSAL)) resolve(false);
        else reject(error);
      });
    });
  }

  /**
   * Ends what the session holds and nobody wants, of an earlier configuration too. What the broker does not answer is
   * remembered, and tried again at the next connection.
   */
  async #leave(connection: Connection): Promise<void> {
    const left = [...this.#held].filter((filter) => !this.#subscriptions.includes(filter));
    if (left.length === 0) return;
    try {
      await this.#answer(connection, unsubscribed(connection, left));
    } catch (error) {
      const what = "cannot unsubscribe from what is not wanted any more";
      this.#options.log.repeated("unsubscribe", what, { error });
      return;
    }
    for (const filter of left) {
      connection.granted.delete(filter);
      this.#held.delete(filter);
    }
    this.#remember();
  }

  /** The broker's answer; rejects when it gives none, or the connection is gone. */
  async #answer<Answer>(connection: Connection, asked: Promise<Answer>): Promise<Answer> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    connection.unfinished.add(reject);
    const timer = this.#options.clock.after(ANSWER_MS_MAX, () =>
      reject(new Error("the broker does not answer a subscription")),
    );
    try {
      return await Promise.race([asked, late]);
    } finally {
      timer.cancel();
      connection.unfinished.delete(reject);
    }
  }

  /** How the connection stands, once all was asked for. What is refused is told, and does not keep the rest from working. */
  #settle(connection: Connection): void {
    if (this.#connection !== connection) return;
    const refused = this.#subscriptions.filter((filter) => !connection.granted.has(filter));
    const isFirst = !connection.isSettled;
    connection.isSettled = true;
    this.#reason = refused.length === 0 ? null : `the broker refuses ${refused.join(", ")}`;
    if (isFirst && refused.length < this.#subscriptions.length) this.#sayOnline(connection);
    this.#refusedRetry?.cancel();
    if (refused.length === 0) return;
    const { clock, log, name } = this.#options;
    log.repeated("subscribe", "the broker refuses subscriptions; the others work", { input: name, refused });
    this.#refusedRetry = clock.after(REFUSED_RETRY_MS, () => {
      if (this.#connection === connection && !connection.isAsking) void this.#subscribe(connection);
    });
  }

  async #recalled(): Promise<readonly string[]> {
    const { sessions, log } = this.#options;
    try {
      return (await sessions?.read(this.#session)) ?? [];
    } catch (error) {
      log.repeated("subscriptions", "cannot recall what was subscribed to", { error });
      return [];
    }
  }

  /** Before they are asked for: a session that holds less than is remembered does no harm. */
  #remember(): void {
    this.#options.sessions?.save(this.#session, [...this.#held]).catch((error: unknown) => {
      this.#options.log.repeated("subscriptions", "cannot remember what is subscribed to", { error });
    });
  }

  /** Whose session it is, and where. */
  get #session(): string {
    return `${this.#options.clientId} at ${this.#options.url}`;
  }

  #onCommitFailure(connection: Connection, error: unknown): void {
    this.#counts.commit_failures++;
    this.#onLost(connection, `a message was not made durable: ${String(error)}`);
  }

  #onLost(connection: Connection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    this.#counts.disconnects++;
    this.#reason = reason;
    this.#abandon(connection, reason);
    this.#options.lost?.();
    connection.client.end(true);
    const delayMs = this.#backoff.nextMs();
    this.#options.log.repeated("disconnected", "disconnected from the site's broker", {
      input: this.name,
      reason,
    });
    this.#reconnect = this.#options.clock.after(delayMs, () => {
      this.#reconnect = null;
      if (this.#handler !== null) this.#connect(this.#handler);
    });
  }

  #abandon(connection: Connection, reason: string): void {
    connection.acks.discard();
    connection.resume = null;
    for (const reject of connection.unfinished) reject(new Error(`connection lost: ${reason}`));
    connection.unfinished.clear();
  }
}

/** What belongs to one connection and ends with it: message ids mean nothing on the next. */
interface Connection {
  readonly client: MqttClient;
  readonly acks: OrderedRelease<number>;
  /** Rejections of publishes and subscriptions that wait for the broker. */
  readonly unfinished: Set<(error: Error) => void>;
  /** Filters that the broker has granted on it. */
  readonly granted: Set<string>;
  /** Tells what has waited in the session; null where the protocol has no way. */
  mark: SessionMark | null;
  /** The broker is being asked for subscriptions, one who asks at a time. */
  isAsking: boolean;
  /** It has answered once for all. */
  isSettled: boolean;
  /** Of the QoS 1 message being shown to mqtt.js as QoS 0. */
  messageId: number | null;
  /** Lets mqtt.js go on reading. */
  resume: (() => void) | null;
}

function unsubscribed({ client }: Connection, filters: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    client.unsubscribe([...filters], (error) => (error == null ? resolve() : reject(error)));
  });
}

/** Return codes from here on refuse a subscription (MQTT 3.1.1, 3.9.3; MQTT 5, 3.9.3). */
const REFUSAL = 0x80;

interface IncomingPublish {
  readonly topic: string;
  readonly payload: string | Buffer;
  readonly retain: boolean;
  readonly properties?: {
    readonly correlationData?: Buffer;
    readonly subscriptionIdentifier?: number | number[];
  };
}
