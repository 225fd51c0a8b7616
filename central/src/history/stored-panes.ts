import type { Store } from "@millrace/queue";
import { decodePane, paneLayoutOf, parseStateKey, stateKey, stateRange } from "@millrace/stream";
import type { PaneView, TimeRange } from "@millrace/stream";
import { CENTRAL_KEYS, engineKeyOf } from "../store/central-keys.ts";

export interface StoredPanesAsked {
  readonly view: PaneView;
  readonly range: TimeRange;
  readonly groups: ReadonlySet<string>;
  readonly bounds?: StoredPaneBounds;
}

export interface StoredPaneBounds {
  /** Panes that are asked for one by one, whether they are there or not. */
  readonly keysMax: number;
  /** Panes of all groups that are read where there would be more of those. */
  readonly readMax: number;
}

/** Of the processor 0.4 s and 13 s, in turns of some milliseconds. */
export const STORED_PANE_BOUNDS: StoredPaneBounds = { keysMax: 50_000, readMax: 2_000_000 };
const KEYS_READ = 1_000;

/**
 * Adds what the stored panes of a view have of some groups in a range. Few are read by their keys, so that what others have
 * costs nothing; else all of the range. Null: that was all of it; otherwise the time before which everything is added: there are
 * more panes than are read at once.
 */
export async function addStoredPanes(
  store: Store,
  { view, range, groups, bounds = STORED_PANE_BOUNDS }: StoredPanesAsked,
  add: (startMs: number, group: string, state: Float64Array) => void,
): Promise<number | null> {
  const { paneMs, accumulators } = view.layout;
  const plain = paneLayoutOf(paneMs, accumulators);
  const addPane = (startMs: number, group: string, bytes: Uint8Array) => {
    const pane = decodePane(plain, bytes);
    if (pane !== null) add(startMs, group, pane.fields);
  };
  const { startMs, endMs } = range;
  if (groups.size * ((endMs - startMs) / paneMs) <= bounds.keysMax) {
    for (const places of placesOf(view, range, groups)) {
      const found = await store.getMany(places.map(({ key }) => key));
      for (const [index, bytes] of found.entries())
        if (bytes !== undefined) addPane(places[index].startMs, places[index].group, bytes);
    }
    return null;
  }
  const { from, to } = stateRange("p", view.key, startMs, endMs);
  let left = bounds.readMax;
  for await (const { key, value } of store.range({
    from: CENTRAL_KEYS.engine(from),
    to: CENTRAL_KEYS.engine(to),
  })) {
    const parts = parseStateKey(engineKeyOf(key));
    if (parts === null) continue;
    if (left === 0) return parts.startMs;
    left -= 1;
    if (groups.has(parts.group)) addPane(parts.startMs, parts.group, value);
  }
  return null;
}

interface PanePlace {
  readonly key: Uint8Array;
  readonly startMs: number;
  readonly group: string;
}

/** As many together as are read at a time. */
function* placesOf(
  { key: name, layout: { paneMs } }: PaneView,
  { startMs: fromMs, endMs }: TimeRange,
  groups: ReadonlySet<string>,
): Generator<readonly PanePlace[]> {
  let places: PanePlace[] = [];
  for (let startMs = Math.ceil(fromMs / paneMs) * paneMs; startMs < endMs; startMs += paneMs)
    for (const group of groups) {
      places.push({ key: CENTRAL_KEYS.engine(stateKey("p", name, startMs, group)), startMs, group });
      if (places.length < KEYS_READ) continue;
      yield places;
      places = [];
    }
  if (places.length > 0) yield places;
}
