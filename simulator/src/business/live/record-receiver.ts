import type { BusinessRecord } from "../business-record.ts";

/** Where records go as they happen. */
export interface RecordReceiver {
  /** They become rows of a database, of whose changes somebody else may tell. */
  readonly isTable?: true;
  /** So many records may have come to it once more by now: sent again, since nobody knew whether they had. */
  readonly againMax: number;
  /**
   * Rejects with what a person can act on. Resolves with how many of the run's records it holds, in the order in which they
   * leave; null: it keeps no such count.
   */
  open(): Promise<number | null>;
  /**
   * One call after another; resolves when the receiver holds all of them, in this order by key: of the run's records
   * `through` then. Waits while it is away; rejects when waiting cannot help, or after `close`.
   */
  send(records: readonly BusinessRecord[], through: number): Promise<void>;
  /** At once. */
  close(): Promise<void>;
}
