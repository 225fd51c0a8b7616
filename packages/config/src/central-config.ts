import type { LogLevel } from "@millrace/runtime";
import type { HistoryLevel } from "@millrace/stream";
import type { Address, HttpConfig, KafkaConnectionConfig } from "./agent-config.ts";
import type { FileSinkConfig, KafkaSinkConfig, RedisSinkConfig, WebhookSinkConfig } from "./sink-config.ts";

/** central.yaml, resolved: times in ms, paths absolute, secrets read, defaults filled in. */
export interface CentralConfig {
  /** The file itself. */
  readonly path: string;
  readonly dataFolder: string;
  readonly pipelinePath: string;
  readonly intake: { readonly mqtt: MqttIntakeConfig };
  /** The agents enrolled; each may publish only under its own name. */
  readonly agents: readonly AgentIdentity[];
  readonly http: HttpConfig & {
    /** Whether alarms may be reset through page and API. */
    readonly isControlAllowed: boolean;
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
  /** Streams of business records. */
  readonly records: readonly RecordStreamConfig[];
  readonly sinks: {
    readonly redis: RedisSinkConfig | null;
    readonly kafka: KafkaSinkConfig | null;
    readonly file: FileSinkConfig | null;
    readonly webhook: WebhookSinkConfig | null;
  };
  /** An agent unheard for longer is shown as silent. */
  readonly silentAfterMs: number;
  readonly logLevel: LogLevel;
}

export interface MqttIntakeConfig extends Address {
  /** PEM texts; null: plain TCP. With `ca`, agents must show a certificate that it signed. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string | null } | null;
}

export interface AgentIdentity {
  readonly id: string;
  readonly site: string;
  /** Null only where TLS client certificates identify agents. */
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
  readonly group: string;
}
