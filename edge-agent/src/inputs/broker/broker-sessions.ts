import { FilterTree } from "./filter-tree.ts";
import { NO_SESSION_RECORDS, type SessionRecords } from "./session-records.ts";

export type QoS = 0 | 1 | 2;

export interface BrokerSessionsBounds {
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
  /** Its number among all messages that wait, those of earlier runs included. */
  readonly brokerCounter: number;
  /** Since it was sent. */
  readonly messageId: number | undefined;
  /** On the wall clock: whoever comes later does not get it. */
  readonly validUntilMs?: number | undefined;
}

export interface StoredSubscription {
  readonly clientId: string;
  readonly topic: string;
  readonly qos: QoS;
}

/** What of a persistent session stands apart from its messages. */
export interface KeptSession {
  /** Never given again. */
  readonly number: number;
  readonly id: string;
  /** By filter. */
  readonly subscriptions: ReadonlyMap<string, QoS>;
  /** On the monotonic clock; null while its client is connected. */
  readonly awaySinceMs: number | null;
}

/** As it is found again after a restart. */
export interface FoundSession {
  readonly number: number;
  readonly id: string;
  readonly subscriptions: ReadonlyMap<string, QoS>;
  /** How long its client has been away. */
  readonly awayMs: number;
  /** In the order in which they came. */
  readonly queue: readonly QueuedMessage[];
  readonly unreleased: readonly number[];
}

interface Session extends KeptSession {
  readonly subscriptions: Map<string, QoS>;
  /** It is to outlive the process: its client has asked for a persistent one. */
  isPersistent: boolean;
  /** Filters that its client has not been granted yet. */
  readonly asked: Set<string>;
  /** By number, oldest first. */
  readonly queue: Map<number, QueuedMessage>;
  /** Ids of QoS 2 messages that it has not released, oldest first. */
  readonly unreleased: Set<number>;
  queueBytes: number;
  awaySinceMs: number | null;
}

