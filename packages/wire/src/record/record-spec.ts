import type { ZoneSpec } from "@millrace/stream";
import type { JsonPath } from "../json-path.ts";
import type { TimeUnit } from "../source-time.ts";
import type { ValueAdjustment } from "../unit/value-adjustment.ts";

/** What is read of each record of a stream. */
export interface RecordSpec {
  /** A text, or a whole number. */
  readonly id: JsonPath;
  readonly time: RecordTimeSpec;
  /** One for each metric. */
  readonly measures: readonly RecordMeasure[];
  /** What rules look at beside; a record without it is refused. */
  readonly pairs?: readonly RecordPair[];
}

/** A key and a value of it: an account and whom it pays. */
export interface RecordPair {
  readonly key: readonly RecordLabel[];
  readonly value: RecordLabel;
}

export interface RecordTimeSpec {
  readonly path: JsonPath;
  readonly unit: TimeUnit;
  /** IANA name: of what times are that name no zone. Null: UTC. */
  readonly timeZone: string | null;
}

export interface RecordMeasure {
  /** For messages. */
  readonly metric: string;
  /** Absent: a number. */
  readonly value?: RecordValueKind;
  /** Where it stands; of a position its longitude. */
  readonly path: JsonPath;
  /** From the value's text to the number that it stands for, or null: it counts nowhere. Without a map the value is the number. */
  readonly map: ReadonlyMap<string, number | null> | null;
  /** A record without it, or with null, counts nowhere in this metric, and is none that was refused. */
  readonly isOptional: boolean;
  readonly adjustment: ValueAdjustment | null;
  readonly labels: readonly (RecordLabel | RecordZoneLabel)[];
}

/**
 * `identity`: 53 bits of a hash of the text or the number, for counting different ones. `since`: by how many seconds the record's time
 * is behind the time there. `position`: longitude and latitude, packed (`packPosition`).
 */
export type RecordValueKind =
  | { readonly kind: "identity" }
  | { readonly kind: "since"; readonly unit: TimeUnit; readonly timeZone: string | null }
  | { readonly kind: "position"; readonly latitude: JsonPath };

export interface RecordLabel {
  readonly name: string;
  readonly path: JsonPath;
}

/** A label that is the first of the zones that the record's position is in. */
export interface RecordZoneLabel {
  readonly name: string;
  readonly zone: RecordZone;
}

export interface RecordZone {
  readonly longitude: JsonPath;
  readonly latitude: JsonPath;
  readonly zones: readonly ZoneSpec[];
}
