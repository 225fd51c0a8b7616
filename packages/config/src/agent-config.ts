import type { CertificatePaths, LogLevel } from "@millrace/runtime";
import type { Labels } from "@millrace/stream";
import type { TopicTemplate } from "@millrace/wire";
import type { ClientTls } from "./client-tls.ts";

/** agent.yaml, resolved: who and where one agent is. Times in ms, paths absolute, secrets read, defaults filled in. */
export interface AgentConfig {
  /** The file itself. */
  readonly path: string;
  readonly agent: string;
  readonly site: string;
  readonly dataFolder: string;
  readonly pipelinePath: string;
  /** At least one is not null, or a file is listed. */
  readonly inputs: {
    readonly broker: BrokerInputConfig | null;
    readonly mqtt: MqttInputConfig | null;
    readonly http: HttpInputConfig | null;
    readonly files: readonly TailedFileConfig[];
    readonly host: HostInputConfig | null;
  };
  readonly sparkplug: SparkplugConfig;
  readonly uplink: UplinkConfig;
  readonly outbox: {
    readonly bytesMax: number;
    readonly freeBytesMin: number;
    readonly retainAckedMs: number;
  };
  readonly limits: AgentLimits;
  /** Null: raw readings are not kept. */
  readonly recorder: RecorderConfig | null;
  readonly commit: {
    readonly liveIntervalMs: number;
    readonly checkpointIntervalMs: number;
    readonly ackIntervalMs: number;
  };
  readonly http: HttpConfig;
  readonly logLevel: LogLevel;
}

export interface HttpConfig extends Address {
  /** Names that it may be asked by, beside its host, localhost and IP addresses. */
  readonly allowedHosts: readonly string[];
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The embedded broker that sensors publish to. */
export interface BrokerInputConfig extends Address {
  /** Who may connect; empty: everyone who reaches the address, to everything. */
  readonly users: readonly BrokerUserConfig[];
  readonly tls: TlsConfig | null;
  readonly clientsMax: number;
  readonly connectsPerSecondMax: number;
  readonly retainedMax: number;
  readonly sessionsMax: number;
  readonly sessionExpiryMs: number;
  readonly sessionQueueMax: number;
  readonly sessionQueueBytesMax: number;
  readonly mustTakeCommands: boolean;
  /** A greater payload is rejected(oversized). */
  readonly payloadBytesMax: number;
}

export interface BrokerUserConfig {
  readonly user: string;
  /** Null: known by its certificate. */
  readonly password: string | null;
  /** MQTT filters. */
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** PEM texts of a listener. */
export interface TlsConfig {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate signed by it; null: they need none. */
  readonly ca: string | null;
}

/** A site's existing broker that the agent reads from. */
export interface MqttInputConfig {
  readonly url: string;
  /** Fixed, so that the broker keeps the session. */
  readonly clientId: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly protocolVersion: 4 | 5;
  /** PEM texts; null: the system's authorities, and no certificate of its own. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** Null: it has its messages alone. */
  readonly sharedGroup: string | null;
  readonly mustTakeCommands: boolean;
}

/** What is posted to over HTTP. */
export interface HttpInputConfig extends Address {
  /** Who may post; empty: everyone who reaches the address. */
  readonly users: readonly HttpUser[];
  /** PEM texts; null: not encrypted. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly clientsMax: number;
  readonly requestsMax: number;
  readonly requestsPerClientMax: number;
  readonly bodyBytesMax: number;
}

/** With a password (Basic) or a token (Bearer): one of the two is not null. */
export interface HttpUser {
  readonly user: string;
  readonly password: string | null;
  readonly token: string | null;
}

/** A file that grows, or several of one folder. */
export interface TailedFileConfig {
  /** Absolute; its last part may have `*` and `?`. */
  readonly path: string;
  /** Its only capture is `file`. */
  readonly topic: TopicTemplate;
  readonly format: FileFormat;
  readonly start: "beginning" | "end";
  readonly intervalMs: number;
}

export type FileFormat =
  | { readonly kind: "lines" }
  | { readonly kind: "csv"; readonly delimiter: string }
  /** Has named groups. */
  | { readonly kind: "pattern"; readonly pattern: RegExp };

/** The gateway's own sensors. */
export interface HostInputConfig {
  readonly intervalMs: number;
  /** Added to every reading of the host. */
  readonly labels: Labels;
}

/** As a Sparkplug B host application. */
export interface SparkplugConfig {
  readonly hostId: string;
  readonly reorderTimeoutMs: number;
  readonly rebirthIntervalMs: number;
  readonly payloadBytesMax: number;
}

export interface UplinkConfig {
  /** `mqtt://` or `mqtts://`; empty with `kafka`. */
  readonly url: string;
  /** Null: over MQTT. */
  readonly kafka: KafkaUplinkConfig | null;
  readonly username: string;
  readonly password: string | null;
  /** PEM text of the authority that signed central's certificate, or the brokers' with `kafka`; null: the system's. */
  readonly ca: string | null;
  /** PEM texts of the certificate that the agent shows, and of its key; null: none. What cannot be used may stand here. */
  readonly cert: string | null;
  readonly key: string | null;
  /** Where password and certificates lie: they are read again before each connection. Null: not in a file. */
  readonly paths: CertificatePaths & { readonly passwordFile: string | null };
  readonly backfillBytesPerSecond: number;
  readonly inFlightBatchesMax: number;
}

/** The flight recorder. */
export interface RecorderConfig {
  readonly bytesMax: number;
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Labels of a machine. */
  readonly by: readonly string[];
}

/** Straight to a Kafka topic. Its `tls` says whether the connection is encrypted; the certificates are the uplink's. */
export interface KafkaUplinkConfig extends KafkaConnectionConfig {
  readonly topic: string;
}

/** How Kafka's brokers are reached. */
export interface KafkaConnectionConfig {
  /** `host:port` of each; at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Null: not encrypted. */
  readonly tls: ClientTls | null;
  readonly sasl: {
    readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
    readonly username: string;
    readonly password: string;
  } | null;
}

export interface AgentLimits {
  /** A reading further ahead of the agent's clock is rejected(future). */
  readonly maxFutureMs: number;
  /** For every input. */
  readonly payloadBytesMax: number;
  readonly seriesPerMetricMax: number;
  /** Silent for longer, a series makes room for another one. */
  readonly forgetSilentAfterMs: number;
  readonly outOfOrdernessMs: number;
  readonly idleTimeoutMs: number;
  readonly dedupeHorizonMs: number;
  readonly dedupeKeysMax: number;
  /** Readings ahead of a clock that is not proven yet, on disk. */
  readonly heldReadingsMax: number;
  /** A reading older than this makes a historical alarm: no action. */
  readonly actionMaxAgeMs: number;
  /** Event time; a reading before it is rejected(before_floor). */
  readonly clockFloorMs: number;
}
