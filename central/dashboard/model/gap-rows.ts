/** Where a line has no data, in pixels. */
export interface GapSpan {
  readonly left: number;
  readonly right: number;
}

export interface GapRow {
  readonly names: readonly string[];
  readonly spans: readonly GapSpan[];
}

interface GapLine {
  readonly name: string;
  readonly spans: readonly GapSpan[];
  /** A narrower span has no room for the name. */
  readonly spanMin: number;
}

/**
 * One row of labels for each line with gaps. Where they are more than may be, or a name has no room, the last row is
 * for all that are left, in the widest of their gaps; none where no name has room.
 */
export function gapRows(lines: readonly GapLine[], rowsMax: number): readonly GapRow[] {
  const gappy = lines.filter(({ spans }) => spans.length > 0);
  const named = gappy.flatMap((line) => {
    const spans = line.spans.filter(({ left, right }) => right - left > line.spanMin);
    return spans.length === 0 ? [] : [{ line, spans }];
  });
  const isAll = named.length === gappy.length && named.length <= rowsMax;
  const own = named.slice(0, isAll ? rowsMax : rowsMax - 1);
  const rows = own.map(({ line, spans }) => ({ names: [line.name], spans }));
  if (isAll || own.length === 0) return rows;
  const ownLines = new Set(own.map(({ line }) => line));
  const rest = gappy.filter((line) => !ownLines.has(line));
  const spans = rest
    .flatMap((line) => line.spans)
    .toSorted((a, b) => b.right - b.left - (a.right - a.left))
    .slice(0, 1);
  return [...rows, { names: rest.map(({ name }) => name), spans }];
}
