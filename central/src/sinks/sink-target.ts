import type { MillraceError } from "@millrace/runtime";

/** The other side of a sink. Every write may be repeated; what reads there takes the latest. */
export interface SinkTarget<Item> {
  readonly name: string;
  /** Looks, and connects anew where that is needed. Rejects with a `MillraceError` that a person can act on. */
  open(): Promise<{
    /** False where it may lack something of what was written before: then all of the history is written again. */
    readonly holdsAll: boolean;
  }>;
  /**
   * Resolves once it holds them, or later ones of their keys; one call after another. Rejects as `open` does.
   * @param onTrouble told why it waits, while it goes on trying by itself
   */
  write(items: readonly Item[], onTrouble: (trouble: MillraceError) => void): Promise<SinkWritten<Item>>;
  /** Removes some of what was over before; whether there may be more. Absent: it forgets by itself. */
  prune?(endedBeforeMs: number): Promise<{ readonly hasMore: boolean }>;
  /** After a failure, for how long it has asked to be left alone. */
  restMs?(): number;
  /** At once, and for good. */
  close(): void;
}

export interface SinkWritten<Item = never> {
  readonly taken: number;
  /** Of the others, those that it refuses for good; the rest it had already, or later ones. */
  readonly refused?: number;
  /** What it did not come to, or failed at, and why: tried again in this order, behind all that waits. Absent: there is none. */
  readonly left?: { readonly items: readonly Item[]; readonly why: MillraceError };
}
