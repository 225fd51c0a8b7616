import type { KafkaProducer } from "@millrace/kafka";
import type { Clock } from "@millrace/runtime";
import { LANES, type Lane } from "@millrace/stream";
import {
  type DownTopic,
  encodeMessage,
  type Hello,
  parseHeartbeat,
  parseHello,
  peekHeader,
  type UplinkHandlers,
  type UplinkTransport,
  type UpTopic,
  uplinkRecord,
  WIRE_VERSIONS_READ,
} from "@millrace/wire";
import type { UplinkRecord } from "./uplink-record.ts";

export interface KafkaUplinkOptions {
  readonly agent: string;
  readonly site: string;
  readonly topic: string;
  /** A new one for each connection. Throws where none can be made. */
  producer(): KafkaProducer;
  readonly clock: Clock;
}

/** Until the topic is known. */
const OPEN_TIMEOUT_MS = 15_000;
/** Of one produce request: brokers take 1 MiB by default, headers included. */
const REQUEST_BYTES_MAX = 768 * 1024;
/** `send` refuses while more than this waits for the request under way. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** What a hello may list at most is 256; a store that was restarted as often keeps its epoch. */
const EPOCHS_MAX = 200;

/**
 * The uplink straight to a Kafka topic: what MQTT would carry to central is written there, keyed by the site, and what
 * central would answer is said here once all in-sync replicas hold it. One request at a time, with all that has gathered
 * in it: order holds. No clock is told, and nothing is asked for.
 */
export class KafkaUplink implements UplinkTransport {
  readonly #options: KafkaUplinkOptions;
  #session: Session | null = null;
  /** Of this process's batches; null before the first hello. */
  #epoch: number | null = null;

  constructor(options: KafkaUplinkOptions) {
    this.#options = options;
  }

