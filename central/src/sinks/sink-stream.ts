import type { ChangedRange } from "./changed-range.ts";

/** What goes to a sink, and where all of it is read again. */
export interface SinkStream<Item> {
  /** Items of one key replace one another, the later the earlier. Null: not for this sink. */
  keyOf(item: Item): string | null;
  /** Central's clock when the item became what it is. */
  changedAtMs(item: Item): number;
  /** Where it is found again; the same for all items of one key. */
  placeOf(item: Item): SinkPlace;
  /** Whether it is past a retention that ends with what was over before `cutoffMs`. */
  isExpired(item: Item, cutoffMs: number): boolean;
  /** Some of what central holds durably, each item as it is now. */
  read(page: SinkPageQuery): Promise<SinkPage<Item>>;
}

export interface SinkPlace {
  /** One of few. */
  readonly part: string;
  readonly atMs: number;
}

export interface SinkPageQuery {
  /** What was over before need not be read. */
  readonly cutoffMs: number;
  /** Only what has changed then; null: all. */
  readonly changed: readonly ChangedRange[] | null;
  /** By part: what lies before this need not be read, nor a part that is not in it. Null: all is. */
  readonly fromMs: ReadonlyMap<string, number> | null;
  readonly limit: number;
  /** Where an earlier page ended. */
  readonly cursor: string | null;
}

export interface SinkPage<Item> {
  readonly items: readonly Item[];
  /** Null at the end. */
  readonly cursor: string | null;
}
