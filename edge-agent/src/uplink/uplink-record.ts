import type { KafkaSentRecord } from "@millrace/kafka";

/** What the uplink writes to its topic. */
export interface UplinkRecord extends KafkaSentRecord {
  /** The agent: what it writes is in one partition, in order. */
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}