  /** Beyond what the next request takes. */
  get bufferedBytes(): number {
    return Math.max(0, (this.#session?.waitingBytes ?? 0) - REQUEST_BYTES_MAX);
  }

  connect(handlers: UplinkHandlers): void {
    if (this.#session !== null) throw new Error("cannot connect the uplink: it is connected, or connecting");
    let producer: KafkaProducer;
    try {
      producer = this.#options.producer();
    } catch (error) {
      handlers.closed(textOf(error));
      return;
    }
    const session: Session = {
      handlers,
      producer,
      isOpen: false,
      isSending: false,
      waiting: [],
      waitingBytes: 0,
    };
    this.#session = session;
    const timer = this.#options.clock.after(OPEN_TIMEOUT_MS, () =>
      this.#end(session, `Kafka does not answer within ${OPEN_TIMEOUT_MS} ms`),
    );
    session.producer.connect([this.#options.topic]).then(
      () => {
        timer.cancel();
        if (this.#session !== session) return;
        session.isOpen = true;
        handlers.opened();
      },
      (error: unknown) => {
        timer.cancel();
        this.#end(session, textOf(error));
      },
    );
  }

  send(topic: UpTopic, payload: Uint8Array): boolean {
    const session = this.#session;
    if (session === null || !session.isOpen || session.waitingBytes > WAITING_BYTES_MAX) return false;
    const answer = this.#answerTo(topic, payload);
    if (answer === undefined) {
      this.#end(session, `the agent's own ${topic} cannot be read`);
      return false;
    }
    session.waiting.push({ record: this.#recordOf(topic, payload), answer });
    session.waitingBytes += payload.length;
    void this.#sendWaiting(session);
    return true;
  }

  close(): void {
    if (this.#session !== null) this.#end(this.#session, "closed by the agent");
  }

  #recordOf(topic: UpTopic, payload: Uint8Array): UplinkRecord {
    const { agent, site, topic: to } = this.#options;
    return { topic: to, ...uplinkRecord({ agent, site, session: null }, topic, payload) };
  }

  /** What central would say once it holds the message; given when Kafka does. */
  #answerTo(topic: UpTopic, payload: Uint8Array): Answer | undefined {
    switch (topic) {
      case "hello": {
        const hello = parseHello(payload);
        return hello.ok ? { topic: "welcome", bytes: this.#welcome(hello.message) } : undefined;
      }
      case "heartbeat": {
        const heartbeat = parseHeartbeat(payload);
        if (!heartbeat.ok) return undefined;
        return { topic: "echo", bytes: encodeMessage({ beat: heartbeat.message.beat, clockMs: null }) };
      }
      case "batch": {
        const header = peekHeader(payload);
        return header === undefined ? undefined : { topic: "ack", lane: header.lane, mark: header.sequence };
      }
    }
  }

  /**
   * Nobody compares marks here. So that what this process gathers is never taken for what another life of the store has
   * sent under the same sequences, it has an epoch of its own: its first hello's second, or the next number. What was
   * gathered before keeps its epoch: a store that was rolled back, or copied, repeats it, and readers take it once.
   */
  #welcome({ epoch, clockMs, lanes, runs = [] }: Hello): Uint8Array {
    const isCrowded = LANES.some((lane) => lanes[lane].epochs.length >= EPOCHS_MAX);
    this.#epoch ??= isCrowded ? epoch : Math.max(epoch + 1, Math.floor(clockMs / 1000));
    const markOf = (lane: Lane) => lanes[lane].acked ?? lanes[lane].oldest - 1;
    const epochFrom = runs.at(-1)?.from;
    return encodeMessage({
      type: "welcome",
      epoch: this.#epoch,
      ...(epochFrom === undefined ? {} : { epochFrom }),
      wireVersion: WIRE_VERSIONS_READ[0],
      marks: {
        alarm: markOf("alarm"),
        live: markOf("live"),
        backfill: markOf("backfill"),
        evidence: markOf("evidence"),
      },
      clockMs: null,
    });
  }

  async #sendWaiting(session: Session): Promise<void> {
    if (session.isSending) return;
    session.isSending = true;
    try {
      while (this.#session === session && session.waiting.length > 0) {
        const sent = takeRequest(session);
        await session.producer.send(sent.map(({ record }) => record));
        for (const { topic, bytes } of answersOf(sent)) {
          if (this.#session !== session) return;
          session.handlers.message(topic, bytes);
        }
      }
    } catch (error) {
      this.#end(session, textOf(error));
    } finally {
      session.isSending = false;
    }
  }

  #end(session: Session, reason: string): void {
    if (this.#session !== session) return;
    this.#session = null;
    void session.producer.close();
    session.handlers.closed(reason);
  }
}

type Answer =
  | { readonly topic: Exclude<DownTopic, "ack">; readonly bytes: Uint8Array }
  | { readonly topic: "ack"; readonly lane: Lane; readonly mark: number };

interface Waiting {
  readonly record: UplinkRecord;
  readonly answer: Answer;
}

interface Session {
  readonly handlers: UplinkHandlers;
  readonly producer: KafkaProducer;
  isOpen: boolean;
  isSending: boolean;
  waiting: Waiting[];
  waitingBytes: number;
}

/** As many as fit, at least one. */
function takeRequest(session: Session): readonly Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { record } of session.waiting) {
    if (count > 0 && bytes + record.value.length > REQUEST_BYTES_MAX) break;
    bytes += record.value.length;
    count += 1;
  }
  session.waitingBytes -= bytes;
  return session.waiting.splice(0, count);
}

/** Requests follow one another and a lane's batches ascend: of each lane the last one is the mark. */
function answersOf(sent: readonly Waiting[]): readonly { topic: DownTopic; bytes: Uint8Array }[] {
  const marks = new Map<Lane, number>();
  const others: { topic: DownTopic; bytes: Uint8Array }[] = [];
  for (const { answer } of sent) {
    if (answer.topic === "ack") marks.set(answer.lane, Math.max(marks.get(answer.lane) ?? 0, answer.mark));
    else others.push(answer);
  }
  const acks = Array.from(marks, ([lane, mark]) => ({
    topic: "ack" as const,
    bytes: encodeMessage({ lane, mark }),
  }));
  return [...acks, ...others];
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
