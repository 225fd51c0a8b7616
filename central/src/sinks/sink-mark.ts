/** How far a sink holds what central has made, durably. */
export interface SinkMark {
  /** What had changed before this time, on central's clock, is there. Null: nothing is known. */
  read(): Promise<number | null>;
  /** May be lost in a power cut: then the one before counts. */
  write(changedAtMs: number | null): Promise<void>;
}
