import type { KafkaConnectionConfig } from "./agent-config.ts";
import type { ClientTls } from "./client-tls.ts";

/** What of windows and alarms goes to a sink. */
interface SinkSelection {
  /** Null: all. */
  readonly windows: readonly string[] | null;
  /** Whether revisions of open windows go there. */
  readonly hasProvisional: boolean;
  readonly hasAlarms: boolean;
}

/** Redis, as a sink of windows. */
export interface RedisSinkConfig {
  /** `redis://host:port/database`, or `rediss://`; without secrets. */
  readonly url: string;
  readonly username: string | null;
  readonly password: string | null;
  /** Null: as `url` says. */
  readonly tls: ClientTls | null;
  /** `{window}` in it stands for the window's name. */
  readonly prefix: string;
  readonly retentionMs: number;
  /** Null: all. */
  readonly windows: readonly string[] | null;
}

/** Kafka topics of windows and alarms. */
export interface KafkaSinkConfig extends SinkSelection {
  readonly connection: KafkaConnectionConfig;
  readonly windowsTopic: string;
  readonly alarmsTopic: string;
  /** Of a topic that is made. */
  readonly partitions: number;
  /** Of a topic that is made; null: the brokers' own. */
  readonly replicas: number | null;
  readonly retentionMs: number;
}

/** Files of JSON lines. */
export interface FileSinkConfig extends SinkSelection {
  readonly folder: string;
  readonly rotation: FileRotation;
}

export interface FileRotation {
  readonly bytesMax: number;
  readonly isDaily: boolean;
  /** Of those put aside. */
  readonly filesKept: number;
}

/** Gauges of windows at `/metrics`. */
export interface PrometheusSinkConfig {
  /** Null: all. */
  readonly windows: readonly string[] | null;
  /** Whether open windows are shown, too. */
  readonly hasProvisional: boolean;
  /** Counted from when the next window should have ended. */
  readonly retentionMs: number;
  readonly seriesMax: number;
}

/** Alarms posted over HTTP. */
export interface WebhookSinkConfig {
  readonly url: string;
  readonly header: { readonly name: string; readonly value: string } | null;
  /** Null: as `url` says. */
  readonly tls: ClientTls | null;
  readonly timeoutMs: number;
  /** Null: no links. */
  readonly dashboardUrl: string | null;
}
