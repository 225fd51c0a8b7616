import type { CertificatePaths, LogLevel } from "@millrace/runtime";
import type { HistoryLevel } from "@millrace/stream";
import type { Address, HttpConfig, KafkaConnectionConfig } from "./agent-config.ts";
import type {
  FileSinkConfig,
  KafkaSinkConfig,
  PrometheusSinkConfig,
  RedisSinkConfig,
  WebhookSinkConfig,
} from "./sink-config.ts";

/** central.yaml, resolved: times in ms, paths absolute, secrets read, defaults filled in. */
export interface CentralConfig {
  /** The file itself. */
  readonly path: string;
  readonly dataFolder: string;
  readonly pipelinePath: string;
  readonly intake: {
    readonly mqtt: MqttIntakeConfig;
    /** Null: agents come to the listener only. */
    readonly broker: BrokerIntakeConfig | null;
    /** The log between intake and state; null: central's own store. */
    readonly kafka: KafkaIntakeConfig | null;
  };
  /** The agents enrolled; each may publish only under its own name. */
  readonly agents: readonly AgentIdentity[];
  readonly http: HttpConfig & {
    /** Whether anybody may change something where there are neither users nor tokens. */
    readonly isControlAllowed: boolean;
    /** People who log in at the page. */
    readonly users: readonly ApiUser[];
    /** Programs. */
    readonly tokens: readonly ApiToken[];
    readonly tls: ServerTls | null;
  };
  readonly windows: {
    /** After the first agent has passed a window, how long the others are waited for. */
    readonly graceMs: number;
    /** How long finished windows are kept. */
    readonly retainMs: number;
  };
  /** By level: how much of it is kept. */
  readonly history: Readonly<
    Record<HistoryLevel["name"], { readonly retainMs: number; readonly bytesMax: number }>
  >;
  readonly evidence: {
    readonly bytesMax: number;
    readonly retainMs: number;
    /** What no part has come of for so long is given up. */
    readonly unfinishedMs: number;
  };
  readonly quarantine: { readonly bytesMax: number; readonly retainMs: number };
  /** Streams of business records. */
  readonly records: readonly RecordStreamConfig[];
  readonly sinks: {
    readonly redis: RedisSinkConfig | null;
    readonly kafka: KafkaSinkConfig | null;
    readonly file: FileSinkConfig | null;
    readonly prometheus: PrometheusSinkConfig | null;
    readonly webhook: WebhookSinkConfig | null;
  };
  readonly limits: {
    /** Groups of windows that all rules on windows together watch. */
    readonly ruleGroupsMax: number;
  };
  /** An agent unheard for longer is shown as silent. */
  readonly silentAfterMs: number;
  readonly logLevel: LogLevel;
}

export interface MqttIntakeConfig extends Address {
  /** Null: plain TCP. */
  readonly tls: ServerTls | null;
}

/** A broker of others that agents' uplinks go through. PEM texts; null: the system's authorities, no certificate. */
export interface BrokerIntakeConfig {
  readonly url: string;
  readonly group: string;
  readonly clientId: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface KafkaIntakeConfig extends KafkaConnectionConfig {
  readonly topic: string;
  /** While it is read anew: how long a partition that gives nothing holds the others back. */
  readonly patienceMs: number;
}

/** PEM texts of a listener, and where they lie. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate signed by it; null: they need none. */
  readonly ca: string | null;
  readonly paths: CertificatePaths;
}

/** What somebody may do through the API: look, or also change. */
export type Role = "read" | "operate";

export interface ApiUser {
  readonly user: string;
  /** Of the password, as `millrace-central user` prints it. */
  readonly hash: string;
  readonly role: Role;
}

export interface ApiToken {
  readonly name: string;
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  readonly role: Role;
}

export interface AgentIdentity {
  readonly id: string;
  readonly site: string;
  /** Null only where TLS client certificates identify agents, or where a broker of others does, or they may write to a Kafka topic themselves. */
  readonly password: string | null;
}

/** One stream of business records, and where it comes from. */
export interface RecordStreamConfig {
  readonly name: string;
  /** Null: they are posted over HTTP. */
  readonly kafka: KafkaRecordsConfig | null;
  readonly outOfOrdernessMs: number;
  readonly idleTimeoutMs: number;
  readonly maxFutureMs: number;
  readonly recordBytesMax: number;
  readonly dedupeHorizonMs: number;
  readonly dedupeIdsMax: number;
  /** They are Debezium's change events of a table. Absent: each record stands for itself. */
  readonly debezium?: DebeziumConfig;
}

export interface DebeziumConfig {
  /** Digits behind the point, by column, of decimals that come as bytes without a schema. */
  readonly decimals: ReadonlyMap<string, number>;
  /** Columns of days since 1970 that come without a schema. */
  readonly dates: ReadonlySet<string>;
  /** IANA name: of what columns without a time zone are; null: as the metric says, or UTC. */
  readonly timeZone: string | null;
  /** Rows whose last contribution is kept at most. */
  readonly rowsMax: number;
}

export interface KafkaRecordsConfig extends KafkaConnectionConfig {
  readonly topic: string;
  /** Null: one that no other central has. */
  readonly group: string | null;
}
