import type { Labels, PaneRows, TimeRange } from "@millrace/stream";
import { PaneBatchSize, rowFieldBytes } from "@millrace/wire";

/**
 * Of a body before compression: far within the wire's bound, and small enough that one batch holds up a slow link for
 * little more than a second even where it does not compress.
 */
export const BODY_BYTES_MAX = 64 * 1024;

/**
 * Splits into groups that fit a body each; small sections share one. Rows of one series stand together, so each part names few
 * series. A section with something unread came in a batch that was not too great, and cannot be cut: it stands alone.
 */
export function groupSections(sections: readonly PaneRows[]): PaneRows[][] {
  const groups: PaneRows[][] = [];
  let group: PaneRows[] = [];
  let size = new PaneBatchSize();
  const close = (): void => {
    if (group.length > 0) groups.push(group);
    group = [];
    size = new PaneBatchSize();
  };
  for (const rows of sections) {
    if (rows.unread !== undefined) {
      close();
      groups.push([rows]);
      continue;
    }
    const fieldBytes = rowFieldBytes(rows);
    let from = 0;
    for (let row = 0; row < rows.rowCount; row += 1) {
      size.addRow(rows, row, { fieldBytes, isFirst: row === from });
      const isAlone = row === from && group.length === 0;
      if (size.bytes <= BODY_BYTES_MAX || isAlone) continue;
      if (row > from) group.push(slice(rows, from, row));
      close();
      from = row;
      size.addRow(rows, row, { fieldBytes, isFirst: true });
    }
    if (from < rows.rowCount) group.push(slice(rows, from, rows.rowCount));
  }
  close();
  return groups;
}

/** Consecutive items in groups of at most `bytesMax`; one that is greater stands alone. */
export function groupWithin<Item>(
  bytesMax: number,
  items: readonly Item[],
  bytesOf: (item: Item) => number,
): Item[][] {
  const groups: Item[][] = [];
  let group: Item[] = [];
  let groupBytes = 0;
  for (const item of items) {
    const bytes = bytesOf(item);
    if (group.length > 0 && groupBytes + bytes > bytesMax) {
      groups.push(group);
      group = [];
      groupBytes = 0;
    }
    group.push(item);
    groupBytes += bytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

function slice(rows: PaneRows, from: number, to: number): PaneRows {
  if (from === 0 && to === rows.rowCount) return rows;
  const { stride } = rows.layout;
  const series: Labels[] = [];
  const seriesIndex = new Uint32Array(to - from);
  for (let row = from; row < to; row += 1) {
    const labels = rows.series[rows.seriesIndex[row]];
    if (series.at(-1) !== labels) series.push(labels);
    seriesIndex[row - from] = series.length - 1;
  }
  return {
    ...rows,
    rowCount: to - from,
    series,
    seriesIndex,
    startMs: rows.startMs.subarray(from, to),
    state: rows.state.subarray(from * stride, to * stride),
    sketches: rows.sketches.map((column) => column.slice(from, to)),
  };
}

/** The event time of all rows. */
export function coveredRange(sections: readonly PaneRows[]): TimeRange {
  let startMs = Number.POSITIVE_INFINITY;
  let endMs = Number.NEGATIVE_INFINITY;
  for (const { rowCount, startMs: starts, layout } of sections) {
    for (let row = 0; row < rowCount; row += 1) {
      startMs = Math.min(startMs, starts[row]);
      endMs = Math.max(endMs, starts[row] + layout.paneMs);
    }
  }
  return { startMs, endMs };
}
