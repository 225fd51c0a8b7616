/** One number of each series, at the series' index. */
type SeriesColumn = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/** How long columns must be that have no room for `series`: twice what it needs, so that growing is rare. */
export function columnLengthFor(series: number): number {
  return Math.max(64, (series + 1) * 2);
}

/** The longer column, which holds what new series begin with, after it has taken over what the shorter one holds. */
export function grownColumn<Column extends SeriesColumn>(old: Column, longer: Column): Column {
  longer.set(old);
  return longer;
}
