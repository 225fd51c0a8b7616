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
  readonly path: JsonPath;
  /** From the value's text to the number that it stands for, or null: it counts nowhere. Without a map the value is the number. */
  readonly map: ReadonlyMap<string, number | null> | null;
  /** A record without it, or with null, counts nowhere in this metric, and is none that was refused. */
  readonly isOptional: boolean;
  readonly adjustment: ValueAdjustment | null;
  readonly labels: readonly RecordLabel[];
}

export interface RecordLabel {
  readonly name: string;
  readonly path: JsonPath;
}
