import type { Row } from "./debezium/change-envelope.ts";

/** Streams of records by their logical name; what a topic is called at a broker is the output's business. */
export const RECORD_STREAMS = ["orders", "refunds", "transfers", "trucks", "app-opens"] as const;
export type RecordStreamName = (typeof RECORD_STREAMS)[number];

/** One business event, as every output carries it. */
export interface BusinessRecord {
  readonly topic: RecordStreamName;
  /** Unique within its stream. */
  readonly id: string;
  /** Event time, whole ms. */
  readonly timeMs: number;
  /** When it leaves its source: later than `timeMs` for what waited, as a truck's reports in a tunnel. */
  readonly sentMs: number;
  /** Records of one key stay in order. */
  readonly key: string;
  /** One JSON object, its keys in a fixed order; null: a tombstone, which deletes the key's value. */
  readonly json: string | null;
  /** `again`: it has come before. `spoilt`: its JSON is not what was said. Absent: neither. */
  readonly fate?: "again" | "spoilt";
  /** What a change event does in its table: the row as it is then, or as it was before its deletion. */
  readonly change?: { readonly op: "c" | "u" | "d" | "r"; readonly row: Row };
}

/** Makes a stream's records in order of event time, the same ones in whatever portions they are taken. */
export interface RecordSource {
  /** Appends every record of an event time before `untilMs` that was not taken yet; null: nobody wants them. */
  take(untilMs: number, into: BusinessRecord[] | null): void;
}
