import type { Store } from "@millrace/queue";
import {
  decodePane,
  historyFields,
  HistoryRows,
  paneLayoutOf,
  parseStateKey,
  startOf,
  stateRange,
} from "@millrace/stream";
import type { PaneView, TimeRange } from "@millrace/stream";
import { CENTRAL_KEYS, engineKeyOf } from "../store/central-keys.ts";
import type { BlockPlan } from "./tracked-series.ts";

interface ScanOptions extends BlockPlan {
  /** Groups that are told of though they have no panes. */
  readonly groups: Iterable<string>;
  readonly rowsMax: number;
}

/** What the stored panes of a view have in a range, by group and bucket of the finest level. */
export interface BlockScan {
  /** The range asked for, or its first parts where there is too much. */
  readonly range: TimeRange;
  readonly groups: ReadonlyMap<string, HistoryRows>;
  /** Panes that could not be read: they are left out. */
  readonly unreadableCount: number;
}

/** Reads panes as they are committed at the time of the call. Rejects with `store_read`. */
export async function scanBlock(
  store: Store,
  view: PaneView,
  block: TimeRange,
  { levels: [{ bucketMs }], partMs, groups: known, rowsMax }: ScanOptions,
): Promise<BlockScan> {
  const { layout } = view;
  // Sketches are not kept: they need not be read.
  const plain = paneLayoutOf(layout.paneMs, layout.accumulators);
  const fields = historyFields(plain.accumulators);
  const groups = new Map<string, HistoryRows>();
  for (const group of known) groups.set(group, new HistoryRows(fields, new Float64Array(0)));
  let rowCount = 0;
  let unreadableCount = 0;
  let partEndMs = block.startMs + partMs;
  const { from, to } = stateRange("p", view.key, block.startMs, block.endMs);
  const range = { from: CENTRAL_KEYS.engine(from), to: CENTRAL_KEYS.engine(to) };
  for await (const { key, value } of store.range(range)) {
    const parts = parseStateKey(engineKeyOf(key));
    if (parts === null) continue;
    if (parts.startMs >= partEndMs) {
      if (rowCount >= rowsMax)
        return { range: { startMs: block.startMs, endMs: partEndMs }, groups, unreadableCount };
      partEndMs = startOf(parts.startMs, partMs) + partMs;
    }
    const pane = decodePane(plain, value);
    if (pane === null) {
      unreadableCount += 1;
      continue;
    }
    let rows = groups.get(parts.group);
    if (rows === undefined) groups.set(parts.group, (rows = new HistoryRows(fields)));
    const before = rows.size;
    rows.add(startOf(parts.startMs, bucketMs), pane.fields, 0);
    rowCount += rows.size - before;
  }
  return { range: block, groups, unreadableCount };
}
