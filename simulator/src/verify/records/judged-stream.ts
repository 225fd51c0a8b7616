import type { BusinessRecord } from "../../business/business-record.ts";
import type { DistinctOracle } from "./distinct-oracle.ts";
import type { ExpectedStream } from "./judge-stream-ledger.ts";
import type { RuleOracle } from "./rule-oracle.ts";

/** One stream as it comes to central, in the order in which its records leave. */
export interface JudgedStream {
  /** Rules on single records. */
  readonly watches: readonly RuleOracle[];
  /** Rules that count new values. */
  readonly rules: readonly DistinctOracle[];
  /** The greatest event time that came. */
  readonly latestMs: number;
  readonly expected: Omit<ExpectedStream, "againMax">;
  /** `isBefore`: no window of the run reaches there. */
  arrive(record: BusinessRecord, isBefore: boolean): void;
  /** Nothing more comes: the windows are whole then. */
  finish(): void;
}
