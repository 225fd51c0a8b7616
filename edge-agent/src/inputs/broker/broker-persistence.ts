import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "@millrace/runtime";
import type { AedesPublishPacket, Client, PublishPacket, PubrelPacket, Subscription } from "aedes";
import { AtOnce } from "./at-once.ts";
import type { BrokerSessions, StoredSubscription } from "./broker-sessions.ts";
import type { RetainedMessage, RetainedMessages } from "./retained-messages.ts";

export interface BrokerPersistenceOptions {
  readonly sessions: BrokerSessions;
  readonly retained: RetainedMessages;
  /** Whether it is for the agent alone to say what is kept there. */
  isOwn(topic: string): boolean;
  /** Whether the client's user has the right to. */
  mayReceive(client: Client, topic: string): boolean;
  readonly clock: Clock;
  /** A QoS 2 message has come again, and is not published again. */
  readonly onRepeated: (client: Client, packet: PublishPacket) => void;
}

interface ClientId {
  readonly id: string;
}

/** Of a QoS 1 or 2 message to a client, or what says that it has it. */
interface MessagePacket {
  readonly cmd: string;
  readonly topic?: string;
  readonly messageId?: number;
  readonly brokerCounter?: number;
}

type RetainedPacket = RetainedMessage & Pick<AedesPublishPacket, "cmd" | "retain">;

/**
 * What aedes stores: its interface to the sessions and the retained messages. What it writes to a client once a promise here
 * resolves is promised to that client: it waits for the disk where the client relies on it, and nowhere else. Payloads
 * are copied, since aedes cuts them out of all that came with them.
 */
export class BrokerPersistence {
  readonly #sessions: BrokerSessions;
  readonly #options: BrokerPersistenceOptions;

  constructor(options: BrokerPersistenceOptions) {
    this.#sessions = options.sessions;
    this.#options = options;
  }

  /** Messages are told apart by aedes's count, also those of earlier runs that still wait. */
  async setup(broker: object): Promise<void> {
    Object.assign(broker, { counter: this.#sessions.lastNumber });
  }

  storeRetained({ topic, payload, qos }: AedesPublishPacket): AtOnce<void> {
    const message = { topic, payload: copyOf(payload), qos };
    if (this.#options.isOwn(topic)) this.#options.retained.storeOwn(message);
    else this.#options.retained.store(message);
    return new AtOnce(undefined);
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from(this.#retainedFor(filters));
  }

  async *#retainedFor(filters: readonly string[]): AsyncGenerator<RetainedPacket> {
    for await (const { topic, payload, qos } of this.#options.retained.for(filters))
      yield { cmd: "publish", topic, payload, qos, retain: true };
  }

  /** Done already, where each was granted: aedes would hand over those refused beside them, too. */
  async addSubscriptions({ id }: ClientId): Promise<void> {
    await this.#sessions.durable(id);
  }

  async removeSubscriptions({ id }: ClientId, filters: readonly string[]): Promise<void> {
    for (const filter of filters) this.#sessions.unsubscribe(id, filter);
    await this.#sessions.durable(id);
  }

  async subscriptionsByClient({ id }: ClientId): Promise<Subscription[]> {
    return this.#sessions.subscriptionsOf(id, this.#options.clock.monotonicMs());
  }

  subscriptionsByTopic(topic: string): AtOnce<StoredSubscription[]> {
    return new AtOnce(this.#sessions.subscribersOf(topic));
  }

  /** Not waited for: a client that wants nothing kept is not to be held up by a disk that fails. */
  async cleanSubscriptions({ id }: ClientId): Promise<void> {
    this.#sessions.discard(id);
  }

  outgoingEnqueue({ clientId }: { readonly clientId: string }, packet: AedesPublishPacket): AtOnce<void> {
    return this.outgoingEnqueueCombi([{ clientId, topic: packet.topic, qos: packet.qos }], packet);
  }

  outgoingEnqueueCombi(
    subscribers: readonly StoredSubscription[],
    { topic, payload, qos, brokerId, brokerCounter, messageExpiry: validUntilMs }: AedesPublishPacket,
  ): AtOnce<void> {
    const done = new AtOnce(undefined);
    if (subscribers.length === 0) return done;
    const numbered = { brokerId, brokerCounter, messageId: undefined };
    const message = { topic, payload: copyOf(payload), ...numbered, validUntilMs };
    for (const { clientId, qos: most } of subscribers)
      this.#sessions.enqueue(clientId, { ...message, cmd: "publish", qos: qos < most ? qos : most });
    return done;
  }

  /** What is queued no more is sent nevertheless. */
  async outgoingUpdate({ id }: ClientId, packet: MessagePacket): Promise<void> {
    const { cmd, messageId, brokerCounter } = packet;
    const mustWait =
      cmd === "pubrel"
        ? this.#sessions.received(id, messageId ?? 0)
        : this.#sessions.sent(id, brokerCounter ?? 0, messageId);
    if (mustWait) await this.#sessions.committed();
  }

  /**
   * Resolves with nothing: aedes would put it into a stream that nobody reads. What has no id yet is not to be sent: for want of the
   * right, or because another filter of the client's takes it, too, by which it is being handed over.
   */
  async outgoingClearMessageId(client: Client, packet: MessagePacket): Promise<void> {
    const isHandedOver =
      packet.messageId === undefined && this.#options.mayReceive(client, packet.topic ?? "");
    if (!isHandedOver) return this.#sessions.done(client.id, packet);
    await nextTurn();
    this.#sessions.handedOver(client.id, packet.brokerCounter ?? 0);
  }

  /** Whatever may have been sent before is sent as such (MQTT 3.1.1, 3.3.1.1). */
  outgoingStream({ id }: ClientId): Readable {
    return Readable.from(
      this.#sessions.waitingFor(id, this.#options.clock.nowMs()).map((message) => ({
        ...message,
        dup: message.cmd === "publish" && message.messageId !== undefined,
      })),
    );
  }

  /** Durable together with what the message sets off, before PUBREC: see `published` in the broker's options. */
  async incomingStorePacket(
    { id, clean }: Pick<Client, "id" | "clean">,
    { messageId }: MessagePacket,
  ): Promise<void> {
    this.#sessions.keepUnreleased(id, messageId ?? 0, { isClean: clean });
  }

  /** Rejects for what has not come yet. */
  async incomingGetPacket(client: Client, packet: PublishPacket | PubrelPacket): Promise<MessagePacket> {
    if (!this.#sessions.isUnreleased(client.id, packet.messageId ?? 0)) throw new Error("no such packet");
    if (packet.cmd === "publish") this.#options.onRepeated(client, packet);
    return packet;
  }

  async incomingDelPacket({ id }: ClientId, { messageId }: MessagePacket): Promise<void> {
    if (this.#sessions.release(id, messageId ?? 0)) await this.#sessions.committed();
  }

  async cleanIncoming({ id }: ClientId): Promise<void> {
    this.#sessions.releaseAll(id);
  }

  /** Wills live with their connections: none outlives the process. */
  async putWill(_client: ClientId, will: { payload: Buffer | string }): Promise<void> {
    will.payload = copyOf(will.payload);
  }

  async delWill(): Promise<void> {}

  streamWill(): Readable {
    return Readable.from([]);
  }
}

function copyOf(payload: Buffer | string): Buffer {
  return Buffer.from(payload);
}
