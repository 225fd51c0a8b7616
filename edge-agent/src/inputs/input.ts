import type { RejectionReason } from "../ledger.ts";

/** A place that payloads come from. */
export interface ReadingInput {
  readonly name: string;
  /** Opens the input; every message that arrives goes to `handler`. Rejects only when it can never work (port taken, bad TLS). */
  start(handler: InputHandler): Promise<void>;
  /** Orderly: takes nothing new, then closes. What was not acknowledged comes again. */
  stop(): Promise<void>;
  status(): InputStatus;
}

/** A place that MQTT messages come from, and that commands go to: the embedded broker, or a site's own one. */
export interface Input extends ReadingInput {
  /** A command counts as sent only once this broker has it. Default: any one is enough. */
  readonly mustTakeCommands?: boolean;
  /**
   * Sends a command or another message of the agent's own; retained only where told so. Resolves when it is handed over (embedded
   * broker) or acknowledged by the broker (client); rejects at once when there is no connection, and when it breaks.
   */
  publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<void>;
  /**
   * Other subscriptions than so far, now and after every reconnect, without a break of any connection. Rejects where the
   * site's broker refuses one; those before hold then.
   */
  follow(subscriptions: Subscriptions): Promise<void>;
}

/** What a pipeline wants of MQTT. */
export interface Subscriptions {
  /** For readings. */
  readonly filters: readonly string[];
  /** For machines' answers, and for what says what is in maintenance: never shared. */
  readonly ownFilters: readonly string[];
  /** Where the agent commands. */
  readonly commandFilters: readonly string[];
  /** As a Sparkplug host, on a connection of its own; empty: it is none. */
  readonly sparkplugFilters: readonly string[];
}

export interface PublishOptions {
  readonly qos: 0 | 1;
  readonly retain?: boolean;
  /** On the wall clock: from then on no broker that can help it hands it to anybody. Absent: it waits as long as any. */
  readonly validUntilMs?: number;
  /** What an answer is to bring back, and where; only MQTT 5 has a place for it. */
  readonly correlation?: Correlation;
}

/** Of MQTT 5, 3.3.2.3.5 and 3.3.2.3.6. */
export interface Correlation {
  readonly data: string;
  readonly responseTopic: string;
}

/**
 * Takes one message. Settles when the message is durable, or counted durably as rejected: a QoS 1 message is
 * acknowledged (PUBACK) after that, in order of arrival. A rejection means no PUBACK: the input drops the connection,
 * so that the sender sends again. Called in order of arrival, not one at a time. With QoS 0 nothing is waited for.
 * Resolves with why it was rejected, in whole or in part; undefined when everything in it was taken.
 */
export type InputHandler = (arrival: Arrival) => Promise<ArrivalRejection | void> | void;

export interface ArrivalRejection {
  readonly reason: RejectionReason;
  readonly detail: string;
}

export interface Arrival {
  readonly topic: string;
  /** Valid until the handler settles; then its memory is given back. Longer than `payloadBytesMax` when `isOversized`. */
  readonly payload: Uint8Array;
  /** It carries the retain flag: a stored message, or one that is to be stored. What it says may be old: it never acts. */
  readonly isRetained: boolean;
  /** Its sender published it just now, whatever the retain flag says: as an answer it counts. */
  readonly isFresh?: boolean;
  /** It has waited for the agent, nothing tells how long: as an answer it does not count, and a reading in it without a time of its own never acts. */
  readonly mayBeOld?: boolean;
  /** To be counted as rejected, not decoded. */
  readonly isOversized: boolean;
  /** Why its input could make no payload of it: counted as rejected(malformed), not decoded. */
  readonly malformed?: string;
  readonly qos: 0 | 1 | 2;
  /** Correlation data of MQTT 5, as text. */
  readonly correlation?: string;
  /** Which sender: the client's id at the embedded broker, the input's name elsewhere. */
  readonly client: string;
  /** Monotonic clock, ms. */
  readonly arrivedMonotonicMs: number;
}

export interface InputStatus {
  readonly name: string;
  readonly isConnected: boolean;
  /** Why not, or what is wrong though it is, in words; null where nothing is. */
  readonly reason: string | null;
  /** Counters by name, for the metrics and the status page. */
  readonly counts: Readonly<Record<string, number>>;
  /** Of an input that reads files: each file. */
  readonly files?: readonly FileStatus[];
}

/** How far one file has been read. */
export interface FileStatus {
  readonly path: string;
  /** Null where its name cannot be a level of a topic. */
  readonly topic: string | null;
  /** Every line before it is durable, or on its way to the disk in the same commit. */
  readonly positionBytes: number;
  /** Not read yet, rotated files included. */
  readonly lagBytes: number;
  /** What is wrong with it now, in words. */
  readonly error: string | null;
}
