import type { Frontier, PaneRows } from "@millrace/stream";

/** The body of a batch of kind `panes`. */
export interface PaneBatch {
  readonly frontier: Frontier;
  /** One entry per metric and layout. */
  readonly sections: readonly PaneRows[];
}
