import type { RejectionReason } from "../ledger.ts";

/** Why readings of a payload were not taken in. */
export interface Rejection {
  readonly reason: RejectionReason;
  readonly detail: string;
  /** Readings that it stands for. */
  readonly count: number;
}
