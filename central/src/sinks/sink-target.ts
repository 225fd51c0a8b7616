import type { WindowResult } from "@millrace/stream";

/** The other side of a sink. Every write may be repeated, and come after a later one of the same window: it keeps the latest. */
export interface SinkTarget {
  readonly name: string;
  /** Connects and looks. Rejects with a `MillraceError` that a person can act on. */
  open(): Promise<{
    /** False where it may lack something of what was written before: then all of the history is written again. */
    readonly holdsAll: boolean;
  }>;
  /** Resolves once it holds them, or later revisions of them; how many it took. Rejects as `open` does. */
  write(results: readonly WindowResult[]): Promise<{ readonly taken: number }>;
  /** Removes some of the windows that ended before; whether there may be more. */
  prune(endedBeforeMs: number): Promise<{ readonly hasMore: boolean }>;
  /** At once; the next `open` connects anew. */
  close(): void;
}
