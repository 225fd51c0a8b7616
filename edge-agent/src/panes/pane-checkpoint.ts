import type { Change } from "@millrace/queue";
import { encodePane, type PaneRows } from "@millrace/stream";
import { paneKey } from "../durability/agent-store.ts";
import type { SeriesRegistry } from "../intake/series-registry.ts";

/** The rows of open panes that the store holds: written as the panes change, deleted once they are sealed. */
export class PaneCheckpoint {
  readonly #series: SeriesRegistry;
  readonly #stored = new Set<string>();

  constructor(series: SeriesRegistry) {
    this.#series = series;
  }

  /** The store holds this row already: found at the start. */
  restored(series: number, startMs: number): void {
    this.#stored.add(nameOf(series, startMs));
  }

  /** Rows as they are now, whole. */
  write(changes: Change[], rows: PaneRows): void {
    const { stride } = rows.layout;
    for (const { series, startMs, row } of this.#rowsOf(rows)) {
      const fields = rows.state.subarray(row * stride, (row + 1) * stride);
      const sketches = rows.sketches.map((column) => column[row]);
      const value = encodePane(rows.layout, { fields, sketches });
      changes.push({ type: "put", key: paneKey(series, startMs), value });
      this.#stored.add(nameOf(series, startMs));
    }
  }

  /** Rows that have been sealed into a batch. */
  forget(changes: Change[], rows: PaneRows): void {
    if (this.#stored.size === 0) return;
    for (const { series, startMs } of this.#rowsOf(rows)) {
      if (this.#stored.delete(nameOf(series, startMs)))
        changes.push({ type: "del", key: paneKey(series, startMs) });
    }
  }

  *#rowsOf(rows: PaneRows): Iterable<{ series: number; startMs: number; row: number }> {
    for (let row = 0; row < rows.rowCount; row += 1) {
      const series = this.#series.resolve(rows.metric, rows.series[rows.seriesIndex[row]]);
      if (series !== undefined) yield { series: series.index, startMs: rows.startMs[row], row };
    }
  }
}

function nameOf(series: number, startMs: number): string {
  return `${series} ${startMs}`;
}
