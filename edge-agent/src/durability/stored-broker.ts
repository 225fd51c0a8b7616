import type { Store } from "@millrace/queue";
import type { Clock, Logger } from "@millrace/runtime";
import {
  BrokerSessions,
  type BrokerSessionsBounds,
  type FoundSession,
  type QueuedMessage,
} from "../inputs/broker/broker-sessions.ts";
import type { KeptByBroker } from "../inputs/broker/kept-by-broker.ts";
import {
  type RetainedMessage,
  RetainedMessages,
  type RetainedMessagesBounds,
} from "../inputs/broker/retained-messages.ts";
import type { SessionRecords } from "../inputs/broker/session-records.ts";
import { numberKey, numberOfKey, PREFIX, prefixRange } from "./agent-store.ts";
import type { KeptRecords } from "./kept-records.ts";
import { encodeMessage, type MessageRecord, parseMessage } from "./message-record.ts";
import { encodeSession, parseSession } from "./session-record.ts";

export interface StoredBrokerOptions {
  readonly store: Store;
  readonly records: KeptRecords;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the embedded broker keeps of its clients, in the agent's store, part of its group commit. */
export class StoredBroker implements KeptByBroker {
  readonly #options: StoredBrokerOptions;
  #sessions: BrokerSessions | undefined;
  #retained: RetainedMessages | undefined;

  constructor(options: StoredBrokerOptions) {
    this.#options = options;
  }

  async sessions(bounds: BrokerSessionsBounds): Promise<BrokerSessions> {
    const { clock } = this.#options;
    if (this.#sessions !== undefined) this.#sessions.setBounds(bounds, clock.monotonicMs());
    else {
      const found = await this.#foundSessions();
      this.#sessions = new BrokerSessions(bounds, this.#sessionRecords());
      this.#sessions.restore(found, clock.monotonicMs());
    }
    return this.#sessions;
  }

  async retained(bounds: RetainedMessagesBounds): Promise<RetainedMessages> {
    const { records } = this.#options;
    if (this.#retained !== undefined) this.#retained.setBounds(bounds);
    else {
      const found = await this.#foundRetained();
      this.#retained = new RetainedMessages(bounds, {
        put: (number, message) =>
          records.put(numberKey(PREFIX.retained, number), () => encodeMessage(message), { isUrgent: false }),
        delete: (number) => records.delete(numberKey(PREFIX.retained, number)),
      });
      this.#retained.restore(found);
    }
    return this.#retained;
  }

  #sessionRecords(): SessionRecords {
    const { records, clock } = this.#options;
    return {
      put: (session, isUrgent) =>
        records.put(numberKey(PREFIX.session, session.number), () => encodeSession(session, clock), {
          isUrgent,
          // That its client has come or gone is promised to nobody.
          isPromised: isUrgent,
        }),
      delete({ number }, messages, unreleased) {
        records.delete(numberKey(PREFIX.session, number));
        for (const message of messages) records.delete(messageKey(number, message));
        for (const messageId of unreleased) records.delete(unreleasedKey(number, messageId));
      },
      putMessage: ({ number }, message, isUrgent) =>
        records.put(messageKey(number, message.brokerCounter), () => encodeQueued(message), { isUrgent }),
      deleteMessage: ({ number }, message) => records.delete(messageKey(number, message)),
      putUnreleased: ({ number }, messageId) =>
        records.put(unreleasedKey(number, messageId), () => Uint8Array.of(1)),
      deleteUnreleased: ({ number }, messageId) => records.delete(unreleasedKey(number, messageId)),
      isDurable: ({ number }) => records.isDurable(numberKey(PREFIX.session, number)),
      committed: () => records.committed(),
    };
  }

  /** What belongs to no session that can be read is of no use to anybody, and goes. */
  async #foundSessions(): Promise<FoundSession[]> {
    const { store, clock } = this.#options;
    const nowMs = clock.nowMs();
    const sessions = new Map<number, FoundSession & { queue: QueuedMessage[]; unreleased: number[] }>();
    let damagedCount = 0;
    for await (const { key, value } of store.range(prefixRange(PREFIX.session))) {
      const stored = this.#found(key, parseSession(value));
      if (stored === undefined) damagedCount += 1;
      else {
        const awayMs = Math.max(0, nowMs - (stored.awaySinceMs ?? nowMs));
        const number = numberOfKey(key);
        sessions.set(number, { ...stored, number, awayMs, queue: [], unreleased: [] });
      }
    }
    for await (const { key, value } of store.range(prefixRange(PREFIX.queuedMessage))) {
      const session = sessions.get(numberOfKey(key));
      const message = this.#found(key, session && parseMessage(value));
      if (message === undefined) damagedCount += 1;
      else session?.queue.push(toQueued(message, numberAt(key, NUMBER_AT)));
    }
    for await (const { key } of store.range(prefixRange(PREFIX.unreleased))) {
      const session = this.#found(key, sessions.get(numberOfKey(key)));
      session?.unreleased.push(new DataView(key.buffer, key.byteOffset).getUint16(NUMBER_AT));
    }
    if (damagedCount > 0)
      this.#options.log.error("what the broker kept for its clients is damaged, and partly lost", {
        records: damagedCount,
      });
    return [...sessions.values()].sort((left, right) => right.awayMs - left.awayMs);
  }

  async #foundRetained(): Promise<(readonly [number, RetainedMessage])[]> {
    const messages: (readonly [number, RetainedMessage])[] = [];
    let damagedCount = 0;
    for await (const { key, value } of this.#options.store.range(prefixRange(PREFIX.retained))) {
      const message = this.#found(key, parseMessage(value));
      if (message === undefined) damagedCount += 1;
      else messages.push([numberOfKey(key), message]);
    }
    if (damagedCount > 0)
      this.#options.log.error("retained messages of the broker are damaged, and lost", {
        records: damagedCount,
      });
    return messages;
  }

  /** What cannot be used is deleted. */
  #found<Value>(key: Uint8Array, value: Value | undefined): Value | undefined {
    const { records } = this.#options;
    records.found(key);
    if (value === undefined) records.delete(key);
    return value;
  }
}

const NUMBER_AT = 9;

function messageKey(session: number, number: number): Uint8Array {
  const key = new Uint8Array(NUMBER_AT + 8);
  key.set(numberKey(PREFIX.queuedMessage, session));
  new DataView(key.buffer).setBigUint64(NUMBER_AT, BigInt(number));
  return key;
}

function unreleasedKey(session: number, messageId: number): Uint8Array {
  const key = new Uint8Array(NUMBER_AT + 2);
  key.set(numberKey(PREFIX.unreleased, session));
  new DataView(key.buffer).setUint16(NUMBER_AT, messageId);
  return key;
}

function encodeQueued({ cmd, topic, payload, qos, messageId, validUntilMs }: QueuedMessage): Uint8Array {
  const isReceived = cmd === "pubrel" || undefined;
  return encodeMessage({ topic, payload, qos, messageId, isReceived, validUntilMs });
}

function toQueued(
  { topic, payload, qos, messageId, isReceived, validUntilMs }: MessageRecord,
  number: number,
): QueuedMessage {
  const cmd = isReceived === true ? "pubrel" : "publish";
  return { cmd, topic, payload, qos, messageId, brokerId: "", brokerCounter: number, validUntilMs };
}

function numberAt(key: Uint8Array, at: number): number {
  return Number(new DataView(key.buffer, key.byteOffset).getBigUint64(at));
}
