/** What goes to a sink, and where all of it is read again. */
export interface SinkStream<Item> {
  /** Items of one key replace one another, the later the earlier. Null: not for this sink. */
  keyOf(item: Item): string | null;
  /** Central's clock when the item became what it is. */
  changedAtMs(item: Item): number;
  /** Whether it is past a retention that ends with what was over before `cutoffMs`. */
  isExpired(item: Item, cutoffMs: number): boolean;
  /** Some of what central holds durably, each item as it is now. */
  read(page: SinkPageQuery): Promise<SinkPage<Item>>;
}

export interface SinkPageQuery {
  /** What was over before need not be read. */
  readonly cutoffMs: number;
  /** Only what has changed at this time or later; null: all. */
  readonly sinceMs: number | null;
  readonly limit: number;
  /** Where an earlier page ended. */
  readonly cursor: string | null;
}

export interface SinkPage<Item> {
  readonly items: readonly Item[];
  /** Null at the end. */
  readonly cursor: string | null;
}
