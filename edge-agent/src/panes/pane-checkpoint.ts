import type { Change, Store } from "@millrace/queue";
import { encodePane, type Labels, type PaneRows, type PaneTable } from "@millrace/stream";
import { numberKey, numberOfKey, PREFIX, prefixRange } from "../durability/agent-store.ts";
import type { SeriesRegistry } from "../intake/series-registry.ts";
import { PaneEntryWriter, type PaneId, parsePaneEntry, type StoredPane } from "./pane-entry.ts";

/** Numbers of the entries that hold the open panes: from `first`, before `next`. */
export interface PaneEntries {
  readonly first: number;
  readonly next: number;
}

/** So many that are of no use any more are left beside those of use: with few panes it is not worth writing all again. */
const SPARE_PANES = 1_000;

/**
 * The open panes as the store holds them: one entry a checkpoint, of those that have changed and those that have left for a
 * batch. One value for a thousand panes costs the event loop a tenth of a thousand values. Where most of what the entries
 * hold is out of date, one with everything takes their place.
 */
export class PaneCheckpoint {
  readonly #series: SeriesRegistry;
  /** In the entries, by start the series. */
  readonly #stored = new Map<number, Set<number>>();
  #left: PaneId[] = [];
  #first = 1;
  #next = 1;
  /** Panes in all entries, the same pane as often as it is there. */
  #paneCount = 0;
  /** Of the last entry: the next one is about as long. */
  #entryBytes = 0;

  constructor(series: SeriesRegistry) {
    this.#series = series;
  }

  /** These have left for a batch: the next entry belongs into the same commit. */
  forget(rows: PaneRows): void {
    for (let row = 0; row < rows.rowCount && this.#stored.size > 0; row += 1) {
      const startMs = rows.startMs[row];
      const stored = this.#stored.get(startMs);
      const series = stored === undefined ? undefined : this.#seriesOf(rows, row);
      if (stored === undefined || series === undefined || !stored.delete(series)) continue;
      this.#left.push({ series, startMs });
      if (stored.size === 0) this.#stored.delete(startMs);
    }
  }

  collect(
    changes: Change[],
    tables: readonly PaneTable[],
    labelsOf: (series: number) => Labels,
  ): PaneEntries {
    const openCount = tables.reduce((sum, { rowCount }) => sum + rowCount, 0);
    const isWhole = openCount === 0 || this.#paneCount > 2 * openCount + SPARE_PANES;
    if (isWhole) this.#clear(changes);
    const entry = new PaneEntryWriter(this.#left, this.#entryBytes);
    let count = 0;
    for (const table of tables) count += this.#write(table.checkpoint(labelsOf, { isWhole }), entry);
    if (count > 0 || this.#left.length > 0) {
      const value = entry.finish();
      changes.push({ type: "put", key: numberKey(PREFIX.panes, this.#next), value });
      this.#next += 1;
      this.#paneCount += count;
      this.#left = [];
      this.#entryBytes = value.length;
    }
    return { first: this.#first, next: this.#next };
  }

  /**
   * Reads the panes that are stored, each as it was last. `expected`: the entries that must be there. `damaged` is called for
   * each that cannot be read, and once for all that are missing in a row: what stands before it is lost, too, for it may have
   * left for a batch.
   */
  async open(
    store: Store,
    expected: PaneEntries | undefined,
    damaged: (number: number) => void,
  ): Promise<readonly StoredPane[]> {
    const panes = new Map<string, StoredPane>();
    const lose = (number: number): void => {
      panes.clear();
      damaged(number);
    };
    const { first, next } = expected ?? { first: 1, next: 1 };
    this.#first = first;
    this.#next = first;
    for await (const { key, value } of store.range(prefixRange(PREFIX.panes))) {
      const number = numberOfKey(key);
      if (number > this.#next) lose(this.#next);
      this.#next = number + 1;
      const entry = parsePaneEntry(value);
      if (entry === undefined) lose(number);
      for (const id of entry?.left ?? []) panes.delete(nameOf(id));
      for (const pane of entry?.panes ?? []) panes.set(nameOf(pane), pane);
      this.#paneCount += entry?.panes.length ?? 0;
    }
    if (next > this.#next) lose(this.#next);
    this.#next = Math.max(this.#next, next);
    for (const pane of panes.values()) this.#remember(pane);
    return [...panes.values()];
  }

  /** What follows is an entry with everything. */
  #clear(changes: Change[]): void {
    for (; this.#first < this.#next; this.#first += 1)
      changes.push({ type: "del", key: numberKey(PREFIX.panes, this.#first) });
    this.#stored.clear();
    this.#left = [];
    this.#paneCount = 0;
  }

  /** Returns how many. */
  #write(rows: PaneRows, entry: PaneEntryWriter): number {
    const { layout } = rows;
    let count = 0;
    for (let row = 0; row < rows.rowCount; row += 1) {
      const series = this.#seriesOf(rows, row);
      if (series === undefined) continue;
      const fields = rows.state.subarray(row * layout.stride, (row + 1) * layout.stride);
      const sketches = rows.sketches.map((column) => column[row]);
      const pane = { series, startMs: rows.startMs[row] };
      encodePane(layout, { fields, sketches }, (length) => entry.roomFor(pane, length));
      this.#remember(pane);
      count += 1;
    }
    return count;
  }

  #remember({ series, startMs }: PaneId): void {
    const stored = this.#stored.get(startMs);
    if (stored === undefined) this.#stored.set(startMs, new Set([series]));
    else stored.add(series);
  }

  #seriesOf(rows: PaneRows, row: number): number | undefined {
    return this.#series.find(rows.metric, rows.series[rows.seriesIndex[row]])?.index;
  }
}

function nameOf({ series, startMs }: PaneId): string {
  return `${series} ${startMs}`;
}
