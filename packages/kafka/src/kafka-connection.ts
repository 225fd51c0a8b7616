/** How to reach brokers, whatever the client. */
export interface KafkaConnection {
  /** `host:port` of each that is asked first; at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** PEM texts; null inside: the system's authorities, no certificate of its own. Null: not encrypted. */
  readonly tls: {
    readonly ca: string | null;
    readonly cert: string | null;
    readonly key: string | null;
  } | null;
  readonly sasl: {
    readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
    readonly username: string;
    readonly password: string;
  } | null;
}
