import type { Clock, Logger } from "@millrace/runtime";
import type { EvidenceBounds } from "../../evidence/evidence-topics.ts";
import type { BrokerTls } from "./broker-listener.ts";
import type { BrokerUser } from "./broker-users.ts";
import type { Junk } from "../junk.ts";
import type { KeptByBroker } from "./kept-by-broker.ts";
import type { SparkplugPresence } from "../sparkplug-presence.ts";

export interface BrokerInputOptions {
  readonly name: string;
  /** A command counts as sent only once this broker has it. Default false. */
  readonly mustTakeCommands?: boolean;
  readonly host: string;
  /** 0: any free port, see `port`. */
  readonly port: number;
  /** Who may connect, and where to; empty: everyone who reaches the address, to everything. */
  readonly users: readonly BrokerUser[];
  /** PEM texts; null: the connections are not encrypted. With `ca` a client needs a certificate signed by it. */
  readonly tls: BrokerTls | null;
  readonly clientsMax: number;
  /** A greater payload is handed over as oversized, and acknowledged. */
  readonly payloadBytesMax: number;
  /** Where the agent is a Sparkplug host, it says so here. */
  readonly presence?: SparkplugPresence;
  readonly isSparkplugHost?: boolean;
  /** As `payloadBytesMax`, for Sparkplug's topics. */
  readonly sparkplugBytesMax?: number;
  /** A greater packet closes its connection, before it is in memory. Default 16 times `payloadBytesMax`, at least 2 MiB. */
  readonly packetBytesMax?: number;
  /** Topics whose payloads may be greater. */
  readonly evidence?: EvidenceBounds;
  /** Deeper topics close the connection. Default 32. */
  readonly topicLevelsMax?: number;
  /** Topics whose retained message is kept; those beyond are delivered but not kept. Default 10 000. */
  readonly retainedMax?: number;
  /** Bytes of all retained messages, topics included; what goes beyond is delivered but not kept. Default 16 MiB. */
  readonly retainedBytesMax?: number;
  /** Persistent sessions kept of clients that are away; beyond, the one longest away is forgotten. Default 1 000. */
  readonly sessionsMax?: number;
  /** A persistent session is forgotten when its client has been away for so long. Default 7 days. */
  readonly sessionExpiryMs?: number;
  /** Messages that wait for one client of a persistent session; beyond, its oldest is dropped. Default 1 000. */
  readonly sessionQueueMax?: number;
  /** And their bytes. Default 1 MiB. */
  readonly sessionQueueBytesMax?: number;
  /** Where sessions and retained messages outlive the broker. Default: nowhere. */
  readonly kept?: KeptByBroker;
  /** A subscriber that does not read for so long is dropped. Default 2 s. */
  readonly drainTimeoutMs?: number;
  /** New connections per second from one address; those beyond are closed at once. Default 500. */
  readonly connectsPerSecondMax?: number;
  /** Where the agent commands: persistent sessions may hold QoS 1 subscriptions there; a client's publish is counted. */
  readonly commandFilters: readonly string[];
  /** Takes the first bytes of what is no MQTT. */
  setAside?(junk: Junk): void;
  /** Takes back the memory that a connection was read into, once all that was in it is settled. */
  free?(buffer: ArrayBuffer): void;
  readonly clock: Clock;
  readonly log: Logger;
}
