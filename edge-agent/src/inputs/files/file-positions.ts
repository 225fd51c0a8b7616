import type { FilePosition } from "./file-position.ts";

/** Where positions are kept: the agent's store, in the same commits as the readings. */
export interface FilePositions {
  /** Why nothing may be handed over now: the store takes no writes. Null while it does. */
  failure(): string | null;
  /** What is stored, by number; what is damaged is left out. */
  read(): Promise<ReadonlyMap<number, FilePosition>>;
  /**
   * Null deletes. Joins the commit that carries what was handed over in this turn, so a position and the lines before it
   * are durable together or not at all. Resolves when they are; without `isUrgent`, that may take a second.
   */
  save(
    changes: ReadonlyMap<number, FilePosition | null>,
    options: { readonly isUrgent: boolean },
  ): Promise<void>;
}
