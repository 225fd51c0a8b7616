import type { Quality } from "@millrace/stream";

/** One element of a payload: a reading, or why there is none. */
export type Decoded = DecodedReading | DecodeFailure;

export interface DecodedReading {
  readonly ok: true;
  /** Finite. */
  readonly value: number;
  /** Null when the payload gives no time: the time of arrival stands in. */
  readonly timeMs: number | null;
  /** The source's time below the millisecond, ns: part of a reading's identity. */
  readonly timeSubMsNs: number;
  /** Whether the time is the source's own: the same whenever the payload comes again. */
  readonly hasOwnTime: boolean;
  readonly quality: Quality;
  /** Sent after the fact: it makes panes, and never acts. Absent: no. */
  readonly isHistorical?: boolean;
  /** Values of the decoder's labels, in their order. */
  readonly labels: readonly string[];
}

export interface DecodeFailure {
  readonly ok: false;
  readonly reason: DecodeFailureReason;
  readonly detail: string;
  /** Readings that it stands for. */
  readonly count: number;
}

export type DecodeFailureReason =
  | "malformed"
  | "not_finite"
  | "bad_time"
  | "oversized"
  | "too_many"
  | "not_numeric"
  | "null_value"
  | "no_birth";
