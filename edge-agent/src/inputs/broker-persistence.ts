import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "@millrace/runtime";
import type { AedesPublishPacket, Client, PublishPacket, PubrelPacket, Subscription } from "aedes";
import type { BrokerSessions, StoredSubscription } from "./broker-sessions.ts";
import { filterTakes } from "./topic-filter.ts";

export interface BrokerPersistenceOptions {
  readonly sessions: BrokerSessions;
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
  readonly messageId?: number;
  readonly brokerCounter?: number;
}

type RetainedPacket = Pick<AedesPublishPacket, "cmd" | "topic" | "payload" | "qos" | "retain">;

/**
 * What aedes stores, in memory: its interface to the sessions, and the retained messages, which the broker input bounds. Payloads are
 * copied, since aedes cuts them out of all that came with them.
 */
export class BrokerPersistence {
  readonly #sessions: BrokerSessions;
  readonly #options: BrokerPersistenceOptions;
  readonly #retained = new Map<string, RetainedPacket>();

  constructor(options: BrokerPersistenceOptions) {
    this.#sessions = options.sessions;
    this.#options = options;
  }

  async setup(): Promise<void> {}

  async storeRetained({ topic, payload, qos }: AedesPublishPacket): Promise<void> {
    if (payload.length === 0) this.#retained.delete(topic);
    else this.#retained.set(topic, { cmd: "publish", topic, payload: copyOf(payload), qos, retain: true });
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from(this.#retainedFor(filters));
  }

  async *#retainedFor(filters: readonly string[]): AsyncGenerator<RetainedPacket> {
    for (const filter of filters) {
      const exact = this.#retained.get(filter);
      if (exact !== undefined) yield exact;
      if (!filter.includes("+") && !filter.includes("#")) continue;
      for (const [topic, packet] of this.#retained) if (filterTakes(filter, topic)) yield packet;
      // Many filters of one client, and many topics, take long: everything else goes on meanwhile.
      await nextTurn();
    }
  }

  /** Done already, where each was granted: aedes would hand over those refused beside them, too. */
  async addSubscriptions(): Promise<void> {}

  async removeSubscriptions({ id }: ClientId, filters: readonly string[]): Promise<void> {
    for (const filter of filters) this.#sessions.unsubscribe(id, filter);
  }

  async subscriptionsByClient({ id }: ClientId): Promise<Subscription[]> {
    return this.#sessions.subscriptionsOf(id, this.#options.clock.monotonicMs());
  }

  async subscriptionsByTopic(topic: string): Promise<StoredSubscription[]> {
    return this.#sessions.subscribersOf(topic);
  }

  async cleanSubscriptions({ id }: ClientId): Promise<void> {
    this.#sessions.discard(id);
  }

  async outgoingEnqueue({ clientId }: { readonly clientId: string }, packet: AedesPublishPacket) {
    await this.outgoingEnqueueCombi([{ clientId, topic: packet.topic, qos: packet.qos }], packet);
  }

  async outgoingEnqueueCombi(
    subscribers: readonly StoredSubscription[],
    { topic, payload, qos, brokerId, brokerCounter }: AedesPublishPacket,
  ): Promise<void> {
    if (subscribers.length === 0) return;
    const message = { topic, payload: copyOf(payload), brokerId, brokerCounter, messageId: undefined };
    for (const { clientId, qos: most } of subscribers)
      this.#sessions.enqueue(clientId, { ...message, cmd: "publish", qos: qos < most ? qos : most });
  }

  /** What is queued no more is sent nevertheless. */
  async outgoingUpdate({ id }: ClientId, packet: MessagePacket): Promise<void> {
    const { cmd, messageId, brokerCounter } = packet;
    if (cmd === "pubrel") this.#sessions.received(id, messageId ?? 0);
    else this.#sessions.sent(id, brokerCounter ?? 0, messageId);
  }

  /** Resolves with nothing: aedes would put it into a stream that nobody reads. */
  async outgoingClearMessageId({ id }: ClientId, packet: MessagePacket): Promise<void> {
    this.#sessions.done(id, packet);
  }

  outgoingStream({ id }: ClientId): Readable {
    return Readable.from(this.#sessions.queueOf(id));
  }

  async incomingStorePacket({ id }: ClientId, { messageId }: MessagePacket): Promise<void> {
    this.#sessions.keepUnreleased(id, messageId ?? 0);
  }

  /** Rejects for what has not come yet. */
  async incomingGetPacket(client: Client, packet: PublishPacket | PubrelPacket): Promise<MessagePacket> {
    if (!this.#sessions.isUnreleased(client.id, packet.messageId ?? 0)) throw new Error("no such packet");
    if (packet.cmd === "publish") this.#options.onRepeated(client, packet);
    return packet;
  }

  async incomingDelPacket({ id }: ClientId, { messageId }: MessagePacket): Promise<void> {
    this.#sessions.release(id, messageId ?? 0);
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
