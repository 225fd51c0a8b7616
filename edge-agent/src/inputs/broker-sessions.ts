import { FilterTree } from "./filter-tree.ts";

type QoS = 0 | 1 | 2;

export interface BrokerSessionsOptions {
  /** Sessions of clients that are away; beyond, the one longest away is forgotten. */
  readonly awayMax: number;
  /** Away for longer, a session is forgotten. */
  readonly awayMs: number;
  /** Messages that wait for one client; beyond, its oldest is dropped. Default 1,000. */
  readonly queueMax?: number;
  /** And their bytes. Default 1 MiB. */
  readonly queueBytesMax?: number;
  /** Of all clients; beyond, the oldest of the client with most is dropped. Default 16 MiB. */
  readonly queuedBytesMax?: number;
  /** Of what is kept beside the messages; beyond, who is longest away is forgotten. Default 16 MiB. */
  readonly sessionBytesMax?: number;
}

/** A message that waits for a client, as aedes has it, or what is left of one of QoS 2 that the client has received. */
export interface QueuedMessage {
  readonly cmd: "publish" | "pubrel";
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly brokerId: string;
  /** Its number among all messages of this run. */
  readonly brokerCounter: number;
  /** Since it was sent. */
  readonly messageId: number | undefined;
}

export interface StoredSubscription {
  readonly clientId: string;
  readonly topic: string;
  readonly qos: QoS;
}

interface Session {
  readonly id: string;
  /** By filter. */
  readonly subscriptions: Map<string, QoS>;
  /** By number, oldest first. */
  readonly queue: Map<number, QueuedMessage>;
  /** Ids of QoS 2 messages that it has not released, oldest first. */
  readonly unreleased: Set<number>;
  queueBytes: number;
  /** Null while its client is connected. */
  awaySinceMs: number | null;
}

const QUEUE_MAX = 1_000;
const QUEUE_BYTES_MAX = 2 ** 20;
const QUEUED_BYTES_MAX = 16 * 2 ** 20;
const SESSION_BYTES_MAX = 16 * 2 ** 20;
/** One client's; of whoever has more, the oldest is taken for released: its repetition would be taken for new. */
const UNRELEASED_MAX = 1_000;
/** Estimates of memory, texts and payloads apart. */
const SESSION_BYTES = 1_024;
const SUBSCRIPTION_BYTES = 256;
const LEVEL_BYTES = 256;
const MESSAGE_BYTES = 256;
const UNRELEASED_BYTES = 24;

/**
 * What the broker keeps of clients beyond their connections: subscriptions of persistent sessions (MQTT 3.1.1, 3.1.2.4), messages
 * that wait for them, and which QoS 2 messages they have not released. All of it has bounds: clients and their ids come
 * from the wire. A session that holds nothing is not kept.
 */
export class BrokerSessions {
  readonly #options: BrokerSessionsOptions;
  readonly #sessions = new Map<string, Session>();
  /** Whose clients are away, longest first. */
  readonly #away = new Map<string, Session>();
  /** By filter: who subscribes with QoS 1 or 2. */
  readonly #subscribers = new FilterTree<Map<string, StoredSubscription>>();
  #sessionBytes = 0;
  #queuedBytes = 0;
  #droppedCount = 0;
  #forgottenCount = 0;

  constructor(options: BrokerSessionsOptions) {
    this.#options = options;
  }

