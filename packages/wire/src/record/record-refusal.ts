/** Why a record was not taken. Closed: the names are in metrics and the API. */
export const RECORD_REFUSAL_REASONS = [
  "malformed",
  "empty",
  "oversized",
  "no_id",
  "no_time",
  "bad_time",
  "future",
  "no_label",
  "no_value",
  "bad_value",
] as const;
export type RecordRefusalReason = (typeof RECORD_REFUSAL_REASONS)[number];

export interface RecordRefusal {
  readonly reason: RecordRefusalReason;
  readonly detail: string;
}
