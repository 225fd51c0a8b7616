import type { EventTimeMs } from "../event-time.ts";
import type { PaneRows } from "../pane-rows.ts";
import type { LayoutMatch } from "../pane-state.ts";
import type { PaneView } from "./pane-view.ts";
import { STATE_TIME_MS_MAX } from "./state-key.ts";

/** The rows of a batch that fall into one pane of a view. */
export interface PlacedRows {
  readonly startMs: EventTimeMs;
  readonly group: string;
  /** Ascending; not to be written to. */
  readonly rows: Uint32Array;
}

/**
 * The rows of a batch by the panes of a view that they fall into: what hangs on the pane is done once, however many rows it
 * gains. Rows whose time is none are in no pane.
 */
export class RowPlacement {
  readonly view: PaneView;
  readonly match: LayoutMatch;
  /** In order of their first rows. */
  readonly panes: readonly PlacedRows[];

  constructor(view: PaneView, rows: PaneRows) {
    this.view = view;
    this.match = view.matchOf(rows.layout);
    const only = onlyPane(view, rows);
    this.panes = only === null ? divided(findPanes(view, rows), rows.rowCount) : [only];
  }
}

/** The pane of a batch of one time and one group, as most are; null where the rows have to be looked at one by one. */
function onlyPane(view: PaneView, { rowCount, series, seriesIndex, startMs }: PaneRows): PlacedRows | null {
  const { names } = view.groupsOf(series);
  if (rowCount === 0 || names.length !== 1 || !isPlace(startMs[0])) return null;
  for (let row = 0; row < rowCount; row++)
    if (startMs[row] !== startMs[0] || seriesIndex[row] >= series.length) return null;
  return { startMs: view.placeOf(startMs[0]), group: names[0], rows: firstRows(rowCount) };
}

interface FoundPane {
  readonly startMs: EventTimeMs;
  readonly group: string;
  rowCount: number;
}

const NOWHERE = 2 ** 32 - 1;
/** By row, which of the panes found it falls into: of the placement that is being made. */
let paneOf = new Uint32Array(1_024);

function findPanes(view: PaneView, { rowCount, series, seriesIndex, startMs }: PaneRows): FoundPane[] {
  if (paneOf.length < rowCount) paneOf = new Uint32Array(2 * rowCount);
  const { paneMs } = view.layout;
  const { names, indexOf } = view.groupsOf(series);
  const firstMs = firstPaneOf(view, startMs, rowCount);
  const found: FoundPane[] = [];
  /** By group, then by the pane's number from the first: with holes, where the panes are far from one another. */
  const places: number[][] = names.map(() => []);
  let atMs = NaN;
  let paneStartMs = NaN;
  let inGroup = -1;
  let place = NOWHERE;
  for (let row = 0; row < rowCount; row++) {
    const group = seriesIndex[row] < indexOf.length ? indexOf[seriesIndex[row]] : -1;
    // Mostly the pane of the row before.
    if (startMs[row] !== atMs || group !== inGroup) {
      if (startMs[row] !== atMs) paneStartMs = view.placeOf(startMs[row]);
      atMs = startMs[row];
      inGroup = group;
      place = NOWHERE;
      if (group >= 0 && isPlace(paneStartMs)) {
        const number = (paneStartMs - firstMs) / paneMs;
        place = places[group][number] ??= found.length;
        if (place === found.length) found.push({ startMs: paneStartMs, group: names[group], rowCount: 0 });
      }
    }
    paneOf[row] = place;
    if (place !== NOWHERE) found[place].rowCount++;
  }
  return found;
}

function divided(found: readonly FoundPane[], rowCount: number): PlacedRows[] {
  const order = new Uint32Array(rowCount);
  const ends = new Uint32Array(found.length);
  let end = 0;
  const panes = found.map((pane, place) => {
    ends[place] = end;
    end += pane.rowCount;
    return { startMs: pane.startMs, group: pane.group, rows: order.subarray(end - pane.rowCount, end) };
  });
  for (let row = 0; row < rowCount; row++) if (paneOf[row] !== NOWHERE) order[ends[paneOf[row]]++] = row;
  return panes;
}

/** Lists of the first rows that are kept: most batches have a few hundred, each in the one pane. */
const ROWS_KEPT_MAX = 1_024;
const kept: Uint32Array[] = [];

function firstRows(count: number): Uint32Array {
  if (count <= ROWS_KEPT_MAX && kept[count] !== undefined) return kept[count];
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  if (count <= ROWS_KEPT_MAX) kept[count] = rows;
  return rows;
}

function firstPaneOf(view: PaneView, startMs: Float64Array, rowCount: number): EventTimeMs {
  let firstMs = Infinity;
  for (let row = 0; row < rowCount; row++)
    if (startMs[row] < firstMs && isPlace(startMs[row])) firstMs = startMs[row];
  return view.placeOf(firstMs);
}

function isPlace(startMs: EventTimeMs): boolean {
  return Math.abs(startMs) < STATE_TIME_MS_MAX / 2;
}