const QUEUE_MAX = 1_000;
const QUEUE_BYTES_MAX = 2 ** 20;
const QUEUED_BYTES_MAX = 16 * 2 ** 20;
const SESSION_BYTES_MAX = 16 * 2 ** 20;
/** One client's; of whoever has more, the oldest is taken for released: its repetition would be taken for new. */
const UNRELEASED_MAX = 1_000;
/** After a restart a client has at least so long to come back, however long it was away: it may have lost its power with the agent. */
const RETURN_MS = 3_600_000;
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
  #bounds: BrokerSessionsBounds;
  readonly #records: SessionRecords;
  readonly #sessions = new Map<string, Session>();
  /** Whose clients are away, longest first. */
  readonly #away = new Map<string, Session>();
  /** By filter: who subscribes with QoS 1 or 2. */
  readonly #subscribers = new FilterTree<Map<string, StoredSubscription>>();
  #sessionBytes = 0;
  #queuedBytes = 0;
  #droppedCount = 0;
  #expiredCount = 0;
  #forgottenCount = 0;
  #lastSession = 0;
  #lastNumber = 0;

  constructor(bounds: BrokerSessionsBounds, records: SessionRecords = NO_SESSION_RECORDS) {
    this.#bounds = bounds;
    this.#records = records;
  }

  /** Of the messages that wait: a message that comes has a greater one. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** What was kept by an earlier run, the session longest away first. */
  restore(found: readonly FoundSession[], nowMs: number): void {
    for (const { number, id, subscriptions, awayMs, queue, unreleased } of found) {
      this.#lastSession = Math.max(this.#lastSession, number);
      const returnMs = Math.min(RETURN_MS, this.#bounds.awayMs);
      const session = this.#add(id, number);
      session.isPersistent = true;
      for (const [filter, qos] of subscriptions) {
        this.#addFilter(session, filter, qos);
        this.#addSubscriber(session, filter, qos);
      }
      for (const message of queue) this.#addQueued(session, message);
      for (const messageId of unreleased) this.#addUnreleased(session, messageId);
      session.awaySinceMs = nowMs - Math.min(awayMs, this.#bounds.awayMs - returnMs);
      this.#away.set(id, session);
    }
    this.setBounds(this.#bounds, nowMs);
  }

  setBounds(bounds: BrokerSessionsBounds, nowMs: number): void {
    this.#bounds = bounds;
    this.#makeRoom(nowMs);
    for (const session of this.#sessions.values()) {
      this.#trim(session);
      this.#removeIfEmpty(session);
    }
  }

  /** The broker has stopped: nobody is connected any more. */
  closeAll(nowMs: number): void {
    for (const { id, awaySinceMs } of this.#sessions.values())
      if (awaySinceMs === null) this.closed(id, nowMs);
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
      queued_expired: this.#expiredCount,
    };
  }

  /** Its client is connected. */
  opened(clientId: string): void {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    session.awaySinceMs = null;
    this.#away.delete(clientId);
    this.#keep(session, false);
  }

  /** Its client's connection has ended. */
  closed(clientId: string, nowMs: number): void {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    session.awaySinceMs = nowMs;
    this.#grant(session, session.asked);
    this.#away.set(clientId, session);
    this.#keep(session, false);
    this.#makeRoom(nowMs);
  }

  /** Resolves once the session is on disk, or gone from there, as it is now. */
  async durable(clientId: string): Promise<void> {
    const session = this.#sessions.get(clientId);
    if (session === undefined || !this.#records.isDurable(session)) await this.#records.committed();
  }

  /** Resolves once all that has changed is on disk. */
  async committed(): Promise<void> {
    await this.#records.committed();
  }

  /** With a clean session, nothing of an earlier one counts. */
  discard(clientId: string): void {
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#remove(session);
  }

  /**
   * Kept from now on. While its client is connected nothing waits for it before it is `granted`, and handed to the client as it comes: it
   * would wait until the client comes back, and then come behind what is newer.
   */
  subscribe(clientId: string, filter: string, qos: QoS): void {
    const session = this.#persistent(clientId);
    if (session.subscriptions.get(filter) === qos) return;
    this.#addFilter(session, filter, qos);
    session.asked.add(filter);
    this.#keep(session, true);
  }

  /** Its client is handed what comes for these filters, and what it has not acknowledged waits for it. */
  granted(clientId: string, filters: Iterable<string>): void {
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#grant(session, filters);
  }

  unsubscribe(clientId: string, filter: string): void {
    const session = this.#sessions.get(clientId);
    if (session?.subscriptions.delete(filter) !== true) return;
    session.asked.delete(filter);
    this.#sessionBytes -= bytesOf(filter);
    this.#removeSubscriber(clientId, filter);
    this.#keep(session, true);
    this.#removeIfEmpty(session);
  }

  /** Of a session that goes on: its client is handed what comes for them. */
  subscriptionsOf(clientId: string, nowMs: number): StoredSubscription[] {
    this.#makeRoom(nowMs);
    const subscriptions = this.#sessions.get(clientId)?.subscriptions ?? new Map<string, QoS>();
    this.granted(clientId, subscriptions.keys());
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
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    this.#addQueued(session, message);
    this.#keepMessage(session, message, true);
    this.#trim(session);
    this.#removeIfEmpty(session);
  }

  #trim(session: Session): void {
    const { queueMax = QUEUE_MAX, queueBytesMax = QUEUE_BYTES_MAX } = this.#bounds;
    const { queuedBytesMax = QUEUED_BYTES_MAX } = this.#bounds;
    while (session.queue.size > queueMax || session.queueBytes > queueBytesMax) this.#dropOldest(session);
    while (this.#queuedBytes > queuedBytesMax) this.#dropOldest(this.#longestQueue());
  }

  queueOf(clientId: string): QueuedMessage[] {
    return [...(this.#sessions.get(clientId)?.queue.values() ?? [])];
  }

  /** Its client has come: what waits for it, but for what is valid no more, which is dropped, and counted. */
  waitingFor(clientId: string, wallMs: number): QueuedMessage[] {
    const session = this.#sessions.get(clientId);
    for (const message of this.queueOf(clientId)) {
      const isOver = message.cmd === "publish" && (message.validUntilMs ?? Infinity) <= wallMs;
      if (session === undefined || !isOver) continue;
      this.#removeQueued(session, message);
      this.#expiredCount += 1;
    }
    return this.queueOf(clientId);
  }

  /**
   * The message has been given an id, to be sent with. True: with QoS 2, it must not be sent before that is durable, or the
   * client would take it for another one after a restart.
   */
  sent(clientId: string, brokerCounter: number, messageId: number | undefined): boolean {
    const session = this.#sessions.get(clientId);
    const message = session?.queue.get(brokerCounter);
    if (session === undefined || message === undefined || message.messageId === messageId) return false;
    const sent: QueuedMessage = { ...message, messageId };
    session.queue.set(brokerCounter, sent);
    this.#keepMessage(session, sent, false);
    return sent.qos === 2;
  }

  /** The client has received the QoS 2 message with that id: only that is still to be remembered. False: there is none. */
  received(clientId: string, messageId: number): boolean {
    const session = this.#sessions.get(clientId);
    const message = session && messageWith(session, messageId);
    if (session === undefined || message === undefined || message.cmd === "pubrel") return false;
    const rest: QueuedMessage = { ...message, cmd: "pubrel", topic: "", payload: Buffer.alloc(0) };
    // In its place: it keeps its turn.
    session.queue.set(message.brokerCounter, rest);
    this.#weigh(session, bytesOfMessage(rest) - bytesOfMessage(message));
    this.#keepMessage(session, rest, true);
    return true;
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

  /** The client was handed the message with that number: with QoS 0, where it has no id by now, and then there is no more to it. */
  handedOver(clientId: string, brokerCounter: number): void {
    const message = this.#sessions.get(clientId)?.queue.get(brokerCounter);
    if (message?.messageId === undefined) this.done(clientId, { brokerCounter });
  }

  isUnreleased(clientId: string, messageId: number): boolean {
    return this.#sessions.get(clientId)?.unreleased.has(messageId) ?? false;
  }

  /** Only the id is kept: the message itself is taken when it comes. */
  keepUnreleased(clientId: string, messageId: number, { isClean }: { readonly isClean: boolean }): void {
    const session = isClean ? this.#session(clientId) : this.#persistent(clientId);
    const { unreleased } = session;
    if (unreleased.has(messageId)) return;
    for (const oldest of unreleased) {
      if (unreleased.size < UNRELEASED_MAX) break;
      this.#removeUnreleased(session, oldest);
    }
    this.#addUnreleased(session, messageId);
    if (session.isPersistent) this.#records.putUnreleased(session, messageId);
  }

  /** True: it is to be durable before the client may use the id again. */
  release(clientId: string, messageId: number): boolean {
    const session = this.#sessions.get(clientId);
    if (session?.unreleased.has(messageId) !== true) return false;
    this.#removeUnreleased(session, messageId);
    this.#removeIfEmpty(session);
    return session.isPersistent;
  }

  releaseAll(clientId: string): void {
    for (const messageId of this.#sessions.get(clientId)?.unreleased ?? []) this.release(clientId, messageId);
  }

  /** Only clients that are connected, or are about to be, get one. */
  #session(clientId: string): Session {
    return this.#sessions.get(clientId) ?? this.#add(clientId, this.#lastSession + 1);
  }

  #persistent(clientId: string): Session {
    const session = this.#session(clientId);
    if (session.isPersistent) return session;
    session.isPersistent = true;
    this.#keep(session, true);
    for (const messageId of session.unreleased) this.#records.putUnreleased(session, messageId);
    return session;
  }

  #add(clientId: string, number: number): Session {
    this.#lastSession = Math.max(this.#lastSession, number);
    const session: Session = {
      number,
      id: clientId,
      isPersistent: false,
      subscriptions: new Map(),
      asked: new Set(),
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
    const { awayMax, awayMs, sessionBytesMax = SESSION_BYTES_MAX } = this.#bounds;
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
    if (session.isPersistent) this.#records.delete(session, session.queue.keys(), session.unreleased);
  }

  #keep(session: Session, isUrgent: boolean): void {
    if (session.isPersistent) this.#records.put(session, isUrgent);
  }

  #keepMessage(session: Session, message: QueuedMessage, isUrgent: boolean): void {
    if (session.isPersistent) this.#records.putMessage(session, message, isUrgent);
  }

  #addFilter({ subscriptions }: Session, filter: string, qos: QoS): void {
    if (!subscriptions.has(filter)) this.#sessionBytes += bytesOf(filter);
    subscriptions.set(filter, qos);
  }

  #grant(session: Session, filters: Iterable<string>): void {
    for (const filter of filters) {
      const qos = session.subscriptions.get(filter);
      if (session.asked.delete(filter) && qos !== undefined) this.#addSubscriber(session, filter, qos);
    }
  }

  #addSubscriber({ id: clientId }: Session, filter: string, qos: QoS): void {
    if (qos === 0) this.#removeSubscriber(clientId, filter);
    else {
      const subscribers = this.#subscribers.get(filter) ?? new Map<string, StoredSubscription>();
      this.#subscribers.set(filter, subscribers.set(clientId, { clientId, topic: filter, qos }));
    }
  }

  #addUnreleased(session: Session, messageId: number): void {
    session.unreleased.add(messageId);
    this.#sessionBytes += UNRELEASED_BYTES;
  }

  #removeUnreleased(session: Session, messageId: number): void {
    session.unreleased.delete(messageId);
    this.#sessionBytes -= UNRELEASED_BYTES;
    if (session.isPersistent) this.#records.deleteUnreleased(session, messageId);
  }

  #removeSubscriber(clientId: string, filter: string): void {
    const subscribers = this.#subscribers.get(filter);
    if (subscribers?.delete(clientId) === true && subscribers.size === 0) this.#subscribers.delete(filter);
  }

  #addQueued(session: Session, message: QueuedMessage): void {
    session.queue.set(message.brokerCounter, message);
    this.#lastNumber = Math.max(this.#lastNumber, message.brokerCounter);
    this.#weigh(session, bytesOfMessage(message));
  }

  #removeQueued(session: Session, message: QueuedMessage): void {
    session.queue.delete(message.brokerCounter);
    this.#weigh(session, -bytesOfMessage(message));
    if (session.isPersistent) this.#records.deleteMessage(session, message.brokerCounter);
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
