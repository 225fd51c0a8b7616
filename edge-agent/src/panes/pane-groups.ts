import type { Labels, PaneRows, TimeRange } from "@millrace/stream";

/**
 * Of a body before compression: far within the wire's bound, and small enough that one batch holds up a slow link for
 * little more than a second even where it does not compress.
 */
export const BODY_BYTES_MAX = 64 * 1024;
/** A row's series and start, and a float64 field, at their greatest. */
const ROW_BYTES = 20;
const FIELD_BYTES = 10;
/** Bytes of one UTF-16 unit in UTF-8, at most. */
const UTF8_BYTES_MAX = 3;

/** Splits into groups that fit a body each; small sections share one. */
export function groupSections(sections: readonly PaneRows[]): PaneRows[][] {
  return groupWithin(BODY_BYTES_MAX, sections.flatMap(slices), bodyBytesOf);
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

/**
 * A section in parts that fit a body each; rows of one series stand together, so each part names few series. One with
 * something unread came in a batch that was not too great, and cannot be cut.
 */
function slices(rows: PaneRows): PaneRows[] {
  if (rows.unread !== undefined) return [rows];
  const parts: PaneRows[] = [];
  let from = 0;
  let bytes = 0;
  for (let row = 0; row < rows.rowCount; row += 1) {
    const isNewSeries = row === from || rows.seriesIndex[row] !== rows.seriesIndex[row - 1];
    const rowBytes = rowBytesOf(rows) + (isNewSeries ? seriesBytesOf(rows, row) : 0);
    if (row > from && bytes + rowBytes > BODY_BYTES_MAX) {
      parts.push(slice(rows, from, row));
      from = row;
      bytes = 0;
    }
    bytes += rowBytes;
  }
  if (from < rows.rowCount) parts.push(slice(rows, from, rows.rowCount));
  return parts;
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

/** At most what the section takes in a body, before compression. */
function bodyBytesOf(rows: PaneRows): number {
  let bytes = rows.rowCount * rowBytesOf(rows);
  for (const { bytes: unread } of rows.unread ?? []) bytes += unread.length;
  for (let row = 0; row < rows.rowCount; row += 1) {
    if (row === 0 || rows.seriesIndex[row] !== rows.seriesIndex[row - 1]) bytes += seriesBytesOf(rows, row);
  }
  return bytes;
}

function rowBytesOf({ layout }: PaneRows): number {
  return ROW_BYTES + layout.stride * FIELD_BYTES;
}

function seriesBytesOf(rows: PaneRows, row: number): number {
  return UTF8_BYTES_MAX * JSON.stringify(rows.series[rows.seriesIndex[row]]).length;
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