  get counts() {
    let queuedCount = 0;
    for (const { queue } of this.#sessions.values()) queuedCount += queue.size;
    return {
      sessions: this.#sessions.size,
      sessions_forgotten: this.#forgottenCount,
      queued_messages: queuedCount,
      queued_bytes: this.#queuedBytes,
      queued_dropped: this.#droppedCount,
    };
  }

  /** Its client is connected. */
  opened(clientId: string): void {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    session.awaySinceMs = null;
    this.#away.delete(clientId);
  }

  /** Its client's connection has ended. */
  closed(clientId: string, nowMs: number): void {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    session.awaySinceMs = nowMs;
    this.#away.set(clientId, session);
    this.#makeRoom(nowMs);
  }

  /** With a clean session, nothing of an earlier one counts. */
  discard(clientId: string): void {
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#remove(session);
  }

  subscribe(clientId: string, filter: string, qos: QoS): void {
    const session = this.#session(clientId);
    const before = session.subscriptions.get(filter);
    if (before === qos) return;
    if (before === undefined) this.#sessionBytes += bytesOf(filter);
    session.subscriptions.set(filter, qos);
    if (qos === 0) this.#removeSubscriber(clientId, filter);
    else {
      const subscribers = this.#subscribers.get(filter) ?? new Map<string, StoredSubscription>();
      this.#subscribers.set(filter, subscribers.set(clientId, { clientId, topic: filter, qos }));
    }
  }

  unsubscribe(clientId: string, filter: string): void {
    const session = this.#sessions.get(clientId);
    if (session?.subscriptions.delete(filter) !== true) return;
    this.#sessionBytes -= bytesOf(filter);
    this.#removeSubscriber(clientId, filter);
    this.#removeIfEmpty(session);
  }

  subscriptionsOf(clientId: string, nowMs: number): StoredSubscription[] {
    this.#makeRoom(nowMs);
    const subscriptions = this.#sessions.get(clientId)?.subscriptions ?? [];
    return Array.from(subscriptions, ([topic, qos]) => ({ clientId, topic, qos }));
  }

  /** Each client once that subscribes to the topic with QoS 1 or 2. */
  subscribersOf(topic: string): StoredSubscription[] {
    const found = new Map<string, StoredSubscription>();
    for (const subscribers of this.#subscribers.valuesFor(topic)) {
      for (const [clientId, subscription] of subscribers)
        if ((found.get(clientId)?.qos ?? 0) < subscription.qos) found.set(clientId, subscription);
    }
    return [...found.values()];
  }

  /** A message waits until its client has it. What there is no room for is dropped, and counted. */
  enqueue(clientId: string, message: QueuedMessage): void {
    const { queueMax = QUEUE_MAX, queueBytesMax = QUEUE_BYTES_MAX } = this.#options;
    const { queuedBytesMax = QUEUED_BYTES_MAX } = this.#options;
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    this.#addQueued(session, message);
    while (session.queue.size > queueMax || session.queueBytes > queueBytesMax) this.#dropOldest(session);
    while (this.#queuedBytes > queuedBytesMax) this.#dropOldest(this.#longestQueue());
    this.#removeIfEmpty(session);
  }

  queueOf(clientId: string): QueuedMessage[] {
    return [...(this.#sessions.get(clientId)?.queue.values() ?? [])];
  }

  /** The message has been given an id, to be sent with. */
  sent(clientId: string, brokerCounter: number, messageId: number | undefined): void {
    const queue = this.#sessions.get(clientId)?.queue;
    const message = queue?.get(brokerCounter);
    if (message !== undefined) queue?.set(brokerCounter, { ...message, messageId });
  }

  /** The client has received the QoS 2 message with that id: only that is still to be remembered. */
  received(clientId: string, messageId: number): void {
    const session = this.#sessions.get(clientId);
    const message = session && messageWith(session, messageId);
    if (session === undefined || message === undefined) return;
    const rest: QueuedMessage = { ...message, cmd: "pubrel", topic: "", payload: Buffer.alloc(0) };
    // In its place: it keeps its turn.
    session.queue.set(message.brokerCounter, rest);
    this.#weigh(session, bytesOfMessage(rest) - bytesOfMessage(message));
  }

  /** The client has the message with that id, by which it was sent, or may not have the one with that number. */
  done(
    clientId: string,
    { messageId, brokerCounter }: Partial<Pick<QueuedMessage, "messageId" | "brokerCounter">>,
  ): void {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    const message =
      messageId === undefined ? session.queue.get(brokerCounter ?? 0) : messageWith(session, messageId);
    if (message !== undefined) this.#removeQueued(session, message);
    this.#removeIfEmpty(session);
  }

  isUnreleased(clientId: string, messageId: number): boolean {
    return this.#sessions.get(clientId)?.unreleased.has(messageId) ?? false;
  }

  /** Only the id is kept: the message itself is taken when it comes. */
  keepUnreleased(clientId: string, messageId: number): void {
    const { unreleased } = this.#session(clientId);
    if (unreleased.has(messageId)) return;
    for (const oldest of unreleased) {
      if (unreleased.size < UNRELEASED_MAX) break;
      unreleased.delete(oldest);
      this.#sessionBytes -= UNRELEASED_BYTES;
    }
    unreleased.add(messageId);
    this.#sessionBytes += UNRELEASED_BYTES;
  }

  release(clientId: string, messageId: number): void {
    const session = this.#sessions.get(clientId);
    if (session?.unreleased.delete(messageId) !== true) return;
    this.#sessionBytes -= UNRELEASED_BYTES;
    this.#removeIfEmpty(session);
  }

  releaseAll(clientId: string): void {
    for (const messageId of this.#sessions.get(clientId)?.unreleased ?? []) this.release(clientId, messageId);
  }

  /** Only clients that are connected, or are about to be, get one. */
  #session(clientId: string): Session {
    const known = this.#sessions.get(clientId);
    if (known !== undefined) return known;
    const session: Session = {
      id: clientId,
      subscriptions: new Map(),
      queue: new Map(),
      unreleased: new Set(),
      queueBytes: 0,
      awaySinceMs: null,
    };
    this.#sessions.set(clientId, session);
    this.#sessionBytes += SESSION_BYTES + 2 * clientId.length;
    return session;
  }

  #makeRoom(nowMs: number): void {
    const { awayMax, awayMs, sessionBytesMax = SESSION_BYTES_MAX } = this.#options;
    for (const session of this.#away.values()) {
      const bytes = this.#sessionBytes + this.#subscribers.nodeCount * LEVEL_BYTES;
      const isExpired = nowMs - (session.awaySinceMs ?? nowMs) >= awayMs;
      if (!isExpired && this.#away.size <= awayMax && bytes <= sessionBytesMax) return;
      this.#remove(session);
      this.#forgottenCount += 1;
    }
  }

  #removeIfEmpty(session: Session): void {
    const { subscriptions, queue, unreleased } = session;
    if (subscriptions.size + queue.size + unreleased.size === 0) this.#remove(session);
  }

  #remove(session: Session): void {
    for (const filter of session.subscriptions.keys()) {
      this.#sessionBytes -= bytesOf(filter);
      this.#removeSubscriber(session.id, filter);
    }
    this.#queuedBytes -= session.queueBytes;
    this.#sessionBytes -= SESSION_BYTES + 2 * session.id.length + session.unreleased.size * UNRELEASED_BYTES;
    this.#sessions.delete(session.id);
    this.#away.delete(session.id);
  }

  #removeSubscriber(clientId: string, filter: string): void {
    const subscribers = this.#subscribers.get(filter);
    if (subscribers?.delete(clientId) === true && subscribers.size === 0) this.#subscribers.delete(filter);
  }

  #addQueued(session: Session, message: QueuedMessage): void {
    session.queue.set(message.brokerCounter, message);
    this.#weigh(session, bytesOfMessage(message));
  }

  #removeQueued(session: Session, message: QueuedMessage): void {
    session.queue.delete(message.brokerCounter);
    this.#weigh(session, -bytesOfMessage(message));
  }

  /** What waits for it has become so much more, or less. */
  #weigh(session: Session, bytes: number): void {
    session.queueBytes += bytes;
    this.#queuedBytes += bytes;
  }

  #dropOldest(session: Session): void {
    for (const oldest of session.queue.values()) {
      this.#removeQueued(session, oldest);
      this.#droppedCount += 1;
      return;
    }
  }

  #longestQueue(): Session {
    let longest: Session | undefined;
    for (const session of this.#sessions.values())
      if (longest === undefined || session.queueBytes > longest.queueBytes) longest = session;
    if (longest === undefined) throw new Error("messages are queued for nobody");
    return longest;
  }
}

function messageWith({ queue }: Session, messageId: number): QueuedMessage | undefined {
  for (const message of queue.values()) if (message.messageId === messageId) return message;
  return undefined;
}

function bytesOf(filter: string): number {
  return SUBSCRIPTION_BYTES + 2 * filter.length;
}

function bytesOfMessage({ topic, payload }: QueuedMessage): number {
  return MESSAGE_BYTES + 2 * topic.length + payload.length;
}
