import type { KafkaClient, KafkaProducer } from "@millrace/kafka";
import { reasonOf } from "@millrace/runtime";
import type { Clock, Logger } from "@millrace/runtime";
import { uplinkRecord } from "@millrace/wire";
import type { LogEntry } from "./uplink-log.ts";

export interface LogWriterOptions {
  readonly topic: string;
  readonly client: KafkaClient;
  /** Random name of this process. */
  readonly process: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Of one produce request: brokers take 1 MiB by default, headers included. */
const REQUEST_BYTES_MAX = 768 * 1024;
/** Appended and not yet read back; what comes beyond waits at the intake, live before backlog. */
const PENDING_BYTES_MAX = 8 * 1024 * 1024;
const ENTRY_BYTES = 256;
/** After so long without being read back, at the log's end, an entry is taken for lost, and may be appended again. */
const PENDING_MS_MAX = 20_000;
const RETRY_MS = 1_000;

interface Pending {
  readonly bytes: number;
  readonly atMs: number;
  isHeld: boolean;
  /** Of those that came meanwhile, too. */
  readonly settled: (() => void)[];
}

/**
 * Writes entries to a topic, one request at a time, acknowledged by all in-sync replicas: order holds. Each is pending until it
 * is read back, or is taken for lost.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  #waiting: LogEntry[] = [];
  /** By what tells an entry from others: what is on its way and not read back. */
  readonly #pending = new Map<string, Pending>();
  #pendingBytes = 0;
  #appendedEntries = 0;
  #trouble = "";
  #isClosed = false;
  #arrival = Promise.withResolvers<void>();
  #producer: KafkaProducer | null = null;
  #isSending = false;
  #endPause: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#writeOn();
  }

  get hasRoom(): boolean {
    return this.#trouble === "" && this.#pendingBytes < PENDING_BYTES_MAX;
  }

  /** Why it cannot write; "": it can. */
  get trouble(): string {
    return this.#trouble;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Since the start. */
  get appendedEntries(): number {
    return this.#appendedEntries;
  }

  append(entries: readonly LogEntry[]): void {
    const atMs = this.#options.clock.monotonicMs();
    for (const entry of entries) {
      const key = keyOf(entry);
      const { settled } = entry;
      const pending = this.#pending.get(key);
      if (pending !== undefined) {
        // It comes again because it has not been acknowledged yet: it is on its way.
        if (settled !== undefined && !pending.isHeld) pending.settled.push(settled);
        else settled?.();
        continue;
      }
      const bytes = entry.payload.length + ENTRY_BYTES;
      this.#pending.set(key, { bytes, atMs, isHeld: false, settled: settled === undefined ? [] : [settled] });
      this.#pendingBytes += bytes;
      this.#waiting.push(entry);
    }
    if (this.#waiting.length > 0) this.#arrival.resolve();
  }

  readBack(entry: LogEntry): void {
    this.#forget(keyOf(entry));
  }

  /** All that is in the log has been read: what did not come back for long is lost. */
  atEnd(monotonicMs: number): void {
    if (this.#isSending || this.#waiting.length > 0) return;
    for (const [key, { atMs }] of this.#pending) if (monotonicMs - atMs > PENDING_MS_MAX) this.#forget(key);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endPause();
    this.#arrival.resolve();
    await this.#producer?.close();
    await this.#running;
  }

  async #writeOn(): Promise<void> {
    const { log, topic } = this.#options;
    while (!this.#isClosed) {
      try {
        await this.#write();
      } catch (error) {
        this.#trouble = reasonOf(error);
        log.repeated("log_write", "cannot append to the log; agents send again", {
          topic,
          reason: reasonOf(error),
        });
        // Some of it may be there: it comes twice then, and is taken once.
        for (const entry of this.#waiting.splice(0)) this.#forget(keyOf(entry));
      }
      if (!this.#isClosed) await this.#pause();
    }
  }

  async #write(): Promise<void> {
    const { client, topic, process } = this.#options;
    const producer = client.producer({ onTrouble: (reason) => (this.#trouble = reason) });
    this.#producer = producer;
    try {
      await producer.connect([topic]);
      this.#trouble = "";
      while (!this.#isClosed) {
        const entries = this.#nextRequest();
        if (entries.length === 0) {
          await this.#arrival.promise;
          this.#arrival = Promise.withResolvers();
          continue;
        }
        this.#isSending = true;
        try {
          await producer.send(entries.map((entry) => ({ topic, ...recordOf(entry, process) })));
        } catch (error) {
          for (const entry of entries) this.#forget(keyOf(entry));
          throw error;
        } finally {
          this.#isSending = false;
        }
        this.#trouble = "";
        this.#appendedEntries += entries.length;
        for (const entry of entries) this.#held(keyOf(entry));
      }
    } finally {
      this.#producer = null;
      await producer.close();
    }
  }

  #nextRequest(): LogEntry[] {
    let [bytes, count] = [0, 0];
    for (const { payload } of this.#waiting) {
      if (count > 0 && bytes + payload.length + ENTRY_BYTES > REQUEST_BYTES_MAX) break;
      bytes += payload.length + ENTRY_BYTES;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #held(key: string): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    pending.isHeld = true;
    for (const settled of pending.settled.splice(0)) settled();
  }

  #forget(key: string): void {
    this.#held(key);
    this.#pendingBytes -= this.#pending.get(key)?.bytes ?? 0;
    this.#pending.delete(key);
  }

  /** Before it tries again. */
  async #pause(): Promise<void> {
    const pause = Promise.withResolvers<void>();
    this.#endPause = pause.resolve;
    this.#options.clock.after(RETRY_MS, pause.resolve);
    await pause.promise;
  }
}

function recordOf({ agent, site, topic, payload, connection, atMs }: LogEntry, process: string) {
  return {
    ...uplinkRecord({ agent, site, session: `${process}/${connection}` }, topic, payload),
    timestampMs: Math.floor(atMs),
  };
}

/** Batches by what makes them one; a hello by its connection. */
function keyOf({ envelope, agent, connection }: LogEntry): string {
  if (envelope.kind !== "batch") return `${agent} ${connection}`;
  const { storeId, epoch, lane, sequence } = envelope.batch;
  return `${storeId} ${epoch} ${lane} ${sequence}`;
}
