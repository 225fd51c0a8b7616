import { setImmediate as nextTurn } from "node:timers/promises";
import type { QoS } from "./broker-sessions.ts";
import { filterTakes } from "../topic-filter.ts";

export interface RetainedMessagesBounds {
  /** Topics. */
  readonly retainedMax: number;
  /** Of all of them, topics included. */
  readonly retainedBytesMax: number;
  /** Of one payload. */
  readonly payloadBytesMax: number;
}

export interface RetainedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
}

/** Where retained messages are kept beyond the process. Whatever is said here goes into the next commit. */
export interface RetainedRecords {
  /** Each topic has a number of its own, never given again. */
  put(number: number, message: RetainedMessage): void;
  delete(number: number): void;
}

interface Kept extends RetainedMessage {
  readonly number: number;
  readonly bytes: number;
}

const NO_RECORDS: RetainedRecords = { put() {}, delete() {} };

/** The broker's last message of each topic that was published to be kept (MQTT 3.1.1, 3.3.1.3). */
export class RetainedMessages {
  #bounds: RetainedMessagesBounds;
  readonly #records: RetainedRecords;
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  #lastNumber = 0;
  #refusedCount = 0;

  constructor(bounds: RetainedMessagesBounds, records: RetainedRecords = NO_RECORDS) {
    this.#bounds = bounds;
    this.#records = records;
  }

  get counts() {
    return { retained: this.#kept.size, retained_bytes: this.#bytes, refused_retained: this.#refusedCount };
  }

  /** Those beyond stay until they are replaced. */
  setBounds(bounds: RetainedMessagesBounds): void {
    this.#bounds = bounds;
  }

  /** What was kept by an earlier run. */
  restore(found: Iterable<readonly [number, RetainedMessage]>): void {
    for (const [number, message] of found) {
      this.#lastNumber = Math.max(this.#lastNumber, number);
      this.#set(number, message);
    }
  }

  /** One that is not kept, for want of room, leaves the one before it in place, as if it had not asked to be kept. */
  store(message: RetainedMessage): void {
    const { topic, payload, qos } = message;
    const before = this.#kept.get(topic);
    if (payload.length === 0) return this.#remove(before);
    if (before?.qos === qos && before.payload.equals(payload)) return;
    if (!this.#hasRoomFor(message, before)) {
      this.#refusedCount += 1;
      return;
    }
    const number = before?.number ?? this.#lastNumber + 1;
    this.#lastNumber = Math.max(this.#lastNumber, number);
    this.#records.put(number, this.#set(number, { topic, payload: Buffer.from(payload), qos }));
  }

  /** Never refused, and gone with the process: the agent's own, which it says anew. */
  storeOwn(message: RetainedMessage): void {
    const before = this.#kept.get(message.topic);
    if (before !== undefined) this.#remove(before);
    this.#lastNumber += 1;
    if (message.payload.length > 0) this.#set(this.#lastNumber, message);
  }

  /** Those that a new subscriber to these filters gets. */
  async *for(filters: readonly string[]): AsyncGenerator<RetainedMessage> {
    for (const filter of filters) {
      const exact = this.#kept.get(filter);
      if (exact !== undefined) yield exact;
      if (!filter.includes("+") && !filter.includes("#")) continue;
      for (const [topic, message] of this.#kept) if (filterTakes(filter, topic)) yield message;
      // Many filters of one client, and many topics, take long: everything else goes on meanwhile.
      await nextTurn();
    }
  }

  #hasRoomFor({ topic, payload }: RetainedMessage, before: Kept | undefined): boolean {
    const { retainedMax, retainedBytesMax, payloadBytesMax } = this.#bounds;
    const bytes = this.#bytes - (before?.bytes ?? 0) + Buffer.byteLength(topic) + payload.length;
    const isTooMany = before === undefined && this.#kept.size >= retainedMax;
    return payload.length <= payloadBytesMax && bytes <= retainedBytesMax && !isTooMany;
  }

  #set(number: number, message: RetainedMessage): Kept {
    const { topic, payload } = message;
    const kept = { ...message, number, bytes: Buffer.byteLength(topic) + payload.length };
    this.#bytes += kept.bytes - (this.#kept.get(topic)?.bytes ?? 0);
    this.#kept.set(topic, kept);
    return kept;
  }

  #remove(kept: Kept | undefined): void {
    if (kept === undefined) return;
    this.#kept.delete(kept.topic);
    this.#bytes -= kept.bytes;
    this.#records.delete(kept.number);
  }
}
